"""The modules of RWKV-4. Parameter names and layouts are the published ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...cache.base import Cache
from ...cache.kinds.dynamic import DynamicCache
from ...cache.kinds.recurrent import RecurrentLayer, recurrent_layer
from ...core.errors import ArgumentError, InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.recording import Stack
from ...nn.attention import Attend
from ...nn.init import Start, Starting, constant
from ...nn.inputs import one_of
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.packed import text_at_a_time
from ...nn.part_order import put_last
from ...nn.wkv import NOTHING, wkv
from . import RwkvConfig


def start_of_shares(power: float, more: float = 0.0) -> Start:
    """Shares grow from `more` on with the channel, the faster the smaller the `power`."""
    return lambda share: share.copy_((torch.arange(share.shape[-1], device=share.device) / share.shape[-1]) ** power + more)


def start_of_decays(power: float) -> Start:
    """Logarithms of decays start between -5 and 3."""

    def start(decay: Tensor) -> None:
        places = torch.arange(len(decay), device=decay.device) / max(len(decay) - 1, 1)
        decay.copy_(8 * places**power - 5)

    return start


class TokenShift(Starting):
    """Half a block, whose projections read of each position a mixture with the one before it."""

    def __init__(self, config: RwkvConfig, layer_id: int) -> None:
        super().__init__()
        self.layer_id, self.rescale_every = layer_id, config.rescale_every
        self.time_mix_key = nn.Parameter(torch.empty(1, 1, config.hidden_size))
        self.time_mix_receptance = nn.Parameter(torch.empty(1, 1, config.hidden_size))

    def mixed(self, x: Tensor, earlier: Tensor | None, *shares: Tensor) -> list[Tensor]:
        """States (B, T, D) and the one before them (B, D) -> for shares (1, 1, D) of the newer one, mixtures (B, T, D)."""
        first = torch.zeros_like(x[:, :1]) if earlier is None else earlier.unsqueeze(1)
        before = torch.cat([first, x[:, :-1]], dim=1)
        return [x * share + before * (1 - share) for share in shares]

    def rescaled(self, x: Tensor) -> Tensor:
        """In evaluation, states as small as those that they are added to, which were halved."""
        rescales = self.rescale_every > 0 and not self.training
        return x * 0.5 ** (self.layer_id // self.rescale_every) if rescales else x


class Recorded(Attend):
    """Gives what it gets, which then is recorded as attentions: those of a layer are published as what the attention gives."""

    def __init__(self) -> None:
        super().__init__(scaling=1.0)

    def forward(self, x: Tensor, need_weights: bool = False) -> Any:  # type: ignore[override]
        """(B, T, D) -> (B, T, D), and once more with `need_weights`."""
        return (x, x) if need_weights else x


class RwkvSelfAttention(TokenShift):
    """Time mixing (section 3.1.2): means of the values so far, behind a gate."""

    def __init__(self, config: RwkvConfig, layer_id: int) -> None:
        super().__init__(config, layer_id)
        size, inner, layers = config.hidden_size, int(config.attention_hidden_size or 0), config.num_hidden_layers
        self.attention_hidden_size = inner
        self.time_decay = nn.Parameter(torch.empty(inner))
        self.time_first = nn.Parameter(torch.empty(inner))
        self.time_mix_value = nn.Parameter(torch.empty(1, 1, size))
        put_last(self, "time_mix_key", "time_mix_value", "time_mix_receptance")
        self.key = nn.Linear(size, inner, bias=False)
        self.value = nn.Linear(size, inner, bias=False)
        self.receptance = nn.Linear(size, inner, bias=False)
        self.output = nn.Linear(inner, size, bias=False)
        self.recorded = Recorded()
        depth, left = layer_id / max(layers - 1, 1), 1 - layer_id / layers
        self.starts = {
            "time_decay": start_of_decays(0.7 + 1.3 * depth),
            "time_first": constant(1.0),
            "time_mix_key": start_of_shares(left),
            "time_mix_value": start_of_shares(left, 0.3 * depth),
            "time_mix_receptance": start_of_shares(left / 2),
        }

    def forward(self, x: Tensor, mask: Mask, earlier: Tensor | None, memory: RecurrentLayer | None) -> Tensor:
        """States (B, T, D), the one before them (B, D) -> (B, T, D). Padding is not remembered."""
        shares = self.time_mix_key, self.time_mix_value, self.time_mix_receptance
        key, value, receptance = self.mixed(x, earlier, *shares)
        key, value, gate = self.key(key).float(), self.value(value), self.receptance(receptance).sigmoid()
        if mask.real_queries is not None:
            key = key.masked_fill(mask.real_queries == 0, NOTHING)
        state = None if memory is None else memory.recurrent_states
        means, state = wkv(key, value, self.time_decay.exp(), self.time_first, state)
        if memory is not None:
            memory.update_recurrent_state(state)
        output: Tensor = self.recorded(self.rescaled(self.output(gate * means.to(x.dtype))))
        return output


class RwkvFeedForward(TokenShift):
    """Channel mixing (section 3.1.3): squared ReLUs, behind a gate."""

    def __init__(self, config: RwkvConfig, layer_id: int) -> None:
        super().__init__(config, layer_id)
        size, inner = config.hidden_size, int(config.intermediate_size or 0)
        self.key = nn.Linear(size, inner, bias=False)
        self.receptance = nn.Linear(size, size, bias=False)
        self.value = nn.Linear(inner, size, bias=False)
        start = start_of_shares(1 - layer_id / config.num_hidden_layers)
        self.starts = {"time_mix_key": start, "time_mix_receptance": start}

    def forward(self, x: Tensor, earlier: Tensor | None) -> Tensor:
        """States (B, T, D), the one before them (B, D) -> (B, T, D)."""
        key, receptance = self.mixed(x, earlier, self.time_mix_key, self.time_mix_receptance)
        value = self.value(nn.functional.relu(self.key(key)).square())
        output: Tensor = self.receptance(receptance).sigmoid() * self.rescaled(value)
        return output


class RwkvBlock(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)); the first block norms x before."""

    def __init__(self, config: RwkvConfig, layer_id: int) -> None:
        super().__init__()
        self.layer_id, self.rescale_every = layer_id, config.rescale_every
        if layer_id == 0:
            self.pre_ln = nn.LayerNorm(config.hidden_size, config.layer_norm_epsilon)
        self.ln1 = nn.LayerNorm(config.hidden_size, config.layer_norm_epsilon)
        self.ln2 = nn.LayerNorm(config.hidden_size, config.layer_norm_epsilon)
        self.attention = RwkvSelfAttention(config, layer_id)
        self.feed_forward = RwkvFeedForward(config, layer_id)

    @text_at_a_time
    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        memory = None if cache is None else recurrent_layer(cache, self.layer_id, x.device)
        newest = None if memory is None else memory.conv_states
        before_mlp, before = (None, None) if newest is None else newest[:, :, -1].chunk(2, dim=1)
        x = self.pre_ln(x) if self.layer_id == 0 else x
        states = _real(self.ln1(x), mask)
        x = x + self.attention(states, mask, before, memory)
        mlp_states = _real(self.ln2(x), mask)
        x = x + self.feed_forward(mlp_states, before_mlp)
        if memory is not None:
            memory.update_conv_state(torch.cat([mlp_states, states], dim=-1).transpose(1, 2), 1)
        halves = self.rescale_every > 0 and not self.training and (self.layer_id + 1) % self.rescale_every == 0
        return x / 2 if halves else x


