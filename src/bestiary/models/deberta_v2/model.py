"""The modules of DeBERTa v2, top to bottom. Parameter names are the published ones."""

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutput
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.encoder import EncoderIntermediate, EncoderOutput, look_both_ways, text_positions
from ...modeling.heads.headed import Headed
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import LMPredictionHead
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.disentangled import distance_scores, rows_of_pairs, shared_scaling
from ...nn.embeddings import LearnedPositions
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.place_buffers import KeepsPlaces, PlaceBuffer
from ...nn.pooling import first_state
from . import DebertaV2Config


class DebertaV2Embeddings(KeepsPlaces):
    """norm(word + position + segment), of what the config has of these; nothing at padding."""

    position_ids = PlaceBuffer()

    def __init__(self, config: Any) -> None:
        super().__init__()
        size = config.embedding_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size, config.padding_row)
        positions = config.max_position_embeddings if config.position_biased_input else 0
        self.position_embeddings = LearnedPositions(positions, size) if positions else None
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size) if config.type_vocab_size else None
        self.embed_proj = nn.Linear(size, config.hidden_size, bias=False) if size != config.hidden_size else None
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """Tokens (B, T), or their embeddings (B, T, E), which count where there are both -> (B, T, D); mask (B, T): 0 at
        padding. Without position_ids they count from 0."""
        x = words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if self.position_embeddings is not None:
            if position_ids is None:
                position_ids = torch.arange(words.shape[1], device=words.device).unsqueeze(0)
            x = x + self.position_embeddings(position_ids)
        if self.token_type_embeddings is not None:
            types = words.new_zeros(1, dtype=torch.long) if token_type_ids is None else token_type_ids
            x = x + self.token_type_embeddings(types)
        x = self.LayerNorm(x if self.embed_proj is None else self.embed_proj(x))
        output: Tensor = self.dropout(x if mask is None else x * mask[..., None].to(x.dtype))
        return output


class DebertaV2SelfAttention(HasHeads):
    """Attention of a text to itself, whose scores know contents and distances."""

    dropout_name, calls_dropout = "dropout", True
    query_name = "query_proj"

    def __init__(self, config: Any) -> None:
        super().__init__()
        size, self.parts = config.hidden_size, tuple(config.pos_att_type or ())
        self.head_dim = size // config.num_attention_heads
        self.add_projections(config, size)
        self.pos_dropout = nn.Dropout(config.hidden_dropout_prob) if config.relative_attention else nn.Identity()
        scaling = shared_scaling(self.head_dim, 1 + self.count_parts())
        self.attend = Attend(scaling, config.attention_probs_dropout_prob)

    def add_projections(self, config: Any, size: int) -> None:
        """Build the projections of contents and of distances."""
        self.query_proj, self.key_proj, self.value_proj = (nn.Linear(size, size) for _ in range(3))
        self.share_att_key = config.share_att_key
        if config.relative_attention and not self.share_att_key:
            self.pos_key_proj = nn.Linear(size, size) if "c2p" in self.parts else None
            self.pos_query_proj = nn.Linear(size, size) if "p2c" in self.parts else None

    def count_parts(self) -> int:
        """How many products scores have besides that of contents."""
        return len({"c2p", "p2c"} & set(self.parts))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, H, T, K) of contents."""
        layers = (self.query_proj, self.key_proj, self.value_proj)
        query, key, value = (split_heads(layer(x), self.head_dim) for layer in layers)
        return query, key, value

    def project_distances(self, table: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Keys and queries (1, H, rows, K) of the rows of distances (1, rows, D), of what scores have."""
        keys = self.key_proj if self.share_att_key else self.pos_key_proj
        queries = self.query_proj if self.share_att_key else self.pos_query_proj
        key = split_heads(keys(table), self.head_dim) if keys is not None and "c2p" in self.parts else None
        return key, split_heads(queries(table), self.head_dim) if queries is not None and "p2c" in self.parts else None

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, real: Tensor, table: Tensor | None, pairs: Tensor | None) -> Tensor:
        query, key, value = self.project(x)
        query, bias = query * real, None
        if table is not None and pairs is not None:
            distances = self.project_distances(self.pos_dropout(table))
            bias = real * distance_scores(query, key, *distances, pairs, self.attend.scoring.scaling)
        return merge_heads(self.attend(query, key, value, mask, bias))


