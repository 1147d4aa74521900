"""Layers as compressed-tensors stores them: codes of one byte, or packed into words of 32 bits."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..core.errors import CorruptFile
from ..kernels.byte_weights import byte_linear, fits
from ..kernels.int4 import Int4Weight
from ..kernels.rows import integer_product
from ..kernels.steps import DENSE_LAYERS
from .grouped import Int4Linear, int4_step
from .scaled import FLOAT8, check_tensor, checked_scales, has_kernel, ranges, spread
from .schemes import Scheme, TensorArgs
from .stored import FLOATS, check_dtype, check_numbers, check_whole

_ZEROS = (torch.int8, torch.int32, torch.int64, *FLOATS, FLOAT8)
_OTHERS = ("order", "input_scale", "input_zero_point")


class CompressedLinear(Int4Linear):
    """W = (codes - zeros) * scales, of rows, groups, blocks or all.

    Attributes:
        args: how the weight is quantized. inputs: how inputs are; None: not at all.
        codes: (N, K), one byte each. scales, zeros: as the file has them. order: the group of each column, (K,), where that is
            not its place.
        byte_scales, byte_offsets: W = bytes * scale + offset, float32, by blocks, where `byte_linear` computes.
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
    byte_scales: Tensor | None
    byte_offsets: Tensor | None

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
        self._buffers.clear()
        self.int4 = None
        self.hold(codes=codes, scales=scales, zeros=zeros, **dict.fromkeys(_OTHERS) | others)
        self.hold(byte_scales=None, byte_offsets=None)
        if self.inputs is None and self.order is None:
            self.find_kernel()

    def find_kernel(self) -> None:
        """Prepare for a kernel, where one computes such a weight."""
        if has_kernel(self.codes, self.block()):
            self._take_bytes(0)

    def _take_bytes(self, middle: int) -> None:
        """Have `byte_linear` compute with bytes that are codes + `middle`."""
        scales = self.scales.float().reshape(self.grid()).contiguous()
        offsets = None if self.zeros is None and not middle else scales * -middle
        if self.zeros is not None:
            offsets = (scales * (-middle - self.zeros.float().reshape(self.grid()))).contiguous()
        self.hold(byte_scales=scales, byte_offsets=offsets)

    def kernel_bytes(self) -> Tensor:
        """Of `byte_linear`, (N, K)."""
        return self.codes

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
        if self.int4 is not None:
            return self.int4.linear(x, None if self.bias is None else self.bias.to(x.dtype))
        if self.byte_scales is not None:
            return byte_linear(x, self.kernel_bytes(), self.byte_scales, self.byte_offsets, self.block(), self.bias)
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
        codes: words, int32 (N, words of a row); none where `int4` holds the weight. zeros: (rows, columns of blocks).
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

    def find_kernel(self) -> None:
        bits, (rows, columns) = self.args.num_bits, self.block()
        if self.codes.is_meta:
            return
        if bits == 8 and self.in_features % 4 == 0 and fits((rows, columns), self.in_features):
            self._take_bytes(128)
        elif bits <= 4:
            middle, wide = 2 ** (bits - 1), [self.scales.float(), None if self.zeros is None else self.zeros.float()]
            scales, zeros = [
                None if each is None else each.reshape(self.grid()).repeat_interleave(rows, 0)[: self.out_features]
                for each in wide
            ]
            assert scales is not None
            offsets, table = None if zeros is None else -zeros * scales, torch.arange(16, device=scales.device) - middle
            codes = (self.weight_codes() + middle).to(torch.uint8)
            self.hold_int4(Int4Weight.pack(codes, table.float(), scales, offsets, columns))
            self.hold(codes=None)

    def kernel_bytes(self) -> Tensor:
        return self.codes.contiguous().view(torch.uint8)

    def weight_codes(self) -> Tensor:
        if self.int4 is not None:
            unsigned = self.int4.codes().to(torch.int8)
            return unsigned.sub_(2 ** (self.args.num_bits - 1))
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
        words = values.pop("weight", None)
        values["weight_packed"] = pack(self.weight_codes(), self.args.num_bits) if words is None else words
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


DENSE_LAYERS[CompressedLinear.forward] = int4_step
