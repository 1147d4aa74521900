"""The pieces of rotary attention that scripts and models of others import, over the ones of `nn.rope`."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, cast

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..modeling.rotary import RotaryTables, rotary_modules
from ..modeling.rotary_config import RotaryConfig
from ..nn.rope import KINDS, Rotary, rotary_size, rotate
from ..nn.rope_parameters import REQUIRED, Parameters, rope_parameters

# Kind -> what its function reads; YaRN's works out a factor that is None, but not one that is absent.
_NEEDED = {**REQUIRED, "yarn": ("factor",)}


class _Turning(type):
    """What models have as `rotary_emb` is an instance of each such class."""

    def __instancecheck__(cls, module: Any) -> bool:
        return super().__instancecheck__(module) or isinstance(module, RotaryTables)


class ConfiguredTables(RotaryTables, metaclass=_Turning):
    """The rotary tables of a config of this library, one for each kind of its layers; called as `RotaryTables` are.

    `device` changes nothing: angles are computed where the positions are.
    """

    def __init__(self, config: RotaryConfig, device: torch.device | str | None = None) -> None:
        tables = rotary_modules(config)
        super().__init__({kind: cast(Rotary, table) for kind, table in tables.items()}, tables.form)
        self.config = config


class LlamaRotaryEmbedding(Rotary, metaclass=_Turning):
    """Cosines and sines of positions, as `config.rope_parameters` say; the same for every decoder.

    `device` changes nothing: angles are computed where the positions are.
    """

    def __init__(self, config: Any, device: torch.device | str | None = None) -> None:
        head = config.head_dim or config.hidden_size // config.num_attention_heads
        super().__init__(config.rope_parameters or {}, head, config.max_position_embeddings)
        self.config = config

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Positions (B or 1, T) -> cos and sin (B or 1, T, K) in the dtype of `x`."""
        return super().forward(position_ids, x.dtype)


def _table(config: Any, layer_type: str | None = None) -> Parameters:
    """The rotary settings of a config of any library, in the one form: of all layers, or of those of a kind."""
    older = (getattr(config, name, None) for name in ("rope_scaling", "rope_theta", "partial_rotary_factor"))
    table, (scaling, theta, share) = getattr(config, "rope_parameters", None), older
    if layer_type is not None:
        table, scaling = config.rope_parameters[layer_type], None
    return rope_parameters(table, scaling, theta, partial_rotary_factor=share)


def rope_config_validation(config: Any, ignore_keys: set[str] | None = None) -> None:
    """Bring the rotary settings of a config (`rope_parameters`, or the older `rope_scaling` and `rope_theta`) into one form.

    Args:
        ignore_keys: further keys of them; any are kept.

    Raises:
        ConfigError: an unknown kind, a kind without its numbers, or a number that is none.
    """
    config.rope_parameters = _table(config)


def _init(
    kind: str,
    config: Any,
    device: torch.device | str | None = None,
    seq_len: int | None = None,
    layer_type: str | None = None,
) -> tuple[Tensor, float]:
    """The angles per position (K/2) and the factor on cos and sin.

    Args:
        config: with `rope_parameters`, or for each `layer_type` such a table. seq_len: the length, where angles depend on it.

    Raises:
        ConfigError: a number is missing that this kind needs.
    """
    parameters = _table(config, layer_type)
    if missing := [name for name in _NEEDED[kind] if name not in parameters]:
        raise ConfigError(f"the angles of {kind!r} need {', '.join(missing)}; found {parameters}; set it in rope_parameters")
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads  # a config of any library
    frequencies = KINDS[kind](parameters, rotary_size(parameters, head), seq_len or 0, config.max_position_embeddings)
    return torch.tensor(frequencies.inverse, device=device), frequencies.attention_factor


ROPE_INIT_FUNCTIONS: dict[str, Callable[..., tuple[Tensor, float]]] = {kind: partial(_init, kind) for kind in KINDS}


def dynamic_rope_update(rope_forward: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of the `forward(x, position_ids)` of rotary modules, where angles may depend on the length of the text.

    Before each call the module's `inv_freq` and `attention_scaling` become those of the positions met, for the kinds of
    scaling that look at them (`rope_type` "dynamic" and "longrope").
    """

    @wraps(rope_forward)
    def forward(self: Any, x: Tensor, position_ids: Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.rope_type in ("dynamic", "longrope"):
            length = int(position_ids.max()) + 1
            inverse, self.attention_scaling = ROPE_INIT_FUNCTIONS[self.rope_type](self.config, x.device, length)
            self.register_buffer("inv_freq", inverse, persistent=False)
        return rope_forward(self, x, position_ids, *args, **kwargs)

    return forward


def apply_rotary_pos_emb(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """Queries and keys (B, H, T, K), or (B, T, H, K) with `unsqueeze_dim=2`, turned by the angles (B or 1, T, K)."""
    if unsqueeze_dim == 2:
        q, k = rotate(q.transpose(1, 2), cos, sin), rotate(k.transpose(1, 2), cos, sin)
        return q.transpose(1, 2), k.transpose(1, 2)
    return rotate(q, cos, sin), rotate(k, cos, sin)


def rotate_half(x: Tensor) -> Tensor:
    """(..., K): the second half negated, then the first."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def repeat_kv(hidden_states: Tensor, n_rep: int) -> Tensor:
    """Key/value heads (B, G, S, K), each `n_rep` times, side by side."""
    return hidden_states.repeat_interleave(n_rep, dim=1)