class DebertaV2Attention(nn.Module):
    """norm(x + dense(attention(x)))."""

    self_class: ClassVar[type[DebertaV2SelfAttention]] = DebertaV2SelfAttention

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.self, self.output = self.self_class(config), EncoderOutput(config, config.hidden_size)

    def forward(self, x: Tensor, mask: Mask, cache: Any, **distances: Any) -> Tensor:
        output: Tensor = self.output(self.self(x, mask, cache, **distances), x)
        return output


class DebertaV2Layer(Layer):
    """norm(x + attention(x)), then norm(x + mlp(x)).

    real: 0 where a query is padding (B or 1, 1, T or 1, 1), whose scores then are all 0. table: the rows of distances
    (1, rows, D), and pairs: which of them is that of a query and a key (T, S); None for neither.
    """

    attention_class: ClassVar[type[DebertaV2Attention]] = DebertaV2Attention

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.attention, self.intermediate = self.attention_class(config), EncoderIntermediate(config)
        self.output = EncoderOutput(config, config.intermediate_size)

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, real: Tensor, table: Tensor | None, pairs: Tensor | None) -> Tensor:
        x = self.attention(x, mask, cache, real=real, table=table, pairs=pairs)
        output: Tensor = self.output(self.intermediate(x), x)
        return output


class ConvLayer(nn.Module):
    """norm(states + act(conv(embeddings))), nothing at padding."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        size, width = config.hidden_size, config.conv_kernel_size
        self.conv = nn.Conv1d(size, size, width, padding=(width - 1) // 2, groups=config.conv_groups)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.dropout, self.act = nn.Dropout(config.hidden_dropout_prob), activation(config.conv_act)

    def forward(self, embeddings: Tensor, states: Tensor, padding: Tensor | None) -> Tensor:
        """Both (B, T, D); padding (B, T) is True where a token is real."""
        near = self.conv(embeddings.transpose(1, 2)).transpose(1, 2)
        real = 1 if padding is None else padding[..., None]
        output: Tensor = self.LayerNorm(states + self.act(self.dropout(near * real))) * real
        return output


class DebertaV2Encoder(nn.Module):
    """The blocks, and the table of distances that they share."""

    layer_class: ClassVar[type[DebertaV2Layer]] = DebertaV2Layer

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.layer = nn.ModuleList(self.layer_class(config) for _ in range(config.num_hidden_layers))
        self.rows, self.farthest = config.distance_rows, config.farthest
        self.buckets = config.declared("position_buckets", -1) > 0
        self.rel_embeddings = nn.Embedding(2 * self.rows, config.hidden_size) if config.relative_attention else None
        normed = "layer_norm" in config.declared("norm_rel_ebd", "none").lower().replace(" ", "").split("|")
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps) if normed else None
        self.conv = ConvLayer(config) if config.declared("conv_kernel_size", 0) else None

    def forward(self, embeddings: Tensor, mask: Mask) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding looks at everything alike, as published, which losses over padding show."""
        padding, real = mask.padding, embeddings.new_ones(1, 1, 1, 1)
        if padding is not None:
            real = padding[:, None, :, None]
            mask = replace(mask, padding=None, dense=padding[:, None, None, :] | ~real, _cached=None)
        table = pairs = None
        if self.rel_embeddings is not None:
            table = self.rel_embeddings(torch.arange(2 * self.rows, device=embeddings.device)).unsqueeze(0)
            table = table if self.LayerNorm is None else self.LayerNorm(table)
            pairs = rows_of_pairs(mask, self.rows, self.buckets, self.farthest)
        x = embeddings
        for number, layer in enumerate(self.layer):
            x = layer(x, mask, None, real=real, table=table, pairs=pairs)
            if number == 0 and self.conv is not None:
                x = self.conv(embeddings, x, padding)
        return x


_UNUSED = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, r"position_embeddings"]


class DebertaV2PreTrainedModel(PreTrainedModel):
    """What all DeBERTa classes share."""

    config_class = DebertaV2Config
    base_model_prefix = "deberta"
    stacks = {"": Stack("encoder.layer", final="encoder")}
    kernels = ("sdpa", "eager", "flex_attention")
    _no_split_modules = ["DebertaV2Embeddings", "DebertaV2Layer"]
    _keys_to_ignore_on_load_unexpected = [*_UNUSED, r"^(mask|lm)_predictions\."]


