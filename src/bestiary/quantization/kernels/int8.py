"""Weights in 8 bits, and the product with them: `Int8Weight`."""

from typing import Any

import torch
from torch import Tensor

from ...core.errors import InputError
from .ops import library
from .rows import integer_product, quantized_rows


class Int8Weight:
    """A matrix (N, K) as int8 codes with a scale for each of its N rows: weight[n] = codes[n] * scales[n].

    It takes N * K bytes and the scales. Its product quantizes the input too, each row (token) by its largest absolute value, so
    that all is done in integers (Dettmers et al. 2022, LLM.int8(), section 2.1).
    """

    def __init__(self, data: Tensor, scales: Tensor) -> None:
        self.data = data
        self.scales = scales

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
        return cls(codes.detach().contiguous(), scales.detach().float().contiguous())

    @property
    def shape(self) -> torch.Size:
        """(N, K)."""
        return self.data.shape

    @property
    def device(self) -> torch.device:
        return self.data.device

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return self.data.nbytes + self.scales.nbytes

    def to(self, device: Any) -> "Int8Weight":
        """The same weight on a device."""
        return self if torch.device(device) == self.device else Int8Weight.pack(self.codes().to(device), self.scales.to(device))

    def codes(self) -> Tensor:
        """(N, K), int8: what was packed."""
        return self.data

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weight (N, K) in `dtype`."""
        return (self.codes() * self.scales[:, None]).to(dtype)

    def linear(self, x: Tensor, bias: Tensor | None = None, outliers: float = 0.0) -> Tensor:
        """x (..., K) -> (..., N) in its dtype: x @ weight.T + bias, with x in 8 bits too.

        The gradient reaches x and bias, through the weight in floating point.

        outliers: columns of x in which any value is at least this large (in absolute value, over all rows of the call) are kept
            out of the integers: their product with the dequantized columns is computed in float32. 0: none.
        """
        result: Tensor = torch.ops.bestiary.int8_linear(x, self.data, self.scales, bias, outliers)
        return result


library.define("int8_linear(Tensor x, Tensor codes, Tensor scales, Tensor? bias, float outliers) -> Tensor")


def _linear(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, outliers: float) -> Tensor:
    """The product by what torch has."""
    rows = quantized_rows(x.reshape(-1, x.shape[-1]), outliers)
    result = integer_product(rows.codes, codes) * rows.scales * scales
    if rows.apart is not None:
        columns = x.reshape(-1, x.shape[-1])[:, rows.apart].float()
        result += columns @ (codes[:, rows.apart].t() * scales)
    if bias is not None:
        result += bias
    return result.to(x.dtype).view(*x.shape[:-1], len(codes))


def _fake(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | None, outliers: float) -> Tensor:
    return x.new_empty((*x.shape[:-1], codes.shape[0]))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, codes, scales, bias, _ = inputs
    ctx.save_for_backward(codes, scales)
    ctx.bias_dtype = None if bias is None else bias.dtype


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    codes, scales = ctx.saved_tensors
    to_x = gradient @ (codes * scales[:, None]).to(gradient.dtype) if ctx.needs_input_grad[0] else None
    to_bias = gradient.reshape(-1, gradient.shape[-1]).sum(0).to(ctx.bias_dtype) if ctx.needs_input_grad[3] else None
    return to_x, None, None, to_bias, None


library.impl("int8_linear", _linear, "CompositeExplicitAutograd")
torch.library.register_fake("bestiary::int8_linear", _fake, lib=library)
torch.library.register_autograd("bestiary::int8_linear", _backward, setup_context=_keep, lib=library)
