"""Weights in 8 bits, and the product with them: `Int8Weight`."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import InputError
from .choosing import choose
from .direct import check_width, is_direct
from .measuring import INPUTS, OUTPUTS, Kind, Product
from .native import FORMATS, Native, as_kernels_take_it, native
from .ops import library
from .rows import integer_product, quantized_rows
from .steps import INT8


class Int8Weight:
    """A matrix (N, K) as int8 codes with a scale for each of its N rows: weight[n] = codes[n] * scales[n].

    It takes N * K bytes and the scales. Its product quantizes the input too, each row (token) by its largest absolute value, so
    that all is done in integers (Dettmers et al. 2022, LLM.int8(), section 2.1).

    On a CPU with a C compiler the codes lie as the kernels read them (`native/int8.c`), N filled up to a multiple of 16 and K
    to one of 64; elsewhere as (N, K). Never both.
    """

    def __init__(self, data: Tensor, scales: Tensor, sums: Tensor | None, shape: torch.Size) -> None:
        self.data = data
        self.padded_scales = scales
        self.sums = sums
        self.shape = shape
        self._native = None if sums is None else native()

    @classmethod
    def pack(cls, codes: Tensor, scales: Tensor) -> "Int8Weight":
        """From codes (N, K), int8, and scales (N,), floating.

        Raises:
            InputError: other shapes or dtypes.
        """
        if codes.dtype != torch.int8 or codes.dim() != 2:
            raise InputError(f"codes are {codes.dtype} {tuple(codes.shape)}; expected int8 of two dimensions (outputs, inputs)")
        if tuple(scales.shape) != (codes.shape[0],) or not scales.is_floating_point():
            raise InputError(
                f"scales are {scales.dtype} {tuple(scales.shape)}; expected floating ones, one for each of the"
                f" {codes.shape[0]} rows of codes"
            )
        codes, scales = codes.detach(), scales.detach().float()
        kernels = native(codes.numel()) if type(codes) is Tensor and codes.is_cpu else None
        if kernels is None:
            return cls(codes.contiguous(), scales.contiguous(), None, codes.shape)
        outputs, inputs = codes.shape
        padded = F.pad(codes, (0, -inputs % 64, 0, -outputs % 16))
        fours = kernels.laid_out(padded.contiguous().view(torch.int32).view(-1, 16, padded.shape[1] // 4).transpose(1, 2))
        blocks = fours.view(torch.int8).view(*fours.shape, 4)
        return cls(blocks, F.pad(scales, (0, -outputs % 16)).contiguous(), padded.sum(1, dtype=torch.int32), codes.shape)

    @property
    def scales(self) -> Tensor:
        """(N,), float32."""
        return self.padded_scales[: self.shape[0]]

    @property
    def device(self) -> torch.device:
        return self.data.device

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return self.data.nbytes + self.padded_scales.nbytes + (0 if self.sums is None else self.sums.nbytes)

    def to(self, device: Any) -> "Int8Weight":
        """The same weight on a device."""
        return self if torch.device(device) == self.device else Int8Weight.pack(self.codes().to(device), self.scales.to(device))

    def __reduce__(self) -> Any:
        # What is stored fits machines with other kernels.
        return Int8Weight.pack, (self.codes(), self.scales)

    def codes(self) -> Tensor:
        """(N, K), int8: what was packed."""
        return _codes(self.data, self.shape[0], self.shape[1])

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weight (N, K) in `dtype`."""
        return (self.codes() * self.scales[:, None]).to(dtype)

    def linear(self, x: Tensor, bias: Tensor | None = None, outliers: float = 0.0) -> Tensor:
        """x (..., K) -> (..., N) in its dtype: x @ weight.T + bias, with x in 8 bits too.

        The gradient reaches x and bias, through the weight in floating point.

        outliers: columns of x in which any value is at least this large (in absolute value, over all rows of the call) are kept
            out of the integers: their product with the dequantized columns is computed in float32. 0: none.
        """
        check_width(x, self.shape[1])
        if self._native is not None and self.sums is not None and is_direct(x, bias):
            return _linear(x, self.data, self.padded_scales, self.sums, bias, self.shape[0], outliers, "", self._native)
        result: Tensor = torch.ops.bestiary.int8_linear(
            x, self.data, self.padded_scales, self.sums, bias, self.shape[0], outliers
        )
        return result

    def step(self) -> dict[str, Any] | None:
        """The fields of a step (`steps.Step`) that multiplies one row by the weight; None without kernels."""
        kernels, (outputs, inputs) = self._native, self.shape
        if kernels is None or self.sums is None:
            return None
        return {
            "operation": INT8,
            "weight": self.data.data_ptr(),
            "scales": self.padded_scales.data_ptr(),
            "sums": self.sums.data_ptr(),
            "kernel": kernels.address("int8_linear"),
            "rows": 1,
            "inputs": inputs,
            "outputs": outputs,
            "padded": self.data.shape[1] * 4,
            "choice": int(choose(KIND, 1, outputs * inputs) == "tiles"),
        }

    def linear_by(self, kernel: str, x: Tensor) -> Tensor:
        """`linear` by the kernel of that name (`KIND`)."""
        check_width(x, self.shape[1])
        parts = x, self.data, self.padded_scales, self.sums, None, self.shape[0], 0.0
        return _linear(*parts, kernel)


