"""The modules of ALBERT, top to bottom. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import ModelOutput, Tensors
from ...modeling.config import PreTrainedConfig
from ...modeling.encoder import EncoderEmbeddings, EncoderPreTrainedModel
from ...modeling.heads.headed import Headed, WithoutPooler, only
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...modeling.word_encoder import WordEncoder
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.block import Block
from ...nn.kernels import default_scaling
from ...nn.layer import Layer, LayerStack, in_chunks
from ...nn.losses import token_loss
from ...nn.masks import Mask
from ...nn.pooling import first_state
from . import AlbertConfig


class AlbertEmbeddings(EncoderEmbeddings):
    """norm(word + segment + position), narrower than the states."""


class AlbertAttention(HasHeads):
    """norm(x + dense(attention(x)))."""

    dropout_name = "attention_dropout"
    query_name = "query"
    hidden_size = Alias("query.in_features")

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = size // config.num_attention_heads
        self.query, self.key, self.value = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.dense, self.LayerNorm = nn.Linear(size, size), nn.LayerNorm(size, config.layer_norm_eps)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)
        self.output_dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.query, self.key, self.value))
        mixed = self.dense(merge_heads(self.attend(query, key, value, mask)))
        output: Tensor = self.LayerNorm(x + self.output_dropout(mixed))
        return output


class AlbertLayer(Layer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.seq_len_dim, self.chunk_size_feed_forward = 1, config.chunk_size_feed_forward
        self.full_layer_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.attention = AlbertAttention(config)
        self.ffn = nn.Linear(config.hidden_size, config.intermediate_size)
        self.ffn_output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = activation(config.hidden_act)

    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        return in_chunks(self.ff_chunk, self.attention(x, mask, cache), self.chunk_size_feed_forward)

    def ff_chunk(self, x: Tensor) -> Tensor:
        """The second half of the layer."""
        output: Tensor = self.full_layer_layer_norm(self.ffn_output(self.activation(self.ffn(x))) + x)
        return output


class AlbertLayerGroup(Block):
    """The layers of one set of weights."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.albert_layers = nn.ModuleList(AlbertLayer(config) for _ in range(config.inner_group_num))

    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        for layer in self.albert_layers:
            x = layer(x, mask, cache)
        return x


class AlbertTransformer(LayerStack):
    """All passes, each through the set of weights whose turn it is."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.passes = config.num_hidden_layers
        self.embedding_hidden_mapping_in = nn.Linear(config.embedding_size, config.hidden_size)
        self.albert_layer_groups = nn.ModuleList(AlbertLayerGroup(config) for _ in range(config.num_hidden_groups))

    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        x = self.embedding_hidden_mapping_in(x)
        for number in range(self.passes):
            x = self.albert_layer_groups[number * len(self.albert_layer_groups) // self.passes](x, mask, cache)
        return x


class AlbertPreTrainedModel(EncoderPreTrainedModel):
    """What all ALBERT classes share."""

    config_class = AlbertConfig
    base_model_prefix = "albert"
    stacks = {"": Stack("encoder.albert_layer_groups", inner="albert_layers")}
    head_weights = None
    _no_split_modules = ["AlbertLayer"]
    config: AlbertConfig


class AlbertModel(AlbertPreTrainedModel, WordEncoder):
    """The encoder without a head; with `add_pooling_layer` it also gives the first token's state through a dense layer."""

    def __init__(self, config: AlbertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = AlbertEmbeddings(config)
        self.encoder = AlbertTransformer(config)
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size) if add_pooling_layer else None

    def pooled(self, x: Tensor, padding: Tensor | None) -> Tensor | None:
        return None if self.pooler is None else torch.tanh(self.pooler(first_state(x, padding)))


class AlbertMLMHead(nn.Module):
    """decoder(norm(act(dense(x)))): logits over the vocabulary. `decoder.bias` is the same tensor as `bias`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.LayerNorm = nn.LayerNorm(config.embedding_size, config.layer_norm_eps)
        self.dense, self.activation = nn.Linear(config.hidden_size, config.embedding_size), activation(config.hidden_act)
        self.decoder = nn.Linear(config.embedding_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.decoder(self.LayerNorm(self.activation(self.dense(hidden_states))))
        return output


class AlbertLanguageHead(Headed):
    """The vocabulary head under its published name, `predictions`, tied to the words of ALBERT."""

    _tied_weights_keys = {
        "predictions.decoder.weight": "albert.embeddings.word_embeddings.weight",
        "predictions.decoder.bias": "predictions.bias",
    }

    def add_head(self, config: PreTrainedConfig) -> None:
        """Build the head."""
        self.predictions = AlbertMLMHead(config)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.predictions(hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule("predictions.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.predictions, "bias"), (self.get_output_embeddings(), "bias")]


class AlbertSOPHead(nn.Module):
    """Whether two texts stand in their order, from the pooled state."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.classifier_dropout_prob or 0.0)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) -> (B, N)."""
        output: Tensor = self.classifier(self.dropout(pooled))
        return output


@dataclass
class AlbertForPreTrainingOutput(ModelOutput):
    """`prediction_logits` (B, T, V); `sop_logits` (B, N): index 0 says that the texts stand in their order."""

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    sop_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class AlbertForPreTraining(AlbertLanguageHead, AlbertPreTrainedModel):
    """ALBERT with the two heads it is trained with."""

    backbone_class = AlbertModel

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.add_head(config)
        self.sop_classifier = AlbertSOPHead(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        sentence_order_label: Tensor | None = None,
        **inputs: Any,
    ) -> AlbertForPreTrainingOutput:
        """labels: (B, T), masked tokens, -100 is ignored; sentence_order_label: (B,), 1 for texts that changed places.

        There is a loss, the sum of both, where both are given.
        """
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        words, order = self.vocabulary_logits(output.last_hidden_state), self.sop_classifier(output.pooler_output)
        loss = None
        if labels is not None and sentence_order_label is not None:
            loss = token_loss(words, labels) + token_loss(order, sentence_order_label, name="sentence_order_label")
        fields = only(AlbertForPreTrainingOutput, output)
        return AlbertForPreTrainingOutput(loss=loss, prediction_logits=words, sop_logits=order, **fields)


class AlbertForMaskedLM(AlbertLanguageHead, WithoutPooler, MaskedLM, AlbertPreTrainedModel):
    """ALBERT that fills in masked tokens."""

    backbone_class = AlbertModel
    _keys_to_ignore_on_load_unexpected = [*WithoutPooler._keys_to_ignore_on_load_unexpected, r"^sop_classifier\."]


class AlbertForSequenceClassification(PooledClassifier, AlbertPreTrainedModel):
    """ALBERT that classifies a text or a pair of texts."""

    backbone_class = AlbertModel


class AlbertForTokenClassification(WithoutPooler, TokenClassifier, AlbertPreTrainedModel):
    """ALBERT that labels each token."""

    backbone_class = AlbertModel


class AlbertForQuestionAnswering(WithoutPooler, QuestionAnswering, AlbertPreTrainedModel):
    """ALBERT that marks the answer to a question in a text."""

    backbone_class = AlbertModel


class AlbertForMultipleChoice(MultipleChoice, AlbertPreTrainedModel):
    """ALBERT that chooses among several continuations."""

    backbone_class = AlbertModel
