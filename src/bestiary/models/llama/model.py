"""The modules of Llama. Parameter names are the published ones."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ...modeling.base import PreTrainedModel
from ...modeling.decoder import Decoder
from ...modeling.decoder_config import DecoderConfig
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, LayerCache, merge_heads, split_heads
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.norm import RMSNorm
from ...nn.rope import rotate_both
from . import LlamaConfig


class LlamaAttention(HasHeads):
    """Causal self-attention with rotary positions and grouped key/value heads.

    Class attributes, for relatives:
        output_bias: whether `o_proj` has a bias; None where it has one if the other projections have.
        head_norm: the norm of each head's queries and keys before they turn (Dehghani et al. 2023), or None.
    """

    output_bias: ClassVar[bool | None] = None
    head_norm: ClassVar[type[nn.Module] | None] = None

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.q_proj.out_features // self.k_proj.out_features

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        super().__init__()
        size, heads, head = config.hidden_size, config.num_attention_heads, config.head_size
        groups, bias = config.num_key_value_heads or heads, config.declared("attention_bias", False)
        self.layer_idx, self.head_dim = layer_idx, head
        self.q_proj = nn.Linear(size, heads * head, bias=bias)
        self.k_proj = nn.Linear(size, groups * head, bias=bias)
        self.v_proj = nn.Linear(size, groups * head, bias=bias)
        self.o_proj = nn.Linear(heads * head, size, bias=bias if self.output_bias is None else self.output_bias)
        self.q_norm = self.k_norm = None
        if self.head_norm is not None:
            self.q_norm, self.k_norm = (self.head_norm(head, config.rms_norm_eps) for _ in range(2))
        scaling = default_scaling(config.declared("query_pre_attn_scalar") or head)
        self.attend = Attend(scaling, config.attention_dropout, config.declared("attn_logit_softcapping"))

    def forward(
        self, x: Tensor, mask: Mask, cache: LayerCache | None, *, rotary: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q_proj, self.k_proj, self.v_proj))
        if self.q_norm is not None and self.k_norm is not None:
            query, key = self.q_norm(query), self.k_norm(key)
        if rotary is not None:
            query, key = rotate_both(query, key, *rotary)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        output: Tensor = self.o_proj(merge_heads(self.attend(query, key, value, mask)))
        return output


class LlamaMLP(nn.Module):
    """down(act(gate(x)) * up(x)) (Shazeer 2020, SwiGLU)."""

    hidden_size, intermediate_size = Alias("down_proj.out_features"), Alias("down_proj.in_features")

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        size, inner, bias = config.hidden_size, config.intermediate_size, config.declared("mlp_bias", False)
        self.gate_proj = nn.Linear(size, inner, bias=bias)
        self.up_proj = nn.Linear(size, inner, bias=bias)
        self.down_proj = nn.Linear(inner, size, bias=bias)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))
        return output


class LlamaDecoderLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)). The classes of the three parts are what relatives exchange."""

    attention_class: ClassVar[type[nn.Module]] = LlamaAttention
    mlp_class: ClassVar[type[nn.Module]] = LlamaMLP
    norm_class: ClassVar[type[nn.Module]] = RMSNorm

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = self.attention_class(config, layer_idx)
        self.mlp = self.mlp_class(config)
        self.input_layernorm = self.norm_class(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = self.norm_class(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), mask, cache, **positions)
        output: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return output


class LlamaPreTrainedModel(PreTrainedModel):
    """What all Llama classes share."""

    config_class = LlamaConfig
    base_model_prefix = "model"
    stacks = {"": Stack("layers", final="norm")}
    _no_split_modules = ["LlamaDecoderLayer"]


class LlamaModel(Decoder, LlamaPreTrainedModel):
    """Llama without a head."""

    layer_class = LlamaDecoderLayer


class LlamaForCausalLM(CausalLM, LlamaPreTrainedModel):
    """Llama with a language-modelling head."""

    backbone_class = LlamaModel
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}


class LlamaForSequenceClassification(LastTokenClassifier, LlamaPreTrainedModel):
    """Llama that classifies a text by its last token."""

    backbone_class = LlamaModel


class LlamaForTokenClassification(TokenClassifier, LlamaPreTrainedModel):
    """Llama that labels each token."""

    backbone_class = LlamaModel
    head_name = "score"


class LlamaForQuestionAnswering(QuestionAnswering, LlamaPreTrainedModel):
    """Llama that marks the answer to a question in the text."""

    backbone_class = LlamaModel
    base_model_prefix = "transformer"