def _example(kernels: Iterable[str]) -> dict[str, Product]:
    codes = torch.arange(OUTPUTS * INPUTS, dtype=torch.int32).remainder_(255).sub_(127).to(torch.int8).view(OUTPUTS, INPUTS)
    weight = Int8Weight.pack(codes, torch.ones(OUTPUTS))
    return {name: partial(weight.linear_by, name) for name in kernels}


KIND = Kind("int8", torch.float32, 8, ("vectors", "tiles"), _example)

library.define(
    "int8_linear(Tensor x, Tensor data, Tensor scales, Tensor? sums, Tensor? bias, int outputs, float outliers) -> Tensor"
)


def _codes(data: Tensor, outputs: int, inputs: int) -> Tensor:
    """(outputs, inputs) from blocks, or from what is that already."""
    return data if data.dim() == 2 else data.transpose(1, 2).flatten(0, 1).flatten(1)[:outputs, :inputs].contiguous()


def _linear(
    x: Tensor,
    data: Tensor,
    scales: Tensor,
    sums: Tensor | None,
    bias: Tensor | None,
    outputs: int,
    outliers: float,
    kernel: str = "",
    kernels: Native | None = None,
) -> Tensor:
    inputs = x.shape[-1]
    kernels = kernels or (native() if x.is_cpu else None)
    if kernels is None or sums is None or x.dtype not in FORMATS or kernel == "torch":
        result = _by_torch(x.reshape(-1, inputs), _codes(data, outputs, inputs), scales[:outputs], bias, outliers)
        return result.view(*x.shape[:-1], outputs)
    kernel = kernel or choose(KIND, x.numel() // max(inputs, 1), outputs * inputs)
    bias = as_kernels_take_it(bias)
    return kernels.int8_linear(x.contiguous(), data, scales, sums, bias, outputs, outliers, kernel == "tiles")


def _by_torch(rows: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, outliers: float) -> Tensor:
    """The product by what torch has."""
    quantized = quantized_rows(rows, outliers)
    result = integer_product(quantized.codes, codes) * quantized.scales * scales
    if quantized.apart is not None:
        result += rows[:, quantized.apart].float() @ (codes[:, quantized.apart].t() * scales)
    if bias is not None:
        result += bias
    return result.to(rows.dtype)


def _fake(
    x: Tensor, data: Tensor, scales: Tensor, sums: Tensor | None, bias: Tensor | None, outputs: int, outliers: float
) -> Tensor:
    return x.new_empty((*x.shape[:-1], outputs))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, data, scales, _, bias, outputs, _ = inputs
    ctx.save_for_backward(data, scales)
    ctx.shape = outputs, x.shape[-1]
    ctx.bias_dtype = None if bias is None else bias.dtype


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    data, scales = ctx.saved_tensors
    outputs, inputs = ctx.shape
    to_x = to_bias = None
    if ctx.needs_input_grad[0]:
        to_x = gradient @ (_codes(data, outputs, inputs) * scales[:outputs, None]).to(gradient.dtype)
    if ctx.needs_input_grad[4]:
        to_bias = gradient.reshape(-1, outputs).sum(0).to(ctx.bias_dtype)
    return to_x, None, None, None, to_bias, None, None


library.impl("int8_linear", _linear, "CompositeExplicitAutograd")
torch.library.register_fake("bestiary::int8_linear", _fake, lib=library)
torch.library.register_autograd("bestiary::int8_linear", _backward, setup_context=_keep, lib=library)