class DebertaV2Model(DebertaV2PreTrainedModel):
    """The encoder without a head."""

    @property
    def one_text_a_row(self) -> str:  # type: ignore[override]
        """With a convolution, which looks to both sides."""
        return "" if self.encoder.conv is None else "its convolution looks to both sides"

    embeddings_class: ClassVar[type[DebertaV2Embeddings]] = DebertaV2Embeddings
    encoder_class: ClassVar[type[DebertaV2Encoder]] = DebertaV2Encoder

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.embeddings, self.encoder = self.embeddings_class(config), self.encoder_class(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, E); attention_mask (B, T), 0 for padding."""
        words, mask = look_both_ways(self.embeddings.word_embeddings, input_ids, attention_mask, inputs_embeds)
        if position_ids is None:
            position_ids = text_positions(self.config, words, input_ids, attention_mask)
        x = self.encoder(self.embeddings(input_ids, token_type_ids, position_ids, mask.padding, words), mask)
        return BaseModelOutput(last_hidden_state=x)


class DebertaV2LMPredictionHead(nn.Module):
    """decoder(norm(act(dense(x)))): logits by the embeddings of words. `decoder.bias` is the same tensor as `bias`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense, self.transform_act_fn = nn.Linear(config.hidden_size, config.hidden_size), activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.decoder(self.LayerNorm(self.transform_act_fn(self.dense(x))))
        return output


class DebertaV2ForMaskedLM(MaskedLM, DebertaV2PreTrainedModel):
    """DeBERTa that fills in masked tokens, by the head of either kind of files (`config.legacy`)."""

    backbone_class = DebertaV2Model
    _keys_to_ignore_on_load_unexpected = [*_UNUSED, r"^mask_predictions\."]

    def add_head(self, config: PreTrainedConfig) -> None:
        if config.get("legacy"):
            self.cls = nn.ModuleDict({"predictions": LMPredictionHead(config)})
        else:
            self.lm_predictions = nn.ModuleDict({"lm_head": DebertaV2LMPredictionHead(config)})

    @property
    def head_path(self) -> str:
        """Where the head is."""
        return "cls.predictions" if self.config.get("legacy") else "lm_predictions.lm_head"

    def ties(self) -> dict[str, str]:
        weight = {f"{self.head_path}.decoder.weight": "deberta.embeddings.word_embeddings.weight"}
        bias = {f"{self.head_path}.decoder.bias": f"{self.head_path}.bias"}
        if self.config.get("legacy") and not self.config.tie_word_embeddings:
            return {}
        return {**weight, **bias}

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.get_submodule(self.head_path)(hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule(f"{self.head_path}.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.get_submodule(self.head_path), "bias"), (self.get_output_embeddings(), "bias")]


class ContextPooler(nn.Module):
    """act(dense(x_0)), the state of the first token through one dense layer."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout, self.act = nn.Dropout(config.pooler_dropout), activation(config.pooler_hidden_act)

    def forward(self, x: Tensor, real: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, D); real (B, T) is True where tokens are no padding."""
        return self.act(self.dense(self.dropout(first_state(x, real))))


class DebertaV2Pooled(Headed, DebertaV2PreTrainedModel):
    """A head on the pooled state, whose pooler is its own."""

    backbone_class = DebertaV2Model

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.pooler = ContextPooler(config)


class DebertaV2ForSequenceClassification(PooledClassifier, DebertaV2Pooled):
    """DeBERTa that classifies a text or a pair of texts."""

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.classifier(self.dropout(self.pooler(output.last_hidden_state, real)))
        return result


class DebertaV2ForTokenClassification(TokenClassifier, DebertaV2PreTrainedModel):
    """DeBERTa that labels each token."""

    backbone_class = DebertaV2Model


class DebertaV2ForQuestionAnswering(QuestionAnswering, DebertaV2PreTrainedModel):
    """DeBERTa that marks the answer to a question in a text."""

    backbone_class = DebertaV2Model


class DebertaV2ForMultipleChoice(MultipleChoice, DebertaV2Pooled):
    """DeBERTa that chooses among several continuations."""

    def pooled(self, output: Any, real: Tensor | None) -> Tensor:
        state: Tensor = self.dropout(self.pooler(output.last_hidden_state, real))
        return state
