"""Blocks of keys or values in few bits: our own kind, which needs no package, and those of two packages.

`axis` says what a group of numbers with a common step is made of. Ours: 0, neighbouring channels of one token, which hqq calls
1; -1, neighbouring tokens of one channel (Liu et al. 2024, KIVI, takes this for keys). The packages have their own meanings.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from ..core.errors import InputError
from ..core.optional import require

Tensor = torch.Tensor
Change = Callable[[Tensor], Tensor]


class Packed(ABC):
    """Numbers (B, G, n, K) in few bits."""

    @abstractmethod
    def unpack(self) -> Tensor:
        """The numbers again, rounded."""

    @abstractmethod
    def map(self, change: Change) -> "Packed":
        """The same with every tensor (B, ...) replaced by what `change` makes of it."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Tensors (B, ...) that `Backend.restore` takes."""


@dataclass(frozen=True)
class NativePacked(Packed):
    """Codes of `bits` bits, several to a byte, and the least value and the step of each group, none of them rounded.

    A number differs from what it was by at most half a step, which is the range of its group / (2 * (2^bits - 1)).

    codes (B, G, n, K * bits / 8), uint8. low and step: (B, G, n, K / group), or (B, G, n / group, K) where groups are tokens.
    """

    codes: Tensor
    low: Tensor
    step: Tensor
    bits: int
    axis: int

    @classmethod
    def pack(cls, x: Tensor, bits: int, axis: int, group: int) -> "NativePacked":
        """Pack `x` (B, G, n, K); n is a multiple of `group`, or groups are channels: then the greatest size up to `group`
        that divides K is taken.

        Raises:
            InputError: K channels do not fill whole bytes.
        """
        channels = x.shape[3]
        if channels * bits % 8:
            raise InputError(
                f"heads of {channels} channels cannot be packed in {bits} bits each: that is no whole number of bytes"
            )
        size = group if axis == -1 else next(size for size in range(min(group, channels), 0, -1) if channels % size == 0)
        dim = 2 if axis == -1 else 3
        grouped = x.unflatten(dim, (-1, size))
        low, high = grouped.amin(dim + 1), grouped.amax(dim + 1)
        step = (high - low) / (2**bits - 1)
        scale = torch.where(step > 0, step, torch.ones_like(step)).unsqueeze(dim + 1)
        codes = ((grouped - low.unsqueeze(dim + 1)) / scale).round_().clamp_(0, 2**bits - 1).to(torch.uint8).reshape(x.shape)
        per_byte = 8 // bits
        packed = codes[..., ::per_byte].clone()
        for place in range(1, per_byte):
            packed |= codes[..., place::per_byte] << (place * bits)
        return cls(packed, low, step, bits, axis)

    def unpack(self) -> Tensor:
        per_byte = 8 // self.bits
        parts = [(self.codes >> (place * self.bits)) & (2**self.bits - 1) for place in range(per_byte)]
        codes = torch.stack(parts, dim=-1).flatten(-2).to(self.low.dtype)
        dim = 2 if self.axis == -1 else 3
        grouped = codes.unflatten(dim, (self.low.shape[dim], -1))
        return torch.addcmul(self.low.unsqueeze(dim + 1), grouped, self.step.unsqueeze(dim + 1)).reshape(codes.shape)

    def map(self, change: Change) -> "NativePacked":
        return replace(self, codes=change(self.codes), low=change(self.low), step=change(self.step))

    def state(self) -> dict[str, Tensor]:
        return {"codes": self.codes, "low": self.low, "step": self.step}


def _native_join(blocks: list[Packed]) -> list[Packed]:
    """Blocks of neighbouring tokens as one."""
    native = [block for block in blocks if isinstance(block, NativePacked)]
    parts = {name: torch.cat([block.state()[name] for block in native], dim=2) for name in native[0].state()}
    return [NativePacked(**parts, bits=native[0].bits, axis=native[0].axis)]


@dataclass(frozen=True)
class PackagePacked(Packed):
    """What a package made of a block. Rows can only be changed by unpacking, which gives the same codes again."""

    content: Any
    pack: Callable[[Tensor], Any]
    read: Callable[[Any], Tensor]

    def unpack(self) -> Tensor:
        return self.read(self.content)

    def map(self, change: Change) -> "PackagePacked":
        return replace(self, content=self.pack(change(self.unpack())))

    def state(self) -> dict[str, Tensor]:
        return {"numbers": self.unpack()}


def _quanto(x: Tensor, bits: int, axis: int, group: int) -> PackagePacked:
    quanto = require("optimum.quanto", "the quantized cache with backend='quanto'")
    kind = quanto.qint2 if bits == 2 else quanto.qint4

    def pack(numbers: Tensor) -> Any:
        scale, shift = quanto.MaxOptimizer()(numbers, kind, axis, group)
        return quanto.quantize_weight(numbers, qtype=kind, axis=axis, scale=scale, shift=shift, group_size=group)

    return PackagePacked(pack(x.contiguous()), pack, lambda content: content.dequantize())


def _hqq(x: Tensor, bits: int, axis: int, group: int) -> PackagePacked:
    quantizer = require("hqq.core.quantize", "the quantized cache with backend='HQQ'").Quantizer

    def pack(numbers: Tensor) -> Any:
        options = {"nbits": bits, "axis": axis, "group_size": group, "device": str(numbers.device)}
        return quantizer.quantize(numbers.contiguous(), compute_dtype=numbers.dtype, **options)

    return PackagePacked(pack(x), pack, lambda content: quantizer.dequantize(*content))


class Backend(NamedTuple):
    """A way to store numbers in few bits.

    pack: (x, bits, axis, group) -> Packed. join: makes fewer blocks of several. bits, axes: what it offers; axis: its
    documented default.
    """

    pack: Callable[[Tensor, int, int, int], Packed]
    join: Callable[[list[Packed]], list[Packed]]
    bits: tuple[int, ...]
    axes: tuple[int, ...]
    axis: int


BACKENDS = {
    "native": Backend(NativePacked.pack, _native_join, (2, 4, 8), (0, -1, 1), 0),
    "quanto": Backend(_quanto, list, (2, 4), (0, -1), 0),
    "HQQ": Backend(_hqq, list, (1, 2, 3, 4, 8), (0, 1), 1),
}
