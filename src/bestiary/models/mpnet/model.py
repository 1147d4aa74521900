"""The modules of MPNet, top to bottom. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPooling
from ...modeling.encoder import (
    EncoderEmbeddings,
    EncoderLayer,
    EncoderPreTrainedModel,
    EncoderStack,
    look_both_ways,
    text_positions,
)
from ...modeling.heads.headed import WithoutPooler
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import DenseLanguageHead
from ...modeling.pruning import HeadWeights
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.block import Block
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from ...nn.pooling import FirstTokenPooler, pool
from ...nn.relative import bucket, distances, per_pair
from . import BUCKETS, MPNetConfig

FARTHEST = 128  # beyond this distance all share a bucket


class MPNetEmbeddings(EncoderEmbeddings):
    """norm(word + position)."""

    has_segments = False

    def forward(  # type: ignore[override]
        self, input_ids: Tensor | None = None, position_ids: Tensor | None = None, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        return super().forward(input_ids, None, position_ids, inputs_embeds)


class MPNetSelfAttention(HasHeads):
    """Attention of a text to itself, with a bias for each distance."""

    order, gives = "hidden_states attention_mask position_bias", "attentions?"
    dropout_name, calls_dropout = "dropout", True
    query_name = "q"

    def __init__(self, config: MPNetConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = size // config.num_attention_heads
        self.q, self.k, self.v, self.o = (nn.Linear(size, size) for _ in range(4))
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, bias: Tensor) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q, self.k, self.v))
        output: Tensor = self.o(merge_heads(self.attend(query, key, value, mask, bias)))
        return output


class MPNetAttention(Block):
    """norm(x + attention(x))."""

    order, gives = "hidden_states attention_mask position_bias", "attentions?"

    def __init__(self, config: MPNetConfig, layer_idx: int) -> None:
        super().__init__()
        self.attn = MPNetSelfAttention(config)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, bias: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.dropout(self.attn(x, mask, cache, bias=bias)) + x)
        return output


class MPNetLayer(EncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    order, gives = MPNetAttention.order, MPNetAttention.gives
    attention_class = MPNetAttention

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, bias: Tensor) -> Tensor:  # type: ignore[override]
        return self.feed_forward_chunk(self.attention(x, mask, cache, bias=bias))


class MPNetEncoder(EncoderStack):
    """The blocks, one after another, and the table of distances that they share."""

    is_causal = False
    n_heads = Alias("config.num_attention_heads")

    def __init__(self, config: MPNetConfig) -> None:
        super().__init__(config, MPNetLayer)
        self.relative_attention_bias = nn.Embedding(config.relative_attention_num_buckets, config.num_attention_heads)

    def forward(self, x: Tensor, mask: Mask, cache: Any, **context: Any) -> Tensor:
        rows = bucket(distances(mask), BUCKETS, FARTHEST, both_ways=True)
        return super().forward(x, mask, cache, bias=per_pair(self.relative_attention_bias(rows), mask))


class MPNetPreTrainedModel(EncoderPreTrainedModel):
    """What all MPNet classes share."""

    config_class = MPNetConfig
    base_model_prefix = "mpnet"
    head_weights = HeadWeights(("attention.attn.q", "attention.attn.k", "attention.attn.v"), "attention.attn.o")
    _no_split_modules = ["MPNetEmbeddings", "MPNetLayer"]
    config: MPNetConfig


class MPNetModel(MPNetPreTrainedModel):
    """The encoder without a head; with `add_pooling_layer` it also gives `pooler_output`."""

    _keys_to_ignore_on_load_unexpected = [*EncoderPreTrainedModel._keys_to_ignore_on_load_unexpected, r"^pooler\."]

    def __init__(self, config: MPNetConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = MPNetEmbeddings(config)
        self.encoder = MPNetEncoder(config)
        self.pooler = FirstTokenPooler(config.hidden_size) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        words, mask = look_both_ways(self.embeddings.word_embeddings, input_ids, attention_mask, inputs_embeds)
        if position_ids is None:
            position_ids = text_positions(self.config, words, input_ids, attention_mask)
        x = self.encoder(self.embeddings(input_ids, position_ids, words), mask, None)
        pooled = None if self.pooler is None else pool(self.pooler, x, mask.padding)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=pooled)


class MPNetHeaded(WithoutPooler, MPNetPreTrainedModel):
    """A head that needs no pooled state."""

    backbone_class = MPNetModel


class MPNetForMaskedLM(DenseLanguageHead, MaskedLM, MPNetHeaded):
    """MPNet that fills in masked tokens."""

    _tied_weights_keys = {
        "lm_head.decoder.weight": "mpnet.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }


class MPNetForSequenceClassification(FirstTokenClassifier, MPNetHeaded):
    """MPNet that classifies a text or a pair of texts."""


class MPNetForTokenClassification(TokenClassifier, MPNetHeaded):
    """MPNet that labels each token."""


class MPNetForQuestionAnswering(QuestionAnswering, MPNetHeaded):
    """MPNet that marks the answer to a question in a text."""


class MPNetForMultipleChoice(MultipleChoice, MPNetPreTrainedModel):
    """MPNet that chooses among several continuations."""

    backbone_class = MPNetModel
