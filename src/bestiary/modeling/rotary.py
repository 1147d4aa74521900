"""The rotary tables of a model, one for each kind of its layers."""

from operator import attrgetter
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..nn.rope import Rotary, angles_of
from .rotary_config import RotaryConfig

# Attributes of a table that published models have of each kind of layer, behind its name; longer endings first.
_OF_KINDS = ("original_inv_freq", "inv_freq", "attention_scaling", "rope_type")


class RotaryTables(nn.ModuleDict):
    """Kind of layer -> its rotary table; called as published models call theirs, it gives the angles of one kind.

    Where all layers share one table, it has what scripts read of that; of these, `inv_freq` may be assigned.

    Args:
        modules: the tables. form: in which form it gives angles (`RotaryConfig.published_angles`).
    """

    def __init__(self, modules: dict[str, Rotary], form: str = "halves") -> None:
        super().__init__(modules)
        self.form = form

    original_inv_freq = property(attrgetter("_only.original_inv_freq"))
    attention_scaling, rope_type = property(attrgetter("_only.attention_scaling")), property(attrgetter("_only.rope_type"))
    max_seq_len_cached = original_max_seq_len = property(attrgetter("_only.max_seq_len_cached"))

    @property
    def inv_freq(self) -> Tensor:
        """The angle per position (K/2) of the one table."""
        return self._only.inv_freq

    @inv_freq.setter
    def inv_freq(self, value: Tensor) -> None:
        self._only.inv_freq = value

    def __getattr__(self, name: str) -> Any:
        """What scripts read of the table of one kind: `full_attention_inv_freq`, `sliding_attention_attention_scaling`, ..."""
        kind, ending = next(((name.removesuffix(f"_{end}"), end) for end in _OF_KINDS if name.endswith(f"_{end}")), ("", ""))
        tables = self.__dict__.get("_modules", {})
        return getattr(tables[kind], ending) if kind in tables else super().__getattr__(name)

    @property
    def _only(self) -> Rotary:
        table, *others = set(self.values())
        if others:
            raise AttributeError(f"there are {1 + len(others)} rotary tables, of {', '.join(self.keys())}; read them of one")
        return cast(Rotary, table)

    def forward(self, x: Tensor, position_ids: Tensor, layer_type: str | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Positions (B or 1, T) -> cos and sin (B or 1, T, K) in the dtype of `x`, for the layers of a kind, as published.

        Raises:
            ArgumentError: there is no such kind, or several that differ and none is named.
        """
        kinds = list(self.keys())
        if layer_type not in kinds and (layer_type is not None or len(set(self.values())) != 1):
            raise ArgumentError(f"layer_type is {layer_type!r:.80}; the layers of this model are {', '.join(kinds)}")
        table = cast(Rotary, self[layer_type or kinds[0]])
        return published_form(table(position_ids, torch.float32 if self.form == "complex" else x.dtype), table, self.form)


def published_form(angles: tuple[Tensor, Tensor], table: Rotary, form: str) -> Tensor | tuple[Tensor, Tensor]:
    """Cosines and sines (B or 1, T, K) of `table` in another form (`RotaryConfig.published_angles`)."""
    if form == ("pairs" if table.interleaved else "halves"):
        return angles
    cos, sin = (each[..., ::2] if table.interleaved else each.chunk(2, dim=-1)[0] for each in angles)
    if form == "complex":
        return torch.complex(cos, sin)
    return (cos, sin) if form == "once" else (torch.cat((cos, cos), dim=-1), torch.cat((sin, sin), dim=-1))


def rotary_modules(config: RotaryConfig) -> RotaryTables:
    """Kind of layer -> what gives its keys and queries their positions; kinds with equal tables share one."""
    tables, limit = config.rotary_tables, int(config.get("max_position_embeddings"))
    sized = {kind: (table, config.head_size_of(kind)) for kind, table in tables.items()}
    modules = [Rotary(table, size, limit, config.interleaved_rotary) for table, size in sized.values()]
    first = {kind: list(sized.values()).index(each) for kind, each in sized.items()}
    return RotaryTables({kind: modules[index] for kind, index in first.items()}, config.published_angles)


def rotary_states(modules: nn.ModuleDict, position_ids: Tensor, dtype: torch.dtype) -> dict[str, tuple[Tensor, Tensor]]:
    """Kind of layer -> cosines and sines (B or 1, T, K) of the positions (B or 1, T), or (T), those of every text."""
    if position_ids.dim() == 1:
        position_ids = position_ids[None]
    by_kind = dict(modules.items())  # looked up once: while a model is exported, each look gives other objects
    tables = {table: table(position_ids, dtype) for table in dict.fromkeys(by_kind.values())}
    return {kind: tables[table] for kind, table in by_kind.items()}


def own_states(module: nn.Module, config: RotaryConfig, x: Tensor, position_ids: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """As `rotary_states`, of a user's module: called as published models call theirs, with the kind where kinds differ."""
    kinds, (first, *others) = list(config.rotary_tables), config.rotary_tables.values()
    if all(other == first for other in others):
        return dict.fromkeys(kinds, angles_of(module(x, position_ids), config.interleaved_rotary))
    return {kind: angles_of(module(x, position_ids, layer_type=kind), config.interleaved_rotary) for kind in kinds}


def reach_of(modules: nn.Module) -> int | None:
    """The length up to which the positions of all of them are good; None where there is no end."""
    ends = [table.reach for table in modules.modules() if isinstance(table, Rotary) and table.reach is not None]
    return min(ends, default=None)
