"""The modules of BERT. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.logging import warn_once
from ...core.outputs import BaseModelOutputWithPoolingAndCrossAttentions, ModelOutput, Tensors
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.cross_attention import look_at
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import Headed, only
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.next_sentence_prediction import NextSentence
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, cached, merge_heads, split_heads
from ...nn.embeddings import LearnedPositions
from ...nn.inputs import one_of, warn_of_hidden_rows
from ...nn.kernels import default_scaling
from ...nn.layer import Layer, in_chunks
from ...nn.losses import token_loss
from ...nn.masks import Mask, make_mask, positions
from ...nn.pooling import FirstTokenPooler
from . import BertConfig


class BertEmbeddings(nn.Module):
    """norm(word + segment + position)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, config.padding_row)
        self.position_embeddings = LearnedPositions(config.max_position_embeddings, config.hidden_size, config.first_position)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, words: Tensor, token_type_ids: Tensor | None, position_ids: Tensor) -> Tensor:
        """words (B, T, D) are already embedded; without token_type_ids every token is of the first segment."""
        types = words.new_zeros(1, dtype=torch.long) if token_type_ids is None else token_type_ids
        segments = self.token_type_embeddings(types)
        output: Tensor = self.dropout(self.LayerNorm(words + segments + self.position_embeddings(position_ids)))
        return output


class BertSelfAttention(HasHeads):
    """Attention of a text to itself, or, as cross-attention, to an encoder's states (`memory`)."""

    query_name = "query"

    def __init__(self, config: BertConfig, layer_idx: int, cross: bool = False) -> None:
        super().__init__()
        size = config.hidden_size
        self.layer_idx, self.head_dim = layer_idx, size // config.num_attention_heads
        self.query, self.key, self.value = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob, cross=cross)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> (B, H, S, K) twice."""
        return split_heads(self.key(x), self.head_dim), split_heads(self.value(x), self.head_dim)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None) -> Tensor:
        key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        return merge_heads(self.attend(split_heads(self.query(x), self.head_dim), key, value, mask))


class BertOutput(nn.Module):
    """norm(residual + dense(x)), the end of each half of a block."""

    def __init__(self, config: BertConfig, size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + residual)
        return output


class BertAttention(nn.Module):
    """The first half of a block: attention, then norm(residual + dense(x))."""

    def __init__(self, config: BertConfig, layer_idx: int, cross: bool = False) -> None:
        super().__init__()
        self.self = BertSelfAttention(config, layer_idx, cross)
        self.output = BertOutput(config, config.hidden_size)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None) -> Tensor:
        output: Tensor = self.output(self.self(x, mask, cache, memory=memory), x)
        return output


class BertIntermediate(nn.Module):
    """act(dense(x)), the inner layer of the MLP."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.dense(x))


class BertLayer(Layer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x))."""

    is_decoder, add_cross_attention = Alias("config.is_decoder"), Alias("config.add_cross_attention")

    def __init__(self, config: BertConfig, layer_idx: int) -> None:
        super().__init__()
        self.chunk_size_feed_forward = config.chunk_size_feed_forward
        self.attention = BertAttention(config, layer_idx)
        self.crossattention = BertAttention(config, layer_idx, cross=True) if config.add_cross_attention else None
        self.intermediate = BertIntermediate(config)
        self.output = BertOutput(config, config.intermediate_size)

    def forward(
        self, x: Tensor, mask: Mask, cache: Any, *, memory: Tensor | None = None, memory_mask: Mask | None = None
    ) -> Tensor:
        x = self.attention(x, mask, cache)
        if self.crossattention is not None and memory is not None:
            x = self.crossattention(x, memory_mask, cache, memory=memory)
        return in_chunks(self.feed_forward, x, self.chunk_size_feed_forward)

    def feed_forward(self, x: Tensor) -> Tensor:
        """The second half of the block."""
        output: Tensor = self.output(self.intermediate(x), x)
        return output


class BertEncoder(nn.Module):
    """The blocks, one after another."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(BertLayer(config, i) for i in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Mask, cache: Any, **context: Any) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask, cache, **context)
        return x


class BertPreTrainedModel(PreTrainedModel):
    """What all BERT classes share."""

    config_class = BertConfig
    base_model_prefix = "bert"
    stacks = {"": Stack("encoder.layer")}
    head_weights = HeadWeights(("attention.self.query", "attention.self.key", "attention.self.value"), "attention.output.dense")
    _no_split_modules = ["BertEmbeddings", "BertLayer"]
    _optional_parts = [r"(^|\.)pooler\.dense\."]
    _weight_rules = (
        rename("LayerNorm.gamma", "LayerNorm.weight", reverse=False),  # as the TensorFlow release called them
        rename("LayerNorm.beta", "LayerNorm.bias", reverse=False),
    )
    config: BertConfig


