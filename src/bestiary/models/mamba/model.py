"""The modules of Mamba. Parameter names and layouts are the published ones."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...cache.kinds.recurrent import recurrent_layer
from ...core.errors import ArgumentError
from ...core.outputs import ModelOutput, Tensors
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.recording import Stack
from ...modeling.state_space import start_of_steps
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.block import Block
from ...nn.init import Starting, constant, uniform
from ...nn.inputs import one_of
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.norm import RMSNorm
from ...nn.packed import text_at_a_time
from ...nn.ssm import CausalConv1d, selective_scan
from ...nn.values import extremes
from . import MambaConfig


def start_of_decay(a_log: Tensor) -> None:
    """A starts as -1, ..., -N in every channel (S4D-Real, Gu et al. 2022)."""
    a_log.copy_(torch.arange(1, a_log.shape[1] + 1, device=a_log.device).log().expand_as(a_log))


class MambaMixer(Block, Starting):
    """One selective state-space model between two projections (Figure 3); `E` is `intermediate_size`, `N` `state_size`."""

    order = "hidden_states cache_params attention_mask"
    hidden_size, intermediate_size = Alias("config.hidden_size"), Alias("config.intermediate_size")
    ssm_state_size, conv_kernel_size = Alias("config.state_size"), Alias("config.conv_kernel")
    time_step_rank, activation = Alias("config.time_step_rank"), Alias("config.hidden_act")
    use_bias, use_conv_bias = Alias("config.use_bias"), Alias("config.use_conv_bias")

    def __init__(self, config: MambaConfig, layer_idx: int) -> None:
        super().__init__()
        size, inner, rank = config.hidden_size, int(config.intermediate_size or 0), int(config.time_step_rank)
        self.layer_idx, self.sizes = layer_idx, (rank, config.state_size, config.state_size)
        self.conv1d = CausalConv1d(inner, config.conv_kernel, config.use_conv_bias)
        self.act = activation(config.hidden_act)
        self.in_proj = nn.Linear(size, 2 * inner, bias=config.use_bias)
        self.x_proj = nn.Linear(inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.empty(inner, config.state_size))
        self.D = nn.Parameter(torch.empty(inner))
        self.out_proj = nn.Linear(inner, size, bias=config.use_bias)
        bound = config.time_step_scale * rank**-0.5
        depth = math.sqrt(config.num_hidden_layers) if config.rescale_prenorm_residual else 1.0
        self.starts = {
            "A_log": start_of_decay,
            "D": constant(1.0),
            "conv1d.weight": uniform(config.conv_kernel**-0.5),
            "dt_proj.weight": constant(bound) if config.time_step_init_scheme == "constant" else uniform(bound),
            "dt_proj.bias": start_of_steps(config.time_step_min, config.time_step_max, config.time_step_floor),
            "out_proj.weight": uniform(inner**-0.5 / depth),
        }

    def selected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the inputs (B, T, E) choose: the step before its projection (B, T, R), B and C (B, T, N)."""
        delta, b, c = self.x_proj(x).split(self.sizes, dim=-1)
        return delta, b, c

    @text_at_a_time
    def forward(self, x: Tensor, mask: Mask, cache: Any, *, shares: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding gives zeros to the convolution and to the recurrence; the gate is always SiLU.

        `shares` (B, T, 1): numbers of a mask that multiply what comes in and what the convolution gives, as published.
        """
        real = mask.real_queries
        memory = None if cache is None else recurrent_layer(cache, self.layer_idx, x.device)
        earlier, state = (None, None) if memory is None else (memory.conv_states, memory.recurrent_states)
        x, gate = self.in_proj(x if shares is None else x * shares).chunk(2, dim=-1)
        x = x if real is None else x * real
        inputs = x.transpose(1, 2)
        x = self.act(self.conv1d(inputs, earlier)).transpose(1, 2)
        kept = real if shares is None else shares
        x = x if kept is None else x * kept
        delta, b, c = self.selected(x)
        delta = nn.functional.softplus(self.dt_proj(delta))
        y, state = selective_scan(x, delta, -self.A_log.float().exp(), b, c, state)
        if memory is not None:
            memory.update_conv_state(inputs, self.conv1d.kernel_size[0])
            memory.update_recurrent_state(state)
        output: Tensor = self.out_proj(torch.addcmul(y, self.D, x).to(x.dtype) * nn.functional.silu(gate))
        return output


class MambaBlock(Layer):
    """x + mixer(norm(x))."""

    mixer_class: ClassVar[type[nn.Module]] = MambaMixer
    layer_idx = Alias("mixer.layer_idx")

    def __init__(self, config: MambaConfig, layer_idx: int) -> None:
        super().__init__()
        self.residual_in_fp32 = config.residual_in_fp32
        self.norm = RMSNorm(config.hidden_size, config.layer_norm_epsilon)
        self.mixer = self.mixer_class(config, layer_idx)

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, shares: Tensor | None = None) -> Tensor:
        branch = self.mixer(self.norm(x.to(self.norm.weight.dtype)), mask, cache, shares=shares)
        output: Tensor = (x.float() if self.residual_in_fp32 else x) + branch
        return output


@dataclass
class MambaOutput(ModelOutput):
    """`last_hidden_state` (B, T, D); `cache_params` the cache; `hidden_states` the L layers' outputs and the final state."""

    last_hidden_state: Tensor | None = None
    cache_params: Any | None = None
    hidden_states: Tensors | None = None

    @property
    def past_key_values(self) -> Any:
        """The cache, under the name that it has in other families."""
        return self.cache_params


@dataclass
class MambaCausalLMOutput(ModelOutput):
    """`loss` of the labels; `logits` (B, T, V); `cache_params`; `hidden_states` as in `MambaOutput`."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    cache_params: Any | None = None
    hidden_states: Tensors | None = None

    @property
    def past_key_values(self) -> Any:
        """The cache, under the name that it has in other families."""
        return self.cache_params


def one_cache(cache_params: Any, past_key_values: Any) -> Any:
    """The cache, by whichever of its names it was given.

    Raises:
        ArgumentError: by both.
    """
    if cache_params is not None and past_key_values is not None:
        raise ArgumentError("cache_params and past_key_values are two names of the cache; pass one")
    return past_key_values if cache_params is None else cache_params


def shares_of(attention_mask: Tensor | None, x: Tensor) -> Tensor | None:
    """What a mask (B, past + T) multiplies the new states `x` (B, T, D) by, (B, T, 1); None where it holds but 0 and 1."""
    if attention_mask is None or attention_mask.dim() != 2 or attention_mask.dtype == torch.bool:
        return None
    if not attention_mask.is_floating_point() and extremes(attention_mask) in ((0, 0), (0, 1), (1, 1)):
        return None
    return attention_mask[:, -x.shape[1] :, None].to(x.dtype)


class MambaPreTrainedModel(PreTrainedModel):
    """What all Mamba classes share."""

    config_class = MambaConfig
    base_model_prefix = "backbone"
    stacks = {"": Stack("layers", final="norm_f", outputs=True, entry=False)}
    kernels = ("eager",)  # there is no attention
    _no_split_modules = ["MambaBlock"]
    _weight_rules = (rename("embedding.weight", "embeddings.weight", reverse=False),)


class MambaModel(MambaPreTrainedModel):
    """The decoder without a head."""

    layer_class: ClassVar[type[Layer]] = MambaBlock

    def __init__(self, config: MambaConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(self.layer_class(config, index) for index in range(config.num_hidden_layers))
        self.norm_f = RMSNorm(config.hidden_size, config.layer_norm_epsilon)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        cache_params: Any = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> MambaOutput:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        cache_params: the states so far; `past_key_values` is the name that it has in other families.
        """
        one_of(input_ids, inputs_embeds)
        x = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self.start_cache(one_cache(cache_params, past_key_values), use_cache)
        mask = make_mask(x.shape[1], x.device, attention_mask, cache=cache, causal=False)
        shares = shares_of(attention_mask, x)
        for layer in self.layers:
            x = layer(x, mask, cache, shares=shares)
        return MambaOutput(last_hidden_state=self.norm_f(x), cache_params=cache)


class MambaForCausalLM(CausalLM, MambaPreTrainedModel):
    """Mamba with a language-modelling head; the logits are fp32."""

    backbone_class = MambaModel
    output_class = MambaCausalLMOutput
    _tied_weights_keys = {"lm_head.weight": "backbone.embeddings.weight"}

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        return super().vocabulary_logits(hidden.to(self.dtype)).float()

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """`CausalLM.generate`, which takes the cache by its name in this family too."""
        kwargs["past_key_values"] = one_cache(kwargs.pop("cache_params", None), kwargs.get("past_key_values"))
        return super().generate(*args, **kwargs)
