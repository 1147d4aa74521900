"""The modules of ModernBERT, top to bottom. Parameter names are the published ones."""

import math
from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutput, MaskedLMOutput
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.encoder import look_both_ways
from ...modeling.heads.headed import Headed, only
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...modeling.rotary import reach_of, rotary_modules, rotary_states
from ...nn.activations import activation
from ...nn.attention import Attend, HasHeads, merge_heads
from ...nn.init import Start, Starting, truncated_normal
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.losses import token_loss
from ...nn.masks import Mask, decoder_positions
from ...nn.pooling import first_state, mean_state
from ...nn.rope import rotate_both
from . import ModernBertConfig


def _start(config: ModernBertConfig, deviation: float) -> Start:
    """Numbers around 0 with this standard deviation, cut off as the config says."""
    return truncated_normal(deviation, (config.initializer_cutoff_factor or 3.0) * deviation)


def _inward(config: ModernBertConfig) -> Start:
    return _start(config, config.initializer_range)


def _outward(config: ModernBertConfig) -> Start:
    """Of weights whose product is added to the states, by all layers together."""
    return _start(config, config.initializer_range / math.sqrt(2.0 * max(config.num_hidden_layers, 1)))


def _norm(config: ModernBertConfig) -> nn.LayerNorm:
    return nn.LayerNorm(config.hidden_size, config.norm_eps, bias=config.norm_bias)


class ModernBertEmbeddings(Starting):
    """norm(word)."""

    def __init__(self, config: ModernBertConfig) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, config.padding_row)
        self.norm, self.drop = _norm(config), nn.Dropout(config.embedding_dropout)
        self.starts = {"tok_embeddings.weight": _inward(config)}

    def forward(self, input_ids: Tensor | None = None, inputs_embeds: Tensor | None = None) -> Tensor:
        """Tokens (B, T), or their embeddings (B, T, D), which count where there are both -> (B, T, D)."""
        output: Tensor = self.drop(self.norm(self.tok_embeddings(input_ids) if inputs_embeds is None else inputs_embeds))
        return output


class ModernBertMLP(Starting):
    """Wo(act(a) * b), where Wi gives both a and b."""

    def __init__(self, config: ModernBertConfig) -> None:
        super().__init__()
        size, inner = config.hidden_size, config.intermediate_size
        self.Wi = nn.Linear(size, 2 * inner, bias=config.mlp_bias)
        self.act, self.drop = activation(config.hidden_activation), nn.Dropout(config.mlp_dropout)
        self.Wo = nn.Linear(inner, size, bias=config.mlp_bias)
        self.starts = {"Wi.weight": _inward(config), "Wo.weight": _outward(config)}

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        gate, up = self.Wi(hidden_states).chunk(2, dim=-1)
        output: Tensor = self.Wo(self.drop(self.act(gate) * up))
        return output


class ModernBertAttention(HasHeads, Starting):
    """Attention of a text to itself, with rotary positions; one projection gives queries, keys and values."""

    query_name = "Wqkv"

    def __init__(self, config: ModernBertConfig, layer_idx: int) -> None:
        super().__init__()
        size = config.hidden_size
        self.layer_idx, self.head_dim = layer_idx, config.head_size
        self.Wqkv = nn.Linear(size, 3 * size, bias=config.attention_bias)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)
        self.Wo = nn.Linear(size, size, bias=config.attention_bias)
        self.out_drop = nn.Dropout(config.attention_dropout) if config.attention_dropout else nn.Identity()
        self.starts = {"Wqkv.weight": _inward(config), "Wo.weight": _outward(config)}

    @property
    def sizes(self) -> tuple[int, int]:
        return self.Wo.in_features, self.Wqkv.in_features

    def forward(self, x: Tensor, mask: Mask, cache: None, *, rotary: tuple[Tensor, Tensor]) -> Tensor:
        heads = self.Wqkv(x).view(*x.shape[:2], 3, -1, self.head_dim)
        query, key, value = (part.transpose(1, 2) for part in heads.unbind(-3))
        query, key = rotate_both(query, key, *rotary)
        output: Tensor = self.out_drop(self.Wo(merge_heads(self.attend(query, key, value, mask))))
        return output


class ModernBertEncoderLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)); the first layer's input is normed already."""

    def __init__(self, config: ModernBertConfig, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx, self.attention_type = layer_idx, config.layer_kinds()[layer_idx]
        self.attn_norm = _norm(config) if layer_idx else nn.Identity()
        self.attn = ModernBertAttention(config, layer_idx)
        self.mlp_norm, self.mlp = _norm(config), ModernBertMLP(config)

    def forward(self, x: Tensor, mask: Mask, cache: None, *, rotary: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.attn(self.attn_norm(x), mask, cache, rotary=rotary)
        output: Tensor = x + self.mlp(self.mlp_norm(x))
        return output


class ModernBertPreTrainedModel(PreTrainedModel):
    """What all ModernBERT classes share."""

    config_class = ModernBertConfig
    base_model_prefix = "model"
    stacks = {"": Stack("layers", final="final_norm")}
    _no_split_modules = ["ModernBertEmbeddings", "ModernBertEncoderLayer"]
    config: ModernBertConfig


class ModernBertModel(ModernBertPreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: ModernBertConfig) -> None:
        super().__init__(config)
        self.embeddings = ModernBertEmbeddings(config)
        self.layers = nn.ModuleList(ModernBertEncoderLayer(config, index) for index in range(config.num_hidden_layers))
        self.final_norm = _norm(config)
        self.rotary_emb = rotary_modules(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.tok_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutput:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        words, mask = look_both_ways(self.embeddings.tok_embeddings, input_ids, attention_mask, inputs_embeds)
        position_ids = decoder_positions(words, attention_mask, position_ids, None, reach_of(self.rotary_emb))
        whole = attention_mask is not None and attention_mask.dim() == 4  # a mask that says everything
        masks = {"full_attention": mask}
        masks["sliding_attention"] = mask if whole else mask.windowed(self.config.sliding_window + 1)
        x = self.embeddings(input_ids, words)
        rotary = rotary_states(self.rotary_emb, position_ids, x.dtype)
        for layer, kind in zip(self.layers, self.config.layer_kinds(), strict=True):
            x = layer(x, masks[kind], None, rotary=rotary[kind])
        return BaseModelOutput(last_hidden_state=self.final_norm(x))


class ModernBertPredictionHead(Starting):
    """norm(act(dense(x))), which all heads begin with."""

    def __init__(self, config: ModernBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size, bias=config.classifier_bias)
        self.act, self.norm = activation(config.classifier_activation), _norm(config)
        self.starts = {"dense.weight": _outward(config)}

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        output: Tensor = self.norm(self.act(self.dense(hidden_states)))
        return output


class ModernBertForMaskedLM(MaskedLM, ModernBertPreTrainedModel):
    """ModernBERT that fills in masked tokens."""

    backbone_class = ModernBertModel
    head_name = "decoder"
    _tied_weights_keys = {"decoder.weight": "model.embeddings.tok_embeddings.weight"}

    def add_head(self, config: PreTrainedConfig) -> None:
        self.head = ModernBertPredictionHead(self.config)
        self.decoder = nn.Linear(config.output_size, config.get("vocab_size"), bias=config.get("decoder_bias"))
        self.starts = {"decoder.weight": _outward(self.config)}

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.decoder(self.head(hidden))
        return output

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> MaskedLMOutput:
        """labels: (B, T), the tokens that were masked; with `config.sparse_prediction` the logits are theirs alone, (N, V)."""
        if labels is None or not self.config.sparse_prediction:
            return super().forward(input_ids, attention_mask, labels=labels, **inputs)
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        masked = labels != self.config.sparse_pred_ignore_index
        logits = self.vocabulary_logits(output.last_hidden_state[masked])
        loss = token_loss(logits, labels[masked])
        return MaskedLMOutput(loss=loss, logits=logits, **only(MaskedLMOutput, output))


class ModernBertHeaded(Headed, ModernBertPreTrainedModel):
    """A head that begins with the shared dense layer."""

    backbone_class = ModernBertModel

    def __init__(self, config: ModernBertConfig) -> None:
        super().__init__(config)
        self.head = ModernBertPredictionHead(config)
        self.starts = {"classifier.weight": _start(config, config.hidden_size**-0.5)}

    def text_state(self, states: Tensor, real: Tensor | None) -> Tensor:
        """The vector (B, D) of each text from its states (B, T, D), pooled as the config says."""
        pool = first_state if self.config.classifier_pooling == "cls" else mean_state
        output: Tensor = self.head(pool(states, real))
        return output


class ModernBertForSequenceClassification(PooledClassifier, ModernBertHeaded):
    """ModernBERT that classifies a text or a pair of texts."""

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.classifier(self.dropout(self.text_state(output.last_hidden_state, real)))
        return result


class ModernBertForTokenClassification(TokenClassifier, ModernBertHeaded):
    """ModernBERT that labels each token."""

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        result: Tensor = self.get_submodule(self.head_name)(self.dropout(self.head(output.last_hidden_state)))
        return result


class ModernBertForQuestionAnswering(QuestionAnswering, ModernBertHeaded):
    """ModernBERT that marks the answer to a question in a text."""

    head_name = "classifier"

    def __init__(self, config: ModernBertConfig) -> None:
        super().__init__(config)
        self.drop = nn.Dropout(config.classifier_dropout)

    def span_logits(self, hidden: Tensor) -> Tensor:
        return super().span_logits(self.drop(self.head(hidden)))


class ModernBertForMultipleChoice(MultipleChoice, ModernBertHeaded):
    """ModernBERT that chooses among several continuations."""

    def pooled(self, output: Any, real: Tensor | None) -> Tensor:
        state: Tensor = self.dropout(self.text_state(output.last_hidden_state, real))
        return state
