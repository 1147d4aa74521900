"""How compressed-tensors says what is quantized, and how: the arguments of one kind of tensor, and the schemes of layers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..core.kinds import fits as is_of_kind
from ..core.patterns import matches
from .scaled import FLOAT8, LARGEST_FLOAT8

STRATEGIES = ("tensor", "channel", "group", "block", "token")
_SHOWN = ("num_bits", "type", "symmetric", "group_size", "strategy", "dynamic")


@dataclass
class TensorArgs:
    """How one kind of tensor is quantized.

    Attributes:
        num_bits, type: integers of 1 to 8 bits ("int"), or floats of 8 ("float").
        strategy: what shares a scale: "tensor", "channel" (a row of a weight), "group" (of `group_size` columns), "block" (of
            `block_structure` rows and columns), "token" (of an input).
        symmetric: without zero points. dynamic: of inputs, whether scales are of the input itself, not of the file.
        actorder: whether columns belong to groups in another order than theirs.
    """

    num_bits: int = 8
    type: str = "int"
    symmetric: bool = True
    group_size: int | None = None
    strategy: str | None = None
    block_structure: Any = None
    dynamic: Any = False
    actorder: Any = None
    scale_dtype: Any = None
    zp_dtype: Any = None
    observer: str | None = None
    observer_kwargs: Any = None

    @classmethod
    def of(cls, table: Any, about: str) -> "TensorArgs":
        """The arguments that a table holds; `about` says of what.

        Raises:
            ConfigError: they are none, or of a kind that is not opened here.
        """
        if not isinstance(table, Mapping):
            raise ConfigError(f"{about} is {table!r:.60}; expected a table of arguments, such as num_bits and strategy")
        names = {field.name for field in fields(cls)}
        self = cls(**{name: value for name, value in table.items() if name in names})
        if self.strategy is None:
            size = self.group_size
            self.strategy = "tensor" if size is None else "channel" if size == -1 else "group"
        self.check(about)
        return self

    def check(self, about: str) -> None:
        """Refuse what cannot be, or is not opened here."""
        whole = type(self.num_bits) is int and 1 <= self.num_bits <= 8
        if self.type not in ("int", "float") or not whole or (self.type == "float" and self.num_bits != 8):
            raise ConfigError(
                f"{about} is type {self.type!r:.40} with num_bits {self.num_bits!r:.40}; opened here are 'int' of 1 to 8 bits"
                " and 'float' of 8"
            )
        if self.strategy not in STRATEGIES:
            raise ConfigError(f"{about} has strategy {self.strategy!r:.60}; opened here are {', '.join(STRATEGIES)}")
        if self.strategy == "group" and (type(self.group_size) is not int or self.group_size < 1):
            raise ConfigError(f"{about} has strategy 'group' and group_size {self.group_size!r:.40}; expected 1 or more")
        if self.strategy == "block":
            size = self.block_structure
            if not isinstance(size, list | tuple) or len(size) != 2 or not all(type(each) is int and each > 0 for each in size):
                raise ConfigError(
                    f"{about} has strategy 'block' and block_structure {size!r:.40}; expected two positive numbers"
                )

    @property
    def range(self) -> tuple[int, int]:
        """The least and the largest integer."""
        return -(2 ** (self.num_bits - 1)), 2 ** (self.num_bits - 1) - 1

    def to_dict(self) -> dict[str, Any]:
        """The table, as the package writes it: what is no default only where it is set."""
        return {name: value for name, value in vars(self).items() if name in _SHOWN or value}

    def quantized(self, x: Tensor, scale: Tensor | None, zero: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Codes of an input (..., K), or (..., G, K / G) in groups, with scales and zero points that they broadcast with.

        Args:
            scale, zero: of static inputs, one number each.
        """
        parts = x.float()
        if self.strategy == "group":
            parts = parts.unflatten(-1, (-1, self.group_size or 1))
        if self.dynamic:
            dims = tuple(range(parts.dim())) if self.strategy == "tensor" else (-1,)
            least, most = parts.amin(dims, keepdim=True), parts.amax(dims, keepdim=True)
            scale, zero = self.scales_between(least.clamp(max=0), most.clamp(min=0))
        assert scale is not None
        scale = scale.float()
        zero = None if zero is None or self.symmetric else zero.float()
        return self.codes(parts, scale, 0 if zero is None else zero).float(), scale, zero

    def numbers(self, codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        """What `quantized` made codes of, rounded."""
        return (codes if zero is None else codes - zero) * scale

    def codes(self, numbers: Tensor, scale: Tensor, zero: Tensor | int) -> Tensor:
        """Numbers in few bits: int8, or floats of 8 bits."""
        if self.type == "float":
            return (numbers / scale + zero).clamp(-LARGEST_FLOAT8, LARGEST_FLOAT8).to(FLOAT8)
        return (numbers / scale + zero).round().clamp(*self.range).to(torch.int8)

    def scales_between(self, least: Tensor, most: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scales, and zero points where they are not symmetric, of what lies between `least` (0 or less) and `most`."""
        tiny = torch.finfo(torch.float32).eps
        if self.symmetric or self.type == "float":
            half = LARGEST_FLOAT8 if self.type == "float" else (2**self.num_bits - 1) / 2
            scales = torch.maximum(-least, most) / half
            return torch.where(scales == 0, tiny, scales), None
        low, high = self.range
        scales = (most - least) / (high - low)
        scales = torch.where(scales == 0, tiny, scales)
        return scales, (low - least / scales).round().clamp(low, high)


@dataclass
class Scheme:
    """How layers are quantized: `targets` are their class, their names, or "re:" and a regular expression of names."""

    targets: list[str]
    weights: TensorArgs | None
    inputs: TensorArgs | None
    outputs: TensorArgs | None
    format: str | None

    @classmethod
    def of(cls, name: str, table: Any) -> "Scheme":
        """The scheme of a group of `config_groups`: a table, or the targets of the preset that is called `name`."""
        if is_of_kind(table, list[str]):
            of_preset = preset(name)
            return cls(table, of_preset[0], of_preset[1], None, None)
        if not isinstance(table, Mapping) or not is_of_kind(table.get("targets"), list[str]):
            raise ConfigError(f"config_groups[{name!r:.40}] is {table!r:.80}; expected a table with a list of targets")
        kinds = ("weights", "input_activations", "output_activations")
        weights, inputs, outputs = (
            None if table.get(kind) is None else TensorArgs.of(table[kind], f"{kind} of {name}") for kind in kinds
        )
        return cls(table["targets"], weights, inputs, outputs, table.get("format"))

    def to_dict(self) -> dict[str, Any]:
        """The table, as the package writes it."""
        args = (self.weights, self.inputs, self.outputs)
        weights, inputs, outputs = (None if each is None else each.to_dict() for each in args)
        return {
            "targets": self.targets,
            "weights": weights,
            "input_activations": inputs,
            "output_activations": outputs,
            "format": self.format,
        }


def preset(name: str) -> tuple[TensorArgs, TensorArgs | None]:
    """Weights and inputs of a preset of compressed-tensors, such as "W4A16".

    Raises:
        ConfigError: no such preset, or one that is not opened here.
    """
    upper = name.upper()
    token = TensorArgs(strategy="token", dynamic=True)
    if upper in ("W8A8", "INT8"):
        return TensorArgs(strategy="channel"), token
    if upper in ("FP8", "FP8_DYNAMIC", "FP8_BLOCK"):
        float8 = {"FP8": {"strategy": "tensor"}, "FP8_DYNAMIC": {"strategy": "channel"}}
        block = {"strategy": "block", "block_structure": [128, 128]}
        inputs: dict[str, dict[str, Any]] = {
            "FP8": {"strategy": "tensor", "observer": "static_minmax"},
            "FP8_DYNAMIC": {"strategy": "token", "dynamic": True},
            "FP8_BLOCK": {"strategy": "group", "group_size": 128, "dynamic": True},
        }
        weights: dict[str, Any] = float8.get(upper, block)
        return TensorArgs(type="float", **weights), TensorArgs(type="float", **inputs[upper])
    if match := re.fullmatch(r"W([2-8])A(16|8|4)(_ASYM)?", upper):
        group = TensorArgs(int(match[1]), symmetric=match[3] is None, group_size=128, strategy="group")
        return group, None if match[2] == "16" else TensorArgs(int(match[2]), strategy="token", dynamic=True)
    raise ConfigError(
        f"config_groups has the preset {name!r:.60}, which is not opened here; opened are W8A8, W4A16, FP8 and such"
    )


def fits(targets: list[str], path: str, kind: str) -> bool:
    """Whether the module at `path`, of the class `kind`, is among `targets`."""
    return kind in targets or named(targets, path)


def named(targets: list[str], path: str) -> bool:
    """Whether a name, or a regular expression, of `targets` is that of `path`."""
    return any(matches(each[3:], path) if each.startswith("re:") else each == path for each in targets)
