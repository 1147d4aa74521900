"""Layers as compressed-tensors stores them: codes of one byte, or packed into words of 32 bits."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..core.errors import CorruptFile
from ..kernels.rows import integer_product
from ..nn.quantized import QuantizedLinear
from .scaled import FLOAT8, check_tensor, checked_scales, ranges, spread
from .schemes import Scheme, TensorArgs
from .stored import FLOATS, check_dtype, check_numbers, check_whole

_ZEROS = (torch.int8, torch.int32, torch.int64, *FLOATS, FLOAT8)
_OTHERS = ("order", "input_scale", "input_zero_point")


class CompressedLinear(QuantizedLinear):
    """W = (codes - zeros) * scales, of rows, groups, blocks or all.

    Attributes:
        args: how the weight is quantized. inputs: how inputs are; None: not at all.
        codes: (N, K), one byte each. scales, zeros: as the file has them. order: the group of each column, (K,), where that is
            not its place.
    """

    needs = ("weight", "weight_scale")
    args: TensorArgs
    inputs: TensorArgs | None
    codes: Tensor
    scales: Tensor
    zeros: Tensor | None
    order: Tensor | None
    input_scale: Tensor | None
    input_zero_point: Tensor | None

    def take(self, scheme: Scheme) -> None:
        """Be of this scheme, which has weights."""
        assert scheme.weights is not None
        self.args, self.inputs = scheme.weights, scheme.inputs

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K)."""
        return self.out_features, self.in_features

    def block(self) -> tuple[int, int]:
        """Rows and columns that share a scale.

        Raises:
            CorruptFile: groups do not divide the columns.
        """
        args = self.args
        if args.strategy == "group":
            if self.in_features % (args.group_size or 1):
                raise CorruptFile(f"group_size {args.group_size} does not divide the {self.in_features} columns of the weight")
            return 1, args.group_size or 1
        if args.strategy == "block":
            return min(args.block_structure[0], self.out_features), min(args.block_structure[1], self.in_features)
        return self.shape if args.strategy == "tensor" else (1, self.in_features)

    def quantize(self, weight: Tensor) -> None:
        least, most = ranges(weight, self.block())
        scales, zeros = self.args.scales_between(least, most)
        wide = spread(scales, self.block(), self.shape)
        codes = self.args.codes(weight.float(), wide, 0 if zeros is None else spread(zeros, self.block(), self.shape))
        self.keep(codes, scales, zeros)

    def grid(self) -> tuple[int, int]:
        """The shape of the scales."""
        rows, columns = self.block()
        return -(-self.out_features // rows), -(-self.in_features // columns)

    def keep(self, codes: Tensor, scales: Tensor, zeros: Tensor | None, **others: Tensor | None) -> None:
        """Fill the layer."""
        self.hold(codes=codes, scales=scales, zeros=zeros, **dict.fromkeys(_OTHERS) | others)

    def weight_codes(self) -> Tensor:
        """(N, K), one byte each."""
        return self.codes

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        grid, scales = self.grid(), tensors["weight_scale"]
        if scales.dim() < 2 and scales.numel() == grid[0] * grid[1]:
            scales = scales.reshape(grid)
        checked_scales("weight_scale", scales, grid)
        zeros, order = tensors.get("weight_zero_point"), tensors.get("weight_g_idx")
        if not self.args.symmetric and zeros is None:
            raise CorruptFile("the scheme is not symmetric, and the file has no weight_zero_point for the layer")
        if order is not None:
            check_whole("weight_g_idx", order, (self.in_features,), -1, grid[1] - 1)
        if self.inputs is not None and not self.inputs.dynamic:
            if "input_scale" not in tensors:
                raise CorruptFile("inputs are quantized by the scales of the file, and it has no input_scale for the layer")
            check_numbers("input_scale", tensors["input_scale"].flatten(), (1,))
            if "input_zero_point" in tensors:
                check_dtype("input_zero_point", tensors["input_zero_point"].flatten(), (1,), _ZEROS)
        self.keep(
            self.read_codes(tensors),
            scales,
            None if zeros is None or self.args.symmetric else self.read_zeros(zeros),
            order=order,
            input_scale=tensors.get("input_scale"),
            input_zero_point=tensors.get("input_zero_point"),
        )

    def read_codes(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """What a file has as codes, checked."""
        check_tensor("weight", tensors["weight"], self.shape, FLOAT8 if self.args.type == "float" else torch.int8)
        return tensors["weight"]

    def read_zeros(self, zeros: Tensor) -> Tensor:
        """The zero points of a file, in the shape of the scales."""
        if zeros.numel() != self.grid()[0] * self.grid()[1]:
            raise CorruptFile(f"weight_zero_point has the shape {tuple(zeros.shape)}; expected {self.grid()}, as the scales")
        return check_dtype("weight_zero_point", zeros.reshape(self.grid()), self.grid(), _ZEROS)

    def stored(self) -> dict[str, Tensor]:
        scales = self.scales.flatten() if self.args.strategy == "tensor" else self.scales
        values = {
            "weight": self.codes,
            "weight_scale": scales,
            "weight_zero_point": None if self.zeros is None else self.zeros.to(torch.int8).view(scales.shape),
            "weight_g_idx": self.order,
            "input_scale": self.input_scale,
            "input_zero_point": self.input_zero_point,
        }
        return {name: tensor for name, tensor in values.items() if tensor is not None}

    def _wide(self, values: Tensor) -> Tensor:
        """Scales or zero points, as what each number has."""
        values = values.float()
        if self.order is not None and int(self.order.min()) >= 0:
            return values[:, self.order.long()]
        return spread(values, self.block(), self.shape)

    def dequantize(self) -> Tensor:
        codes = self.weight_codes().float()
        return (codes if self.zeros is None else codes - self._wide(self.zeros)) * self._wide(self.scales)

    def forward(self, x: Tensor) -> Tensor:
        inputs = self.inputs
        if inputs is None:
            return nn.functional.linear(x, self.dequantize().to(x.dtype), self.bias)
        rows, scales, zeros = inputs.quantized(x, self.input_scale, self.input_zero_point)
        whole = inputs.type == self.args.type == "int" and zeros is None and self.zeros is None and self.order is None
        if not whole or scales.shape[-1] > 1 or self.scales.shape[1] > 1 or self.block()[0] not in (1, self.out_features):
            x = inputs.numbers(rows, scales, zeros).reshape(x.shape).to(x.dtype)
            return nn.functional.linear(x, self.dequantize().to(x.dtype), self.bias)
        product = integer_product(rows.flatten(0, -2).to(torch.int8), self.weight_codes()).view(*x.shape[:-1], -1)
        product = product * scales * self.scales.float().squeeze(1)
        return (product if self.bias is None else product + self.bias).to(x.dtype)


class PackedLinear(CompressedLinear):
    """The same, with several codes of a row in each word of 32 bits, the first in the lowest bits.

    Attributes:
        codes: words, int32 (N, words of a row). zeros: packed so down the rows.
    """

    needs = ("weight_packed", "weight_scale")

    @property
    def words(self) -> int:
        """Words of a row."""
        return -(-self.in_features * self.args.num_bits // 32)

    def keep(self, codes: Tensor, scales: Tensor, zeros: Tensor | None, **others: Tensor | None) -> None:
        if codes.dtype != torch.int32:
            codes = pack(codes, self.args.num_bits)
        super().keep(codes, scales, zeros, **others)

    def weight_codes(self) -> Tensor:
        return unpack(self.codes, self.args.num_bits, self.in_features)

    def read_codes(self, tensors: Mapping[str, Tensor]) -> Tensor:
        check_tensor("weight_packed", tensors["weight_packed"], (self.out_features, self.words), torch.int32)
        said = tensors.get("weight_shape")
        if said is not None and check_whole("weight_shape", said, (2,), 0, 2**62).tolist() != list(self.shape):
            raise CorruptFile(f"weight_shape says {said.tolist()}; expected {list(self.shape)}")
        return tensors["weight_packed"]

    def read_zeros(self, zeros: Tensor) -> Tensor:
        if zeros.dtype == torch.int8:  # one of all is not packed
            return super().read_zeros(zeros)
        rows, columns = self.grid()
        check_tensor("weight_zero_point", zeros, (-(-rows * self.args.num_bits // 32), columns), torch.int32)
        return unpack(zeros.T.contiguous(), self.args.num_bits, rows).T

    def stored(self) -> dict[str, Tensor]:
        values = super().stored()
        values["weight_packed"] = values.pop("weight")
        values["weight_shape"] = torch.tensor(self.shape)
        if self.zeros is not None and self.args.strategy == "tensor":
            values["weight_zero_point"] = self.zeros.flatten().to(torch.int8)
        elif self.zeros is not None:
            zeros = self.zeros.to(torch.int8).T.contiguous()
            values["weight_zero_point"] = pack(zeros, self.args.num_bits).T.contiguous()
        return values


def pack(codes: Tensor, bits: int) -> Tensor:
    """Signed integers (N, K) of so many bits as words of 32 bits (N, words): one stream of bits, the lowest of each first."""
    unsigned = codes.long() + 2 ** (bits - 1)
    each = (unsigned[:, :, None] >> torch.arange(bits, device=codes.device)) & 1
    stream = nn.functional.pad(each.flatten(1), (0, -each[0].numel() % 32)).unflatten(1, (-1, 32))
    words = (stream << torch.arange(32, device=codes.device)).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def unpack(words: Tensor, bits: int, columns: int) -> Tensor:
    """What `pack` made words of, int8 (N, columns)."""
    if 32 % bits:
        stream = ((words[:, :, None] >> torch.arange(32, device=words.device)) & 1).flatten(1)
        each = stream[:, : columns * bits].unflatten(1, (columns, bits))
        unsigned = (each << torch.arange(bits, device=words.device)).sum(-1)
    else:
        shifts = torch.arange(0, 32, bits, dtype=torch.int32, device=words.device)
        unsigned = ((words[:, :, None] >> shifts) & (2**bits - 1)).flatten(1)[:, :columns]
    signed: Tensor = unsigned - 2 ** (bits - 1)
    return signed.to(torch.int8)