def _real(x: Tensor, mask: Mask) -> Tensor:
    """The states, and zeros in the place of padding, as before a text's beginning."""
    return x if mask.real_queries is None else x * mask.real_queries


class RwkvState(list[Tensor]):
    """What is remembered of a text: newest inputs of MLPs and attentions (B, D, L), and the parts of `wkv`'s state (B, A, L).

    They are those of the L layers of `cache`, which goes on with the next tokens; the list stays as it is.
    """

    def __init__(self, cache: Cache, layers: int) -> None:
        self.cache = cache
        memories = [recurrent_layer(cache, index) for index in range(layers)]
        inputs = [memory.conv_states[..., -1] for memory in memories if memory.conv_states is not None]
        sums = [memory.recurrent_states for memory in memories if memory.recurrent_states is not None]
        super().__init__((*torch.stack(inputs, dim=-1).chunk(2, dim=1), *torch.stack(sums, dim=-1).unbind(1)))


@dataclass
class RwkvOutput(ModelOutput):
    """`last_hidden_state` (B, T, D); `state`, which the next tokens go on from; `hidden_states` the L blocks' outputs and the
    final state; `attentions` what the L attentions give (B, T, D)."""

    last_hidden_state: Tensor | None = None
    state: RwkvState | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None

    @property
    def past_key_values(self) -> Cache | None:
        """The cache that holds the state, under the name that it has in other families."""
        return None if self.state is None else self.state.cache


