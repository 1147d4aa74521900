"""Weights in 4 bits, and the product with them: `Int4Weight`."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import InputError
from .ops import library


class Int4Weight:
    """A matrix (N, K) as codes of 4 bits into a table of 16 values, with a scale for each group of columns of a row.

    weight[n, k] = table[codes[n, k]] * scales[n, k // group] (+ offsets[n, k // group]). nf4 and fp4 (Dettmers et al. 2023,
    QLoRA), symmetric integers and integers with zero points (offset = -zero * scale) are tables and offsets of this form.
    """

    def __init__(
        self, data: Tensor, table: Tensor, scales: Tensor, offsets: Tensor | None, shape: torch.Size, group: int
    ) -> None:
        self.data = data
        self.table = table
        self.scales = scales
        self.offsets = offsets
        self.shape = shape
        self.group = group

    @classmethod
    def pack(
        cls, codes: Tensor, table: Tensor, scales: Tensor, offsets: Tensor | None = None, group: int | None = None
    ) -> "Int4Weight":
        """From codes (N, K), uint8 below 16, a table (16,), and scales (N, K / group), which keep their dtype.

        offsets: as scales, added to each value of the group. group: columns that share a scale; without it all groups are
        equally long. With it the last group of a row may be shorter.

        Raises:
            InputError: other shapes or dtypes.
        """
        if codes.dtype != torch.uint8 or codes.dim() != 2:
            raise InputError(
                f"codes are {codes.dtype} {tuple(codes.shape)}; expected uint8 of two dimensions (outputs, inputs)"
            )
        if tuple(table.shape) != (16,):
            raise InputError(f"the table of 4-bit codes has 16 values; found the shape {tuple(table.shape)}")
        outputs, inputs = codes.shape
        groups = scales.shape[1] if scales.dim() == 2 else 0
        if group is None:
            group = inputs // groups if groups and inputs % groups == 0 else 0
        if group < 1 or scales.shape != (outputs, -(-inputs // group)):
            raise InputError(
                f"scales have the shape {tuple(scales.shape)}; expected ({outputs}, groups) where groups of equal length make"
                f" up {inputs} columns, or group= with their length"
            )
        if offsets is not None and offsets.shape != scales.shape:
            raise InputError(f"offsets have the shape {tuple(offsets.shape)}, scales {tuple(scales.shape)}; they must agree")
        even = F.pad(codes.detach(), (0, inputs % 2))
        data = even[:, ::2] | (even[:, 1::2] << 4)
        kept = None if offsets is None else offsets.detach().contiguous()
        return cls(data, table.detach().float().contiguous(), scales.detach().contiguous(), kept, codes.shape, group)

    @property
    def device(self) -> torch.device:
        return self.data.device

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return sum(part.nbytes for part in (self.data, self.table, self.scales, self.offsets) if part is not None)

    def to(self, device: Any) -> "Int4Weight":
        """The same weight on a device."""
        if torch.device(device) == self.device:
            return self
        offsets = None if self.offsets is None else self.offsets.to(device)
        parts = self.codes().to(device), self.table.to(device), self.scales.to(device), offsets
        return Int4Weight.pack(*parts, group=self.group)

    def codes(self) -> Tensor:
        """(N, K), uint8 below 16: what was packed."""
        return _codes(self.data, self.shape[1])

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weight (N, K) in `dtype`, computed in float32."""
        return _dequantize(self.data, self.table, self.scales, self.offsets, self.shape[1], self.group).to(dtype)

    def linear(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x (..., K) -> (..., N) in its dtype: x @ weight.T + bias. The gradient reaches x and bias."""
        result: Tensor = torch.ops.bestiary.int4_linear(
            x, self.data, self.table, self.scales, self.offsets, bias, self.shape[0], self.group
        )
        return result


library.define(
    "int4_linear(Tensor x, Tensor data, Tensor table, Tensor scales, Tensor? offsets, Tensor? bias, int outputs, int group)"
    " -> Tensor"
)


def _codes(data: Tensor, inputs: int) -> Tensor:
    return torch.stack((data & 15, data >> 4), dim=-1).flatten(1)[:, :inputs]


def _dequantize(data: Tensor, table: Tensor, scales: Tensor, offsets: Tensor | None, inputs: int, group: int) -> Tensor:
    values = table[_codes(data, inputs).int()]
    spread = scales.float().repeat_interleave(group, dim=1)[:, :inputs]
    values *= spread
    return values if offsets is None else values.add_(offsets.float().repeat_interleave(group, dim=1)[:, :inputs])


def _linear(
    x: Tensor,
    data: Tensor,
    table: Tensor,
    scales: Tensor,
    offsets: Tensor | None,
    bias: Tensor | None,
    outputs: int,
    group: int,
) -> Tensor:
    """The product by what torch has."""
    weight = _dequantize(data, table, scales, offsets, x.shape[-1], group)
    return F.linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


def _fake(
    x: Tensor,
    data: Tensor,
    table: Tensor,
    scales: Tensor,
    offsets: Tensor | None,
    bias: Tensor | None,
    outputs: int,
    group: int,
) -> Tensor:
    return x.new_empty((*x.shape[:-1], outputs))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, data, table, scales, offsets, bias, _, group = inputs
    ctx.save_for_backward(data, table, scales, offsets)
    ctx.inputs, ctx.group = x.shape[-1], group
    ctx.bias_dtype = None if bias is None else bias.dtype


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    to_x = to_bias = None
    if ctx.needs_input_grad[0]:
        data, table, scales, offsets = ctx.saved_tensors
        to_x = gradient @ _dequantize(data, table, scales, offsets, ctx.inputs, ctx.group).to(gradient.dtype)
    if ctx.needs_input_grad[5]:
        to_bias = gradient.reshape(-1, gradient.shape[-1]).sum(0).to(ctx.bias_dtype)
    return to_x, None, None, None, None, to_bias, None, None


library.impl("int4_linear", _linear, "CompositeExplicitAutograd")
torch.library.register_fake("bestiary::int4_linear", _fake, lib=library)
torch.library.register_autograd("bestiary::int4_linear", _backward, setup_context=_keep, lib=library)
