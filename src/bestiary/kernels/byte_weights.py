"""Products with weights of a byte each as they lie in a model, by row: whole numbers and floats of 8 bits (`byte_linear`)."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import InputError
from .choosing import choose
from .direct import check_width, is_direct
from .measuring import INPUTS, OUTPUTS, Kind, Product
from .native import BYTES, FORMATS, Native, as_kernels_take_it, native
from .ops import library

AT_ONCE = 2**20  # numbers of a weight that exist at a time where a product needs them as numbers
COLUMNS = 16
"""Blocks have a multiple of so many columns where they do not have all."""


def fits(block: tuple[int, int], columns: int) -> bool:
    """Whether `byte_linear` takes blocks of so many rows and columns, of a weight with `columns`."""
    return block[0] > 0 and block[1] > 0 and (block[1] % COLUMNS == 0 or block[1] >= columns)


def byte_linear(
    x: Tensor, codes: Tensor, scales: Tensor, offsets: Tensor | None, block: tuple[int, int], bias: Tensor | None = None
) -> Tensor:
    """x (..., K) -> (..., N) in its dtype: x @ weight.T + bias, weight = codes * scale (+ offset). x is not quantized.

    The gradient reaches x and bias.

    Args:
        codes: (N, K), int8, uint8 or float8_e4m3fn, contiguous; of the last no NaN.
        scales, offsets: float32 (blocks of rows, blocks of columns), contiguous.
        block: rows and columns that share a scale, as `fits` has them; at the ends there may be fewer.

    Raises:
        InputError: shapes or dtypes that do not fit each other.
    """
    check_width(x, codes.shape[1])
    grid = tuple(-(-size // part) for size, part in zip(codes.shape, block, strict=True))
    for name, values in (("scales", scales), ("offsets", offsets)):
        if values is not None and (values.shape != grid or values.dtype != torch.float32):
            raise InputError(f"{name} are {values.dtype} {tuple(values.shape)}; expected torch.float32 {grid}")
    if not fits(block, codes.shape[1]) or codes.dtype not in BYTES:
        raise InputError(f"codes are {codes.dtype} in blocks of {block}; expected bytes in multiples of {COLUMNS} columns")
    if is_direct(x, bias):
        return _linear(x, codes, scales, offsets, *block, bias)
    result: Tensor = torch.ops.bestiary.byte_linear(x, codes, scales, offsets, *block, bias)
    return result


def _linear(
    x: Tensor,
    codes: Tensor,
    scales: Tensor,
    offsets: Tensor | None,
    rows: int,
    columns: int,
    bias: Tensor | None,
    kernel: str = "",
) -> Tensor:
    outputs, inputs = codes.shape
    kernels = _kernels(x, codes, scales)
    if kernels is not None:
        kind = KIND if x.dtype == torch.bfloat16 else EXACT
        if (kernel or choose(kind, x.numel() // max(inputs, 1), outputs * inputs)) == "vectors":
            bias = as_kernels_take_it(bias)
            return kernels.byte_linear(x.contiguous(), codes, scales, offsets, (rows, columns), bias)
    result = x.new_empty(*x.shape[:-1], outputs)
    for part, numbers in _parts(codes, scales, offsets, rows, columns, x.dtype):
        result[..., part] = F.linear(x, numbers)
    return result if bias is None else result + bias.to(x.dtype)


def _kernels(x: Tensor, codes: Tensor, scales: Tensor) -> Native | None:
    if x.dtype not in FORMATS or not (x.is_cpu and codes.is_cpu and codes.is_contiguous() and scales.is_contiguous()):
        return None
    return native(codes.numel())


def _parts(
    codes: Tensor, scales: Tensor, offsets: Tensor | None, rows: int, columns: int, dtype: torch.dtype
) -> Iterator[tuple[slice, Tensor]]:
    """Some rows of the weight after others, as numbers of `dtype`; computed in float32."""
    outputs, inputs = codes.shape
    step = max(1, AT_ONCE // max(inputs, 1) // rows) * rows
    plain = is_direct(codes, None) and codes.is_contiguous() and dtype in FORMATS
    kernels = native(codes.numel()) if plain and scales.is_contiguous() else None
    for start in range(0, outputs, step):
        part, blocks = slice(start, start + step), slice(start // rows, -(-(start + step) // rows))
        few = codes[part], scales[blocks], None if offsets is None else offsets[blocks]
        if kernels is not None:
            yield part, kernels.byte_dequantize(*few, (rows, columns), dtype)
            continue
        wide = [None if each is None else _spread(each, rows, columns, few[0].shape) for each in few[1:]]
        numbers = few[0].float() * wide[0]  # type: ignore[operator]
        yield part, (numbers if wide[1] is None else numbers + wide[1]).to(dtype)


def _spread(values: Tensor, rows: int, columns: int, shape: torch.Size) -> Tensor:
    """Values of blocks as what each number has."""
    return values.repeat_interleave(rows, 0)[: shape[0]].repeat_interleave(columns, 1)[:, : shape[1]]


def _example(kernels: Iterable[str]) -> dict[str, Product]:
    codes = torch.arange(OUTPUTS * INPUTS, dtype=torch.int32).remainder_(255).sub_(127).to(torch.int8).view(OUTPUTS, INPUTS)
    return {name: partial(_product, codes, torch.ones(OUTPUTS, 1), name) for name in kernels}


def _product(codes: Tensor, scales: Tensor, kernel: str, x: Tensor) -> Tensor:
    return _linear(x, codes, scales, None, 1, codes.shape[1], None, kernel)


KIND = Kind("bytes", torch.bfloat16, 8, ("vectors", "dequantized"), _example)
EXACT = Kind("bytes exact", torch.float32, 8, ("vectors", "dequantized"), _example)

library.define(
    "byte_linear(Tensor x, Tensor codes, Tensor scales, Tensor? offsets, int rows, int columns, Tensor? bias) -> Tensor"
)


def _fake(
    x: Tensor, codes: Tensor, scales: Tensor, offsets: Tensor | None, rows: int, columns: int, bias: Tensor | None
) -> Tensor:
    return x.new_empty((*x.shape[:-1], codes.shape[0]))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, codes, scales, offsets, rows, columns, bias = inputs
    ctx.save_for_backward(codes, scales, offsets)
    ctx.block, ctx.shape = (rows, columns), x.shape
    ctx.bias_dtype = None if bias is None else bias.dtype


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    to_x = to_bias = None
    if ctx.needs_input_grad[0]:
        to_x = gradient.new_zeros(ctx.shape)
        codes, scales, offsets = ctx.saved_tensors
        for part, numbers in _parts(codes, scales, offsets, ctx.block[0], ctx.block[1], gradient.dtype):
            to_x += gradient[..., part] @ numbers
    if ctx.needs_input_grad[6]:
        to_bias = gradient.reshape(-1, gradient.shape[-1]).sum(0).to(ctx.bias_dtype)
    return to_x, None, None, None, None, None, to_bias


library.impl("byte_linear", _linear, "CompositeExplicitAutograd")
torch.library.register_fake("bestiary::byte_linear", _fake, lib=library)
torch.library.register_autograd("bestiary::byte_linear", _backward, setup_context=_keep, lib=library)
