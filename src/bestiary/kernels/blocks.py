"""Products with the blocks of GGUF files as they lie in the file: `block_linear`, and their numbers: `block_numbers`."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core import gguf
from .choosing import choose
from .direct import check_width, is_direct
from .gguf.blocks import dequantize
from .measuring import INPUTS, OUTPUTS, Kind, Product
from .native import BLOCK_KINDS, FORMATS, Native, as_kernels_take_it, native
from .ops import library
from .steps import BLOCKS, Unfit

AT_ONCE = 2**20  # numbers of a weight that exist at a time where a product needs them as numbers


def block_linear(x: Tensor, blocks: Tensor, kind: gguf.Kind, bias: Tensor | None = None) -> Tensor:
    """x (..., K) -> (..., N) in its dtype: x @ weight.T + bias. The gradient reaches x and bias.

    The C kernels read the blocks where they are. With few rows codes and x, in two or three bytes a number, meet as integers,
    which loses no more than float32 does; with many AMX serves where there is some (as for `int4.Int4Weight`).

    Args:
        blocks: uint8 (N, bytes of a row), contiguous. kind: their type.
    """
    number = gguf.NUMBERS[kind.name]
    if is_direct(x, bias):
        return _linear(x, blocks, number, bias)
    result: Tensor = torch.ops.bestiary.block_linear(x, blocks, number, bias)
    return result


def block_numbers(
    blocks: Tensor, kind: gguf.Kind, dtype: torch.dtype | None = None, of: int | None = None, worth: int = 0
) -> Tensor:
    """The numbers (..., K) of blocks (..., bytes of a row), computed in float32.

    dtype: of the result; None: float32, of types that are plain numbers their own.
    of: how many numbers the matrix has of which these are some. worth: how many are worth the C kernels.
    """
    number, inputs = gguf.NUMBERS[kind.name], blocks.shape[-1] // kind.nbytes * kind.block if blocks.dim() else 0
    rows = blocks.numel() // max(blocks.shape[-1], 1) if blocks.dim() else 0
    wanted, weights = dtype or torch.float32, of or rows * inputs
    if number in BLOCK_KINDS and wanted in FORMATS and weights >= worth and blocks.is_contiguous() and is_direct(blocks, None):
        kernels = native(weights)
        if kernels is not None:
            return kernels.block_dequantize(blocks, number, rows, inputs, wanted).view(*blocks.shape[:-1], inputs)
    numbers = dequantize(blocks, kind)
    return numbers if dtype is None else numbers.to(dtype)


def block_step(kind: gguf.Kind, outputs: int, inputs: int, dtype: torch.dtype) -> dict[str, Any]:
    """The fields of a step (`steps.Step`) of one row, in a dtype, with blocks of a kind.

    Raises:
        Unfit: there is no kernel, or another way is faster.
    """
    number, kernels = gguf.NUMBERS[kind.name], native(outputs * inputs)
    exact = KIND if dtype == torch.bfloat16 else EXACT
    if number not in BLOCK_KINDS or kernels is None or choose(exact, 1, outputs * inputs) != "vectors":
        raise Unfit("torch is faster here")
    sizes = {"rows": 1, "inputs": inputs, "outputs": outputs}
    return {"operation": BLOCKS, "choice": number, "kernel": kernels.address("block_linear"), **sizes}


def _linear(x: Tensor, blocks: Tensor, kind: int, bias: Tensor | None, kernel: str = "") -> Tensor:
    found = gguf.KINDS[kind]
    outputs, inputs = len(blocks), blocks.shape[1] // found.nbytes * found.block
    check_width(x, inputs)
    kernels = _kernels(x, blocks, kind)
    if kernels is not None:
        exact = KIND if x.dtype == torch.bfloat16 else EXACT
        kernel = kernel or choose(exact, x.numel() // max(inputs, 1), outputs * inputs)
        if kernel != "dequantized":
            bias = as_kernels_take_it(bias)
            return kernels.block_linear(x.contiguous(), blocks, kind, bias, kernel == "tiles")
    result = x.new_empty(*x.shape[:-1], outputs)
    for part, numbers in _parts(blocks, kind, x.dtype):
        result[..., part] = F.linear(x, numbers)
    return result if bias is None else result + bias.to(x.dtype)


def _kernels(x: Tensor, blocks: Tensor, kind: int) -> Native | None:
    if kind not in BLOCK_KINDS or x.dtype not in FORMATS or not (x.is_cpu and blocks.is_cpu and blocks.is_contiguous()):
        return None
    return native(len(blocks) * x.shape[-1])


def _parts(blocks: Tensor, kind: int, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Some rows of the weight after others."""
    found = gguf.KINDS[kind]
    step = max(1, AT_ONCE // max(blocks.shape[1] // found.nbytes * found.block, 1))
    for start in range(0, len(blocks), step):
        yield slice(start, start + step), block_numbers(blocks[start : start + step], found, dtype, AT_ONCE)


def _example(kernels: Iterable[str]) -> dict[str, Product]:
    number = gguf.NUMBERS["Q4_K"]
    kind = gguf.KINDS[number]
    blocks = torch.zeros(OUTPUTS, INPUTS // kind.block * kind.nbytes, dtype=torch.uint8)
    return {name: partial(_product, blocks, number, name) for name in kernels}


def _product(blocks: Tensor, kind: int, kernel: str, x: Tensor) -> Tensor:
    return _linear(x, blocks, kind, None, kernel)


_NAMES = ("vectors", "tiles", "dequantized")
# As those of `int4`. Kinds of blocks differ less from each other than kernels do.
KIND = Kind("blocks", torch.bfloat16, 4.5, _NAMES, _example)
EXACT = Kind("blocks exact", torch.float32, 4.5, _NAMES, _example)

library.define("block_linear(Tensor x, Tensor blocks, int kind, Tensor? bias) -> Tensor")


def _fake(x: Tensor, blocks: Tensor, kind: int, bias: Tensor | None) -> Tensor:
    return x.new_empty((*x.shape[:-1], blocks.shape[0]))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, blocks, kind, bias = inputs
    ctx.save_for_backward(blocks)
    ctx.kind, ctx.shape = kind, x.shape
    ctx.bias_dtype = None if bias is None else bias.dtype


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    (blocks,) = ctx.saved_tensors
    to_x = to_bias = None
    if ctx.needs_input_grad[0]:
        to_x = gradient.new_zeros(ctx.shape)
        for part, numbers in _parts(blocks, ctx.kind, gradient.dtype):
            to_x += gradient[..., part] @ numbers
    if ctx.needs_input_grad[3]:
        to_bias = gradient.reshape(-1, gradient.shape[-1]).sum(0).to(ctx.bias_dtype)
    return to_x, None, None, to_bias


library.impl("block_linear", _linear, "CompositeExplicitAutograd")
torch.library.register_fake("bestiary::block_linear", _fake, lib=library)
torch.library.register_autograd("bestiary::block_linear", _backward, setup_context=_keep, lib=library)