class BertModel(BertPreTrainedModel):
    """The encoder (or, with `config.is_decoder`, decoder) without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, made from the first real token.
    """

    _keys_to_ignore_on_load_unexpected = [*BertPreTrainedModel._keys_to_ignore_on_load_unexpected, r"^pooler\.dense\."]

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.pooler = FirstTokenPooler(config.hidden_size) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        encoder_hidden_states (B, S, D) and encoder_attention_mask (B, S): what a decoder with cross-attention looks at.
        """
        one_of(input_ids, inputs_embeds)
        decoder = self.config.is_decoder
        if not decoder:
            warn_of_hidden_rows(attention_mask)
            if past_key_values is not None or encoder_hidden_states is not None:
                warn_once(
                    "bidirectional",
                    "encoder_hidden_states and past_key_values are for decoders (config.is_decoder=True), and this model looks"
                    " both ways: the former are left out, the latter filled",
                )
            encoder_hidden_states = None
        words = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self.start_cache(past_key_values, use_cache) if decoder or past_key_values is not None else None
        memory_mask, cache = look_at(self, encoder_hidden_states, encoder_attention_mask, words, cache)
        mask = make_mask(words.shape[1], words.device, attention_mask, cache=cache, causal=decoder)
        if position_ids is None:
            past, first = 0 if cache is None else cache.position(), self.config.first_position
            says = attention_mask
            if first and input_ids is not None and past == 0 and (says is None or says.dim() != 2):
                says = input_ids != first - 1  # as published, whatever is attended to
            position_ids = positions(says, words.shape[1], past, words.device, first)
        x = self.embeddings(words, token_type_ids, position_ids)
        x = self.encoder(x, mask, cache, memory=encoder_hidden_states, memory_mask=memory_mask)
        pooled = None if self.pooler is None else self.pooler(x, mask.padding)
        return BaseModelOutputWithPoolingAndCrossAttentions(last_hidden_state=x, pooler_output=pooled, past_key_values=cache)


class BertPredictionHeadTransform(nn.Module):
    """norm(act(dense(x)))."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.act = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.act(self.dense(x)))
        return output


class BertLMPredictionHead(nn.Module):
    """decoder(transform(x)): logits over the vocabulary.

    Files call the bias `predictions.bias`; `decoder.bias` is the same tensor.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.transform = BertPredictionHeadTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.decoder(self.transform(x))
        return output


class BertLanguageHead(Headed):
    """The vocabulary head under its published name, `cls.predictions`."""

    _tied_weights_keys = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def add_head(self, config: PreTrainedConfig) -> None:
        """Build the head."""
        self.cls = nn.ModuleDict({"predictions": BertLMPredictionHead(config)})

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.cls["predictions"](hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule("cls.predictions.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.cls["predictions"], "bias"), (self.get_output_embeddings(), "bias")]


@dataclass
class BertForPreTrainingOutput(ModelOutput):
    """`prediction_logits` (B, T, V); `seq_relationship_logits` (B, 2): index 0 says that the second text follows the first."""

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    seq_relationship_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class BertForPreTraining(BertLanguageHead, BertPreTrainedModel):
    """BERT with the two heads it is trained with."""

    backbone_class = BertModel

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.add_head(config)
        self.cls["seq_relationship"] = nn.Linear(config.hidden_size, 2)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        **inputs: Any,
    ) -> BertForPreTrainingOutput:
        """labels: (B, T), masked tokens, -100 is ignored; next_sentence_label: (B,), 1 for a random second text.

        The loss is the sum over the labels given.
        """
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        words = self.vocabulary_logits(output.last_hidden_state)
        order = self.cls["seq_relationship"](output.pooler_output)
        losses = [] if labels is None else [token_loss(words, labels)]
        if next_sentence_label is not None:
            losses.append(token_loss(order, next_sentence_label, name="next_sentence_label"))
        return BertForPreTrainingOutput(
            loss=torch.stack(losses).sum() if losses else None,
            prediction_logits=words,
            seq_relationship_logits=order,
            **only(BertForPreTrainingOutput, output),
        )


class WithoutPooler(Headed):
    """A head that needs no pooled state, so the backbone has no pooler; files of full BERT do hold one."""

    backbone_class = BertModel
    backbone_options = {"add_pooling_layer": False}
    _keys_to_ignore_on_load_unexpected = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, r"(^|\.)pooler\.dense\."]


class BertForMaskedLM(BertLanguageHead, WithoutPooler, MaskedLM, BertPreTrainedModel):
    """BERT that fills in masked tokens."""

    _keys_to_ignore_on_load_unexpected = [
        *WithoutPooler._keys_to_ignore_on_load_unexpected,
        r"^cls\.seq_relationship\.",  # the first releases name this class but hold both heads
    ]


class BertLMHeadModel(BertLanguageHead, WithoutPooler, CausalLM, BertPreTrainedModel):
    """BERT as a decoder that continues a text (`config.is_decoder`)."""

    _keys_to_ignore_on_load_unexpected = BertForMaskedLM._keys_to_ignore_on_load_unexpected


class BertForNextSentencePrediction(NextSentence, BertPreTrainedModel):
    """BERT that says whether one text follows another."""

    backbone_class = BertModel


class BertForSequenceClassification(PooledClassifier, BertPreTrainedModel):
    """BERT that classifies a text or a pair of texts."""

    backbone_class = BertModel


class BertForTokenClassification(WithoutPooler, TokenClassifier, BertPreTrainedModel):
    """BERT that labels each token."""


class BertForQuestionAnswering(WithoutPooler, QuestionAnswering, BertPreTrainedModel):
    """BERT that marks the answer to a question in a text."""


class BertForMultipleChoice(MultipleChoice, BertPreTrainedModel):
    """BERT that chooses among several continuations."""

    backbone_class = BertModel