@dataclass
class RwkvCausalLMOutput(ModelOutput):
    """`loss` of the labels; `logits` (B, T, V); the others as in `RwkvOutput`."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    state: RwkvState | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    past_key_values = RwkvOutput.past_key_values


def cache_of(state: Sequence[Tensor] | Cache | None, past_key_values: Any) -> Any:
    """The cache that goes on from what was given as `state`, the list of an output, or as `past_key_values`, a cache.

    Raises:
        ArgumentError: both were given. InputError: `state` is no such list.
    """
    if state is None or past_key_values is not None:
        if state is not None:
            raise ArgumentError("state and past_key_values both say what is remembered; pass one")
        return past_key_values
    if isinstance(state, Cache):
        return state
    if not isinstance(state, list | tuple) or [getattr(each, "ndim", 0) for each in state] != [3] * 5:
        raise InputError(f"state is a {type(state).__name__}; expected five tensors (B, D, L), as an output of this model has")
    cache, inputs, sums = DynamicCache(), torch.cat(tuple(state[:2]), dim=1), torch.stack(tuple(state[2:]), dim=1)
    for index in range(inputs.shape[-1]):
        layer = recurrent_layer(cache, index)
        layer.conv_states, layer.recurrent_states = inputs[..., index, None], sums[..., index]
    return cache


class RwkvPreTrainedModel(PreTrainedModel):
    """What all RWKV classes share."""

    config_class = RwkvConfig
    base_model_prefix = "rwkv"
    stacks = {"": Stack("blocks", final="ln_out", outputs=True, entry=False)}
    kernels = ("eager",)  # its attention has no scores
    _no_split_modules = ["RwkvBlock"]
    _keep_in_fp32_modules = ["time_decay", "time_first"]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            outer, inner = module.weight.shape
            gain = 0.5 if (outer, inner) == (self.config.vocab_size, self.config.hidden_size) else 1.0
            nn.init.orthogonal_(module.weight, gain * math.sqrt(max(outer / inner, 1.0)))
        elif isinstance(module, nn.Embedding):
            nn.init.orthogonal_(module.weight, 1e-4 * math.sqrt(max(module.weight.shape)))
        else:
            super()._init_weights(module)


class RwkvModel(RwkvPreTrainedModel):
    """RWKV without a head."""

    config: RwkvConfig

    def __init__(self, config: RwkvConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList(RwkvBlock(config, index) for index in range(config.num_hidden_layers))
        self.ln_out = nn.LayerNorm(config.hidden_size)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        state: list[Tensor] | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> RwkvOutput:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        state: the state of an earlier output, which the text goes on from. past_key_values: a cache that holds it instead.
        """
        one_of(input_ids, inputs_embeds)
        x = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self.start_cache(cache_of(state, past_key_values), use_cache)
        new = None if attention_mask is None else attention_mask[..., -x.shape[1] :]
        mask = make_mask(x.shape[1], x.device, new, causal=False)
        for block in self.blocks:
            x = block(x, mask, cache)
        remembered = None if cache is None else RwkvState(cache, len(self.blocks))
        return RwkvOutput(last_hidden_state=self.ln_out(x), state=remembered)


class RwkvForCausalLM(CausalLM, RwkvPreTrainedModel):
    """RWKV with a language-modelling head."""

    backbone_class = RwkvModel
    output_class = RwkvCausalLMOutput
    head_name = "head"
    _tied_weights_keys = {"head.weight": "rwkv.embeddings.weight"}

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """`CausalLM.generate`, which also goes on from the `state` of an output."""
        kwargs["past_key_values"] = cache_of(kwargs.pop("state", None), kwargs.get("past_key_values"))
        return super().generate(*args, **kwargs)
