"""Layers that keep one byte for each number of their weight, an integer or a float of 8 bits, and scales of blocks of them."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.errors import CorruptFile
from ..kernels.byte_weights import byte_linear, fits
from ..loading.format import TensorInfo
from ..nn.quantized import QuantizedLinear

FLOAT8 = torch.float8_e4m3fn
LARGEST_FLOAT8 = torch.finfo(FLOAT8).max
"""448."""


class ScaledLinear(QuantizedLinear):
    """W = codes * scales, where a scale is that of a row, or of a block of rows and columns.

    Attributes:
        codes: one byte each, (N, K). scales: (N, 1) of rows, (rows of blocks, columns of blocks) else, float32.
        has_kernel: whether `byte_linear` multiplies them; else W is made anew in every call.
    """

    code_dtype: ClassVar[torch.dtype] = torch.int8
    codes_name: ClassVar[str] = "weight"
    scales_name: ClassVar[str] = "weight_scale"
    codes: Tensor
    scales: Tensor
    has_kernel: bool

    def block(self) -> tuple[int, int]:
        """Rows and columns that share a scale."""
        return (1, self.in_features)

    def grid(self) -> tuple[int, int]:
        """The shape of the scales: how many blocks there are, of which those at the ends may be smaller."""
        rows, columns = self.block()
        return -(-self.out_features // rows), -(-self.in_features // columns)

    def keep(self, codes: Tensor, scales: Tensor) -> None:
        """Fill the layer."""
        self.hold(codes=codes.contiguous(), scales=scales.float().contiguous())
        self.has_kernel = has_kernel(self.codes, self.block())

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        codes, scales = tensors[self.codes_name], tensors[self.scales_name]
        check_tensor(self.codes_name, codes, (self.out_features, self.in_features), self.code_dtype)
        grid = self.grid()
        if scales.numel() == grid[0] * grid[1] and scales.dim() < 2:
            scales = scales.reshape(grid)
        self.keep(codes, checked_scales(self.scales_name, scales, grid))

    def stored(self) -> dict[str, Tensor]:
        return {self.codes_name: self.codes, self.scales_name: self.scales}

    def dequantize(self) -> Tensor:
        return self.codes.float() * spread(self.scales, self.block(), (self.out_features, self.in_features))

    def forward(self, x: Tensor) -> Tensor:
        if self.has_kernel:
            return byte_linear(x, self.codes, self.scales, None, self.block(), self.bias)
        return nn.functional.linear(x, self.dequantize().to(x.dtype), self.bias)


def has_kernel(codes: Tensor, block: tuple[int, int]) -> bool:
    """Whether `byte_linear` computes as such codes (N, K) say, which it does where no float is NaN."""
    if codes.is_meta or not fits(block, codes.shape[1]):
        return False
    return codes.dtype != FLOAT8 or not bool((codes.view(torch.uint8).bitwise_and(127) == 127).any())


def check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Refuse a tensor of a file that has another shape or dtype than the layer.

    Raises:
        CorruptFile: it has.
    """
    if tuple(tensor.shape) != tuple(shape) or tensor.dtype != dtype:
        raise CorruptFile(f"{name} is {tensor.dtype} {tuple(tensor.shape)}; expected {dtype} {tuple(shape)}")


def checked_scales(name: str, scales: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Scales of a file, which are finite numbers, one for each block.

    Raises:
        CorruptFile: they are not.
    """
    if tuple(scales.shape) != tuple(shape) or not scales.is_floating_point():
        raise CorruptFile(f"{name} is {scales.dtype} {tuple(scales.shape)}; expected floating numbers {tuple(shape)}")
    if not scales.is_meta and not scales.float().isfinite().all():
        raise CorruptFile(f"{name} holds numbers that are not finite, which no weight can be multiplied by")
    return scales


def spread(scales: Tensor, block: tuple[int, int], shape: tuple[int, int]) -> Tensor:
    """Scales of blocks, as what each number is multiplied by: to `shape` (N, K), or to what is broadcast to that."""
    for dim in (0, 1):
        if scales.shape[dim] > 1 and block[dim] > 1:
            scales = scales.repeat_interleave(block[dim], dim).narrow(dim, 0, shape[dim])
    return scales


def ranges(weight: Tensor, block: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The least and the largest number of each block of a weight (N, K), 0 included, both (rows, columns of blocks)."""
    rows, columns = block
    up, across = -(-weight.shape[0] // rows), -(-weight.shape[1] // columns)
    padded = nn.functional.pad(weight.float(), (0, across * columns - weight.shape[1], 0, up * rows - weight.shape[0]))
    blocks = padded.view(up, rows, across, columns)
    return blocks.amin((1, 3)).clamp(max=0), blocks.amax((1, 3)).clamp(min=0)


def absmax_scales(weight: Tensor, largest: float) -> Tensor:
    """The scale of each row (N, 1) by which its largest absolute value becomes `largest`; 1 for a row of zeros."""
    tops = weight.float().abs().amax(dim=1, keepdim=True)
    return torch.where(tops == 0, torch.ones_like(tops), tops / largest)  # what is no number stays none


def as_float8(numbers: Tensor) -> Tensor:
    """Numbers rounded to 8 bits (4 of exponent, 3 of fraction); larger ones become the largest."""
    return numbers.clamp(-LARGEST_FLOAT8, LARGEST_FLOAT8).to(FLOAT8)


def matrix_shape(info: TensorInfo) -> tuple[int, ...]:
    """The shape that a header gives for a matrix.

    Raises:
        CorruptFile: it has other than two dimensions.
    """
    if len(info.shape) != 2:
        raise CorruptFile(f"a weight in {info.file.name} has the shape {info.shape}; expected two dimensions, rows and columns")
    return info.shape
