"""Weights in 4 bits, and the product with them: `Int4Weight`."""

from collections.abc import Iterable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import InputError
from .choosing import choose
from .direct import check_width, is_direct
from .measuring import INPUTS, OUTPUTS, Kind, Product
from .native import FORMATS, Native, as_kernels_take_it, native
from .ops import library
from .steps import INT4


class Int4Weight:
    """A matrix (N, K) as codes of 4 bits into a table of 16 values, with a scale for each group of columns of a row.

    weight[n, k] = table[codes[n, k]] * scales[n, k // group] (+ offsets[n, k // group]). nf4 and fp4 (Dettmers et al. 2023,
    QLoRA), symmetric integers and integers with zero points (offset = -zero * scale) are tables and offsets of this form.

    On a CPU with a C compiler, where groups are multiples of 8, codes and scales lie as the kernels read them
    (`native/int4.c`); elsewhere as (N, K / 2), the first of a pair lowest, and (N, groups). Never both. The product is that
    with the weight in floating point, x is not quantized. With many rows AMX serves where there is some: in bfloat16 the weight
    is rounded to that, in float16 and float32 both factors are split into two of 16 bits (about 2**-16 is lost).
    """

    def __init__(
        self, data: Tensor, table: Tensor, scales: Tensor, offsets: Tensor | None, shape: torch.Size, group: int
    ) -> None:
        self.data = data
        self.table = table
        self.laid_scales = scales
        self.laid_offsets = offsets
        self.shape = shape
        self.group = group
        self._native = native() if data.dim() == 4 else None

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
        codes, table = codes.detach(), table.detach().float().contiguous()
        given = [None if part is None else part.detach() for part in (scales, offsets)]
        kernels = native(codes.numel()) if type(codes) is Tensor and codes.is_cpu and group % 8 == 0 else None
        if kernels is not None and scales.dtype in FORMATS and (offsets is None or offsets.dtype == scales.dtype):
            padded = F.pad(codes, (0, -inputs % 8, 0, -outputs % 16))
            eights = _paired(padded).contiguous().view(torch.int32).view(-1, 16, padded.shape[1] // 8).transpose(1, 2)
            data = kernels.laid_out(eights)
            data = data.view(torch.uint8).view(*data.shape, 4)
            parts = [None if part is None else _in_blocks(part) for part in given]
        else:
            data = _paired(F.pad(codes, (0, inputs % 2)))
            parts = [None if part is None else part.contiguous() for part in given]
        return cls(data, table, cast(Tensor, parts[0]), parts[1], codes.shape, group)

    @property
    def scales(self) -> Tensor:
        """(N, groups), in the dtype that was given."""
        return _out_of_blocks(self.laid_scales, self.shape[0])

    @property
    def offsets(self) -> Tensor | None:
        """(N, groups) as `scales`, or None."""
        return None if self.laid_offsets is None else _out_of_blocks(self.laid_offsets, self.shape[0])

    @property
    def device(self) -> torch.device:
        return self.data.device

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return sum(part.nbytes for part in (self.data, self.table, self.laid_scales, self.laid_offsets) if part is not None)

    def to(self, device: Any) -> "Int4Weight":
        """The same weight on a device."""
        if torch.device(device) == self.device:
            return self
        offsets = None if self.offsets is None else self.offsets.to(device)
        parts = self.codes().to(device), self.table.to(device), self.scales.to(device), offsets
        return Int4Weight.pack(*parts, group=self.group)

    def __reduce__(self) -> Any:
        # What is stored fits machines with other kernels.
        return Int4Weight.pack, (self.codes(), self.table, self.scales, self.offsets, self.group)

    def codes(self) -> Tensor:
        """(N, K), uint8 below 16: what was packed."""
        return _codes(self.data, self.shape[0], self.shape[1])

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weight (N, K) in `dtype`, computed in float32."""
        return _dequantize(self.data, self.table, self.laid_scales, self.laid_offsets, self.shape, self.group, dtype)

    def linear(self, x: Tensor, bias: Tensor | None = None, compute: torch.dtype | None = None) -> Tensor:
        """x (..., K) -> (..., N) in its dtype: x @ weight.T + bias. The gradient reaches x and bias.

        compute: the dtype in which it is computed; None: that of x.
        """
        check_width(x, self.shape[1])
        if compute is not None and compute != x.dtype:
            return self._in_other(x, bias, compute)
        parts = self.data, self.table, self.laid_scales, self.laid_offsets, bias, self.shape[0], self.group
        if self._native is not None and is_direct(x, bias):
            return _linear(x, *parts, "", self._native)
        result: Tensor = torch.ops.bestiary.int4_linear(x, *parts)
        return result

    def _in_other(self, x: Tensor, bias: Tensor | None, compute: torch.dtype) -> Tensor:
        """The product in another dtype than that of x, without a copy of x and of the result where the kernel can do that."""
        kernels = self._native
        if compute == torch.float32 and x.dtype in FORMATS and kernels is not None and is_direct(x, bias):
            kernel = choose(EXACT, x.numel() // max(self.shape[1], 1), self.shape[0] * self.shape[1])
            if kernel in ("vectors", "tiles"):
                parts = (
                    self.data,
                    self.table,
                    self.laid_scales,
                    self.laid_offsets,
                    as_kernels_take_it(bias),
                    self.shape[0],
                    self.group,
                )
                return kernels.int4_linear(x.contiguous(), *parts, 2 * (kernel == "tiles"))
        return self.linear(x.to(compute), None if bias is None else bias.to(compute)).to(x.dtype)

    def step(self, dtype: torch.dtype) -> dict[str, Any] | None:
        """The fields of a step (`steps.Step`) that multiplies one row by the weight in a dtype; None where torch is faster."""
        kernels, (outputs, inputs) = self._native, self.shape
        kind = KIND if dtype == torch.bfloat16 else EXACT
        if kernels is None or choose(kind, 1, outputs * inputs) != "vectors":
            return None
        return {
            "operation": INT4,
            "weight": self.data.data_ptr(),
            "table": self.table.data_ptr(),
            "scales": self.laid_scales.data_ptr(),
            "sums": None if self.laid_offsets is None else self.laid_offsets.data_ptr(),
            "kernel": kernels.address("int4_linear"),
            "rows": 1,
            "inputs": inputs,
            "outputs": outputs,
            "padded": self.group,
            "choice": FORMATS[self.laid_scales.dtype],
        }

    def linear_by(self, kernel: str, x: Tensor) -> Tensor:
        """`linear` by the kernel of that name (`KIND`)."""
        check_width(x, self.shape[1])
        parts = self.data, self.table, self.laid_scales, self.laid_offsets, None, self.shape[0], self.group
        return _linear(x, *parts, kernel)


def _example(kernels: Iterable[str]) -> dict[str, Product]:
    codes = torch.arange(OUTPUTS * INPUTS, dtype=torch.int32).remainder_(16).to(torch.uint8).view(OUTPUTS, INPUTS)
    weight = Int4Weight.pack(codes, torch.linspace(-1, 1, 16), torch.ones(OUTPUTS, INPUTS // 64).half())
    return {name: partial(weight.linear_by, name) for name in kernels}


# With x in bfloat16, where so are the weights of many rows, and with x in float16 or float32.
KIND = Kind("int4", torch.bfloat16, 4.25, ("vectors", "tiles", "dequantized"), _example)
EXACT = Kind("int4 exact", torch.float32, 4.25, ("vectors", "tiles", "dequantized"), _example)

library.define(
    "int4_linear(Tensor x, Tensor data, Tensor table, Tensor scales, Tensor? offsets, Tensor? bias, int outputs, int group)"
    " -> Tensor"
)


def _paired(codes: Tensor) -> Tensor:
    """Two columns in a byte, the first lowest."""
    return codes[:, ::2] | (codes[:, 1::2] << 4)


def _in_blocks(values: Tensor) -> Tensor:
    """(N, groups) -> (blocks of 16 outputs, groups, 16)."""
    return F.pad(values, (0, 0, 0, -len(values) % 16)).view(-1, 16, values.shape[1]).transpose(1, 2).contiguous()


def _out_of_blocks(values: Tensor, outputs: int) -> Tensor:
    return values if values.dim() == 2 else values.transpose(1, 2).flatten(0, 1)[:outputs].contiguous()


def _codes(data: Tensor, outputs: int, inputs: int) -> Tensor:
    """(outputs, inputs) from blocks or from pairs."""
    pairs = data if data.dim() == 2 else data.transpose(1, 2).flatten(0, 1).flatten(1)[:outputs]
    return torch.stack((pairs & 15, pairs >> 4), dim=-1).flatten(1)[:, :inputs].contiguous()


def _dequantize(
    data: Tensor,
    table: Tensor,
    scales: Tensor,
    offsets: Tensor | None,
    shape: tuple[int, ...],
    group: int,
    dtype: torch.dtype,
) -> Tensor:
    """The weight, by the kernels where there are some and nothing but numbers is wanted."""
    outputs, inputs = shape
    if data.dim() == 4 and dtype in FORMATS and is_direct(data, None):
        kernels = native()
        if kernels is not None:
            return kernels.int4_dequantize(data, table, scales, offsets, torch.Size(shape), group, dtype)
    values = table[_codes(data, outputs, inputs).int()]
    values = values * _out_of_blocks(scales, outputs).float().repeat_interleave(group, dim=1)[:, :inputs]
    if offsets is not None:
        values = values + _out_of_blocks(offsets, outputs).float().repeat_interleave(group, dim=1)[:, :inputs]
    return values.to(dtype)


def _linear(
    x: Tensor,
    data: Tensor,
    table: Tensor,
    scales: Tensor,
    offsets: Tensor | None,
    bias: Tensor | None,
    outputs: int,
    group: int,
    kernel: str = "",
    kernels: Native | None = None,
) -> Tensor:
    inputs = x.shape[-1]
    kernels = kernels or (native() if x.is_cpu else None)
    if data.dim() != 4 or x.dtype not in FORMATS:
        kernels = None
    if kernels is not None and not kernel:
        kind = KIND if x.dtype == torch.bfloat16 else EXACT
        kernel = choose(kind, x.numel() // max(inputs, 1), outputs * inputs)
    if kernels is None or kernel in ("torch", "dequantized"):
        weight = _dequantize(data, table, scales, offsets, (outputs, inputs), group, x.dtype)
        return F.linear(x, weight, None if bias is None else bias.to(x.dtype))
    bias = as_kernels_take_it(bias)
    return kernels.int4_linear(x.contiguous(), data, table, scales, offsets, bias, outputs, group, kernel == "tiles")


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
    x, data, table, scales, offsets, bias, outputs, group = inputs
    ctx.save_for_backward(data, table, scales, offsets)
    ctx.shape, ctx.group = (outputs, x.shape[-1]), group
    ctx.bias_dtype = None if bias is None else bias.dtype


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    to_x = to_bias = None
    if ctx.needs_input_grad[0]:
        data, table, scales, offsets = ctx.saved_tensors
        to_x = gradient @ _dequantize(data, table, scales, offsets, ctx.shape, ctx.group, gradient.dtype)
    if ctx.needs_input_grad[5]:
        to_bias = gradient.reshape(-1, gradient.shape[-1]).sum(0).to(ctx.bias_dtype)
    return to_x, None, None, None, None, to_bias, None, None


library.impl("int4_linear", _linear, "CompositeExplicitAutograd")
torch.library.register_fake("bestiary::int4_linear", _fake, lib=library)
torch.library.register_autograd("bestiary::int4_linear", _backward, setup_context=_keep, lib=library)
