"""The hyperparameters of rotary positions, which decoders and encoders have alike. Needs no torch."""

from typing import Any, ClassVar, NamedTuple

from ..cache.layer_types import keeps_state
from ..core.errors import ConfigError
from ..core.logging import warn_once
from ..nn.rope_parameters import Parameters, rope_parameters
from .config import PreTrainedConfig


class QueryGrowth(NamedTuple):
    """Queries at position p are multiplied by 1 + strength * log(1 + floor((p + shift) / span)) (Nakanishi 2025)."""

    strength: float
    span: int
    shift: int = 0


class RotaryConfig(PreTrainedConfig):
    """Base of the configs of models whose queries and keys turn with their positions.

    `rope_parameters` holds `rope_type`, `rope_theta` and the numbers of the scaling, or, where layers of different kinds turn
    by different tables, such a table for each kind of layer; the older `rope_theta` and `rope_scaling` are read as well. Its
    family calls `read_rotary` when the sizes are checked.

    Class attributes:
        default_theta: `rope_theta` where the file has none.
        default_rope_parameters: `rope_parameters` where the file has none, nor `rope_scaling`.
        default_partial_rotary_factor: the share of each head that turns, where the file does not say it; None for all.
        interleaved_rotary: whether neighbours turn together, (x_0, x_1), instead of (x_0, x_{K/2}).
        published_angles: how the published table gives the cosine and the sine of each pair: in two "halves" (K), as "pairs"
            (K), "once" (K/2), or as one "complex" number (K/2).
    """

    default_theta: ClassVar[float] = 10_000.0
    default_rope_parameters: ClassVar[Parameters | None] = None
    default_partial_rotary_factor: ClassVar[float | None] = None
    interleaved_rotary: ClassVar[bool] = False
    published_angles: ClassVar[str] = "halves"
    older_kinds: ClassVar[dict[str, Any]] = {
        "rope_scaling": dict[str, Any] | None,
        "rope_theta": float | None,
        "partial_rotary_factor": float | None,
    }

    rope_parameters: dict[str, Any] | None = None

    def read_rotary(self) -> None:
        """Bring `rope_parameters` into its one form, from every spelling.

        Raises:
            ConfigError: an unknown kind, a kind without its numbers, or heads that are no pairs.
        """
        if self.head_size % 2:
            raise ConfigError(
                f"{type(self).__name__}: head_dim is {self.head_size}; rotary positions turn pairs, so it must be even"
            )
        older = ("rope_scaling", "rope_theta", "partial_rotary_factor")
        scaling, theta, share = (self.__dict__.pop(name, None) for name in older)
        if self.rope_parameters is None and scaling is None:
            self.rope_parameters = self.default_rope_parameters
        tables = self.rope_parameters or {}
        kinds = [kind for kind, table in (self.default_rope_parameters or {}).items() if isinstance(table, dict)]
        if kinds and not any(isinstance(table, dict) for table in tables.values()):
            raise ConfigError(
                f"{type(self).__name__}: rope_parameters is {tables!r:.80}; expected a table for each kind of layer:"
                f" {', '.join(kinds)}"
            )
        if tables and all(isinstance(table, dict) for table in tables.values()):
            self.rope_parameters = {kind: self._rotary(table, share=share) for kind, table in tables.items()}
        else:
            self.rope_parameters = self._rotary(self.rope_parameters, scaling, theta, share)
        self.__dict__["_rotary_is_read"] = True  # from now on, rope_scaling replaces them

    @property
    def rope_scaling(self) -> dict[str, Any] | None:
        """The older name of `rope_parameters`; what is set replaces them, but for a `rope_theta` that it does not hold."""
        return self.rope_parameters

    @rope_scaling.setter
    def rope_scaling(self, value: dict[str, Any] | None) -> None:
        self.__dict__["rope_scaling"] = value
        if self.__dict__.get("_rotary_is_read"):
            self.__dict__.update(rope_theta=(self.rope_parameters or {}).get("rope_theta"), rope_parameters=None)
            self._check(from_caller=True)

    def _rotary(
        self,
        table: Parameters | None,
        scaling: Parameters | None = None,
        theta: float | None = None,
        share: float | None = None,
    ) -> Parameters:
        share = self.default_partial_rotary_factor if share is None else share
        parameters = rope_parameters(table, scaling, theta, self.default_theta, share)
        turned = int(self.head_size * (parameters.get("partial_rotary_factor") or 1.0))
        if turned < 1 and self.head_size:  # heads without numbers are refused by the model
            raise ConfigError(
                f"{type(self).__name__}: partial_rotary_factor is {parameters['partial_rotary_factor']}, so {turned} of the"
                f" {self.head_size} numbers of a head turn; expected at least one pair"
            )
        return parameters

    def tables_of_kinds(self) -> dict[str, Parameters]:
        """The tables in `rope_parameters`, where kinds of layers turn apart; the rest is of no effect, as published."""
        given = self.rope_parameters or {}
        strays = [key for key, table in given.items() if not isinstance(table, dict)]
        if strays:
            warn_once(
                f"rope-of-no-kind-{type(self).__name__}",
                f"{type(self).__name__}: rope_parameters holds tables for kinds of layers; of no effect: {', '.join(strays)}",
            )
        return {kind: table for kind, table in given.items() if kind not in strays}

    def has_rotary(self, layer_idx: int) -> bool:
        """Whether queries and keys of layer `layer_idx` turn with their positions."""
        return True

    def query_growth(self, layer_idx: int) -> QueryGrowth | None:
        """How queries of layer `layer_idx` grow with their positions; None where they do not."""
        return None

    @property
    def head_size(self) -> int:
        """K, the width of one head."""
        return int(self.declared("head_dim") or self.get("hidden_size") // self.get("num_attention_heads"))

    def head_size_of(self, kind: str) -> int:
        """The width of one head in layers of a kind, where they differ."""
        return self.head_size

    @property
    def rotary_tables(self) -> dict[str, Parameters]:
        """Kind of layer -> how its positions turn; kinds that keep a state instead of keys have none."""
        kinds = dict.fromkeys(kind for kind in self.layer_kinds() if not keeps_state(kind))
        tables = self.rope_parameters or {}
        if not all(isinstance(table, dict) for table in tables.values()):
            return dict.fromkeys(kinds, tables)
        missing = [kind for kind in kinds if kind not in tables]
        if missing:
            raise ConfigError(
                f"{type(self).__name__}: rope_parameters has tables for {', '.join(tables)}, and none for {', '.join(missing)}"
            )
        return {kind: tables[kind] for kind in kinds}
