"""The modules of Llama. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...cache.layer_types import keeps_state
from ...kernels.steps import Known
from ...modeling.base import PreTrainedModel
from ...modeling.decoder import Decoder, query_scale
from ...modeling.decoder_config import DecoderConfig
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation, gated
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, LayerCache, ScoringAlias, merge_heads, split_heads
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.norm import RMSNorm
from ...nn.part import part
from ...nn.part_order import put_last
from ...nn.rope import rotate_both
from . import LlamaConfig
from .one_token import Parts, through

NormNames = tuple[str | None, str | None, str | None, str | None]


class LlamaAttention(HasHeads):
    """Causal self-attention with rotary positions and grouped key/value heads.

    Class attributes, for relatives:
        bias: whether the projections have biases; None: as `attention_bias` of the config says.
        output_bias: whether the projection back has one; None: as `attention_out_bias` of the config or the others' says.
        output_name: the published name of the projection back.
        head_norm: the norm of queries and keys before they turn (Dehghani et al. 2023), or None. It is of each head alone, or,
            with `joint_norm`, of all heads at once.
        norms_turned: whether this norm comes after they turn.
        norm_names: the published names of the norms of queries and keys.
        has_sinks: whether each head has an attention sink, `sinks` (see `nn.kernels.Scoring`).
    """

    order = "hidden_states position_embeddings attention_mask past_key_values"
    named_states, is_causal = True, True
    attn_logit_softcapping = ScoringAlias("softcap")
    bias: ClassVar[bool | None] = None
    output_bias: ClassVar[bool | None] = None
    output_name: ClassVar[str] = "o_proj"
    head_norm: ClassVar[type[nn.Module] | None] = None
    joint_norm: ClassVar[bool] = False
    norms_turned: ClassVar[bool] = False
    norm_names: ClassVar[tuple[str, str]] = ("q_norm", "k_norm")
    has_sinks: ClassVar[bool] = False

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.q_proj.out_features // self.k_proj.out_features

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        super().__init__()
        size, heads, head = config.hidden_size, config.num_attention_heads, config.head_size
        groups, bias = config.num_key_value_heads or heads, self.bias
        if bias is None:
            bias = config.declared("attention_bias", False)
        self.layer_idx, self.head_dim, self.interleaved = layer_idx, head, config.interleaved_rotary
        self.turns = config.has_rotary(layer_idx) and bool(config.rotary_tables)
        self.grows = config.query_growth(layer_idx) is not None
        self.add_projections(size, heads, groups, bias)
        output_bias = config.declared("attention_out_bias", bias) if self.output_bias is None else self.output_bias
        output = nn.Linear(heads * head, size, bias=output_bias)
        self.add_module(self.output_name, output)
        if self.head_norm is not None and config.declared("qk_layernorm", True):
            for name, count in zip(self.norm_names, (heads, groups), strict=True):
                self.add_module(name, self.head_norm(self.norm_shape(count), config.rms_norm_eps))
        self.bound = config.declared("clip_qkv")
        scaling = config.declared("attention_multiplier")
        if scaling is None:
            scaling = default_scaling(config.declared("query_pre_attn_scalar") or head)
        self.attend = Attend(scaling, config.attention_dropout, config.declared("attn_logit_softcapping"))
        self.register_parameter("sinks", nn.Parameter(torch.zeros(heads)) if self.has_sinks else None)

    def add_projections(self, size: int, heads: int, groups: int, bias: bool) -> None:
        """Build what makes `heads` heads of queries and `groups` of keys and values of states (B, T, `size`)."""
        self.q_proj = nn.Linear(size, heads * self.head_dim, bias=bias)
        self.k_proj = nn.Linear(size, groups * self.head_dim, bias=bias)
        self.v_proj = nn.Linear(size, groups * self.head_dim, bias=bias)

    def norm_shape(self, heads: int) -> int | tuple[int, int]:
        """The numbers that the norm of queries or keys of `heads` heads has weights for; (heads, K) where each has its own."""
        return heads * self.head_dim if self.joint_norm else self.head_dim

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States (B, T, D) -> queries (B, H, T, K), keys and values (B, G, T, K), normed and not turned yet."""
        query, key, value = self.projections(x)
        if self.joint_norm:
            query, key = self._normed(query, key)
        if self.bound is not None:
            query, key, value = (states.clamp(-self.bound, self.bound) for states in (query, key, value))
        size = self.head_dim
        query, key, value = split_heads(query, size), split_heads(key, size), split_heads(value, size)
        if not self.joint_norm and not self.norms_turned:
            query, key = self._normed(query, key)
        return query, key, value

    def projections(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States (B, T, D) -> queries (B, T, H*K), keys and values (B, T, G*K)."""
        return self.q_proj(x), self.k_proj(x), self.v_proj(x)

    def placed(self, position_ids: Tensor, x: Tensor) -> dict[str, Any]:
        config: Any = self.config
        growth = config.query_growth(self.layer_idx)
        return {} if growth is None else {"query_scale": query_scale(position_ids, growth).to(x.dtype)}

    def _normed(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        query_name, key_name = self.norm_names
        query_norm, key_norm = self._modules.get(query_name), self._modules.get(key_name)
        return (query, key) if query_norm is None or key_norm is None else (query_norm(query), key_norm(key))

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: LayerCache | None,
        *,
        rotary: tuple[Tensor, Tensor] | None = None,
        query_scale: Tensor | None = None,
    ) -> Tensor:
        query, key, value = self.project(x)
        if rotary is not None and self.turns:
            query, key = rotate_both(query, key, *rotary, self.interleaved)
        if self.norms_turned:
            query, key = self._normed(query, key)
        if query_scale is not None and self.grows:
            query = query * query_scale
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        output: Tensor = part(self, self.output_name)(merge_heads(self.attend(query, key, value, mask, sinks=self.sinks)))
        return output


class LlamaMLP(nn.Module):
    """down(act(gate(x)) * up(x)) (Shazeer 2020, SwiGLU), or without a gate down(act(up(x))).

    Class attributes, for relatives:
        bias: whether the projections have biases; None: as `mlp_bias` of the config says.
        gate_name, up_name, down_name: the published names of the projections. None as the first: there is no gate; as the
            second: the first projection gives both, the gate's half before the other.
    """

    bias: ClassVar[bool | None] = None
    gate_name: ClassVar[str | None] = "gate_proj"
    up_name: ClassVar[str | None] = "up_proj"
    down_name: ClassVar[str] = "down_proj"
    hidden_size, intermediate_size = Alias("down_proj.out_features"), Alias("down_proj.in_features")
    act = activation = activation_fn = Alias("act_fn")  # what relatives call it

    def __init__(self, config: DecoderConfig, inner: int | None = None) -> None:
        super().__init__()
        size, inner, bias = config.hidden_size, inner or config.intermediate_size, self.bias
        if bias is None:
            bias = config.declared("mlp_bias", False)
        for name in (self.gate_name, self.up_name):
            if name is not None:
                self.add_module(name, nn.Linear(size, inner if self.up_name else 2 * inner, bias=bias))
        self.add_module(self.down_name, nn.Linear(inner, size, bias=bias))
        self.act_fn = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = part(self, self.down_name)(self._inner(x))
        return output

    def opening(self, x: Tensor) -> Tensor:
        """The gate and what it opens (B, T, 2 F), where one projection gives both."""
        opening: Tensor = part(self, self.gate_name or "")(x)
        return opening

    def gated(self, gate: Tensor) -> Tensor:
        """What the gate's numbers (B, T, F) multiply the others by."""
        opened: Tensor = self.act_fn(gate)
        return opened

    def _opened(self, gate: Tensor, up: Tensor) -> Tensor:
        as_written = getattr(self.gated, "__func__", None) is _GATED  # neither a relative nor a user put another in its place
        return gated(self.act_fn, gate, up) if as_written else self.gated(gate) * up

    def _inner(self, x: Tensor) -> Tensor:
        output: Tensor
        if self.gate_name is not None and self.up_name is not None:
            output = self._opened(part(self, self.gate_name)(x), part(self, self.up_name)(x))
        elif self.gate_name is not None:
            gate, up = self.opening(x).chunk(2, dim=-1)
            output = self._opened(gate, up)
        else:
            output = self.act_fn(part(self, self.up_name or "")(x))
        return output


_GATED = LlamaMLP.gated


class LlamaDecoderLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)).

    Class attributes, for relatives:
        attention_class, mlp_class, norm_class: the parts. attention_name, mlp_name: the published names of the first two.
        state_class: what has the place of the attention in layers that keep a state (`cache.layer_types`), or None; state_name:
            its published name.
        mixture_class: what has the place of the MLP in layers with experts (`config.has_experts`), or None.
        norm_names: the published names of the norms before and behind the attention, before and behind the MLP; None where
            there is none.
        parallel: whether both halves read the same states, x + attention(norm(x)) + mlp(norm(x)) (Wang & Komatsuzaki 2021),
            where the config does not say it (`use_parallel_residual`). An MLP without a norm of its own shares the attention's.
        dropout_names: the published names of an nn.Dropout behind each half, "" where it is none.
        last_parts: the parts that stand behind the others, in this order, where that is the published one.
    """

    order = "hidden_states attention_mask position_ids past_key_values use_cache position_embeddings"
    is_causal = True
    attention_class: ClassVar[type[nn.Module]] = LlamaAttention
    mlp_class: ClassVar[type[nn.Module]] = LlamaMLP
    state_class: ClassVar[type[nn.Module] | None] = None
    state_name: ClassVar[str] = "mamba"
    mixture_class: ClassVar[type[nn.Module] | None] = None
    attention_name: ClassVar[str] = "self_attn"
    mlp_name: ClassVar[str] = "mlp"
    norm_class: ClassVar[type[nn.Module]] = RMSNorm
    norm_names: NormNames = ("input_layernorm", None, "post_attention_layernorm", None)
    parallel: ClassVar[bool] = False
    dropout_names: ClassVar[tuple[str, str]] = ("", "")
    last_parts: ClassVar[tuple[str, ...]] = ()
    layer_idx = Alias("mixer.layer_idx")

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        super().__init__()
        self.add_mixer(config, layer_idx)
        mixture = self.mixture_class if config.has_experts(layer_idx) else None
        self.add_module(self.mlp_name, (mixture or self.mlp_class)(config))
        for name in self.norm_names:
            if name is not None:
                self.add_module(name, self.norm_class(config.hidden_size, config.rms_norm_eps))
        put_last(self, *self.last_parts)
        self.is_parallel = config.declared("use_parallel_residual", self.parallel)
        self.multiplier, self.rate = config.declared("residual_multiplier", 1.0), config.declared("residual_dropout", 0.0)
        for name in filter(None, self.dropout_names):
            self.add_module(name, nn.Dropout(self.rate))

    def add_mixer(self, config: DecoderConfig, layer_idx: int) -> None:
        """Build what lets each position look at those before it."""
        states = self.state_class if keeps_state(config.layer_kinds()[layer_idx]) else None
        self.mixer_name = self.attention_name if states is None else self.state_name
        self.add_module(self.mixer_name, (states or self.attention_class)(config, layer_idx))

    @property
    def mixer(self) -> nn.Module:
        """The attention, or what has its place."""
        mixer: nn.Module = part(self, self.mixer_name)
        return mixer

    def mix(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        """The first half of the block, between its norms: states (B, T, D) -> (B, T, D)."""
        mixed: Tensor = self.mixer(x, mask, cache, **positions)
        return mixed

    def feed(self, x: Tensor) -> Tensor:
        """The second half of the block, between its norms: states (B, T, D) -> (B, T, D)."""
        fed: Tensor = part(self, self.mlp_name)(x)
        return fed

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        fast = through(_PARTS, self, x, mask, cache, positions)
        if fast is not None:
            return fast
        before, behind, before_mlp, behind_mlp = self.norm_names
        if self.is_parallel:
            states = self._norm(before, x)
            attended = self._share(self._norm(behind, self.mix(states, mask, cache, **positions)))
            states = states if before_mlp is None else self._norm(before_mlp, x)
            return x + attended + self._share(self._norm(behind_mlp, self.feed(states)), 1)
        # No states but `x` have a name while the second half runs: they are freed.
        x = x + self._share(self._norm(behind, self.mix(self._norm(before, x), mask, cache, **positions)))
        return self.second_half(x)

    def second_half(self, x: Tensor) -> Tensor:
        """x + mlp(norm(x)), (B, T, D) -> (B, T, D)."""
        _, _, before, behind = self.norm_names
        return x + self._share(self._norm(behind, self.feed(self._norm(before, x))), 1)

    def _norm(self, name: str | None, x: Tensor) -> Tensor:
        normed: Tensor = x if name is None else part(self, name)(x)
        return normed

    def _share(self, states: Tensor, half: int = 0) -> Tensor:
        """What of the states of the first half (0) or the second (1) is added to the block's."""
        if self.dropout_names[half]:
            states = self.get_submodule(self.dropout_names[half])(states)
        elif self.rate and self.training:
            states = nn.functional.dropout(states, self.rate)
        return states if self.multiplier == 1.0 else states * self.multiplier


_PARTS = Parts(
    Known(LlamaDecoderLayer, "forward mix feed mixer second_half _norm _share"),
    Known(LlamaAttention, "forward project projections _normed"),
    Known(LlamaMLP, "forward _inner gated opening"),
)


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
