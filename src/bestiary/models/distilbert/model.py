"""The modules of DistilBERT, top to bottom. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutput
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.encoder import EncoderEmbeddings, EncoderStack, look_both_ways, text_positions
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.embeddings import alternating_sinusoids
from ...nn.kernels import default_scaling
from ...nn.layer import Layer, in_chunks
from ...nn.masks import Mask
from ...nn.part_order import put_last
from ...nn.pooling import first_state
from . import DistilBertConfig


class Embeddings(EncoderEmbeddings):
    """norm(word + position)."""

    has_segments = False

    def forward(  # type: ignore[override]
        self, input_ids: Tensor | None = None, inputs_embeds: Tensor | None = None, position_ids: Tensor | None = None
    ) -> Tensor:
        return super().forward(input_ids, None, position_ids, inputs_embeds)


class DistilBertSelfAttention(HasHeads):
    """Attention of a text to itself."""

    dropout_name = "dropout"
    query_name = "q_lin"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        size = config.dim
        self.head_dim = size // config.n_heads
        self.q_lin, self.k_lin, self.v_lin = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.out_lin = nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q_lin, self.k_lin, self.v_lin))
        output: Tensor = self.out_lin(merge_heads(self.attend(query, key, value, mask)))
        return output


class FFN(nn.Module):
    """lin2(act(lin1(x)))."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        self.seq_len_dim, self.chunk_size_feed_forward = 1, config.chunk_size_feed_forward
        self.lin1, self.lin2 = nn.Linear(config.dim, config.hidden_dim), nn.Linear(config.hidden_dim, config.dim)
        self.activation, self.dropout = activation(config.activation), nn.Dropout(config.dropout)

    def forward(self, input: Tensor) -> Tensor:
        return in_chunks(self.ff_chunk, input, self.chunk_size_feed_forward)

    def ff_chunk(self, x: Tensor) -> Tensor:
        """The same of some positions, at once."""
        output: Tensor = self.dropout(self.lin2(self.activation(self.lin1(x))))
        return output


class TransformerBlock(Layer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: DistilBertConfig, layer_idx: int) -> None:
        super().__init__()
        self.attention = DistilBertSelfAttention(config)
        self.sa_layer_norm = nn.LayerNorm(config.dim, config.layer_norm_eps)
        self.ffn = FFN(config)
        self.output_layer_norm = nn.LayerNorm(config.dim, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        x = self.sa_layer_norm(self.attention(x, mask, cache) + x)
        output: Tensor = self.output_layer_norm(self.ffn(x) + x)
        return output


class DistilBertPreTrainedModel(PreTrainedModel):
    """What all DistilBERT classes share."""

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    stacks = {"": Stack("transformer.layer")}
    head_weights = HeadWeights(("attention.q_lin", "attention.k_lin", "attention.v_lin"), "attention.out_lin")
    _no_split_modules = ["Embeddings", "TransformerBlock"]
    config: DistilBertConfig


class DistilBertModel(DistilBertPreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.transformer = EncoderStack(config, TransformerBlock)
        if config.sinusoidal_pos_embds:
            rows = alternating_sinusoids(config.max_position_embeddings, config.dim)
            self.starts = {"embeddings.position_embeddings.weight": lambda weight: weight.copy_(rows)}

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        words, mask = look_both_ways(self.embeddings.word_embeddings, input_ids, attention_mask, inputs_embeds)
        if position_ids is None:
            position_ids = text_positions(self.config, words, input_ids, attention_mask)
        x = self.transformer(self.embeddings(input_ids, words, position_ids), mask, None)
        return BaseModelOutput(last_hidden_state=x)


class DistilBertForMaskedLM(MaskedLM, DistilBertPreTrainedModel):
    """DistilBERT that fills in masked tokens."""

    backbone_class = DistilBertModel
    head_name = "vocab_projector"
    _tied_weights_keys = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}

    def add_head(self, config: PreTrainedConfig) -> None:
        size = config.get("dim")
        self.vocab_transform, self.activation = nn.Linear(size, size), activation(config.get("activation"))
        self.vocab_layer_norm = nn.LayerNorm(size, 1e-12)
        self.vocab_projector = nn.Linear(size, config.get("vocab_size"))

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.vocab_projector(self.vocab_layer_norm(self.activation(self.vocab_transform(hidden))))
        return output


class PreClassified(nn.Module):
    """The state of the first token through a layer `pre_classifier`, for heads with a dropout."""

    pre_classifier: nn.Linear
    dropout: nn.Dropout

    def first(self, hidden: Tensor, real: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, D)."""
        state: Tensor = self.dropout(torch.relu(self.pre_classifier(first_state(hidden, real))))
        return state


class DistilBertForSequenceClassification(PreClassified, PooledClassifier, DistilBertPreTrainedModel):
    """DistilBERT that classifies a text or a pair of texts."""

    backbone_class = DistilBertModel

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        put_last(self, "classifier")
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.classifier(self.first(output.last_hidden_state, real))
        return result


class DistilBertForTokenClassification(TokenClassifier, DistilBertPreTrainedModel):
    """DistilBERT that labels each token."""

    backbone_class = DistilBertModel


class DistilBertForQuestionAnswering(QuestionAnswering, DistilBertPreTrainedModel):
    """DistilBERT that marks the answer to a question in a text."""

    backbone_class = DistilBertModel

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.qa_dropout)

    def span_logits(self, hidden: Tensor) -> Tensor:
        return super().span_logits(self.dropout(hidden))


class DistilBertForMultipleChoice(PreClassified, MultipleChoice, DistilBertPreTrainedModel):
    """DistilBERT that chooses among several continuations."""

    backbone_class = DistilBertModel

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        put_last(self, "classifier")
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def pooled(self, output: Any, real: Tensor | None) -> Tensor:
        return self.first(output.last_hidden_state, real)
