"""Dense layers in integers with a scale and a zero for each group of columns, whatever file they come from."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import CorruptFile
from ..kernels.byte_weights import byte_linear, fits
from ..kernels.int4 import Int4Weight
from ..kernels.steps import DENSE_LAYERS, Dense, Unfit, Watch
from ..nn.quantized import QuantizedLinear


class Int4Linear(QuantizedLinear):
    """A layer that may hold its weight as `Int4Weight`.

    Attributes:
        int4: the weight; None: the layer holds it otherwise.
    """

    int4: Int4Weight | None = None

    def hold_int4(self, weight: Int4Weight) -> None:
        """Its parts are buffers too, so that they are counted as the layer's."""
        self.int4 = weight
        for name, part in vars(weight).items():
            if isinstance(part, Tensor):
                self.register_buffer(f"int4_{name}", part, persistent=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        if self.int4 is not None:  # which a copy packs anew
            self.hold_int4(self.int4)

    def move(self, device: torch.device) -> None:
        super().move(device)
        if self.int4 is not None:  # of which other devices may have another layout
            self.hold_int4(self.int4.to(device))


def int4_step(layer: Any, dtype: torch.dtype, watch: Watch, name: str = "int4") -> Dense:
    """The step of one token through a layer that holds an `Int4Weight` as `name` (`kernels/steps.py`).

    Raises:
        Unfit: it holds its weight otherwise, or there is no kernel for it.
    """
    weight = watch.holding(layer, name)
    fields = weight.step(dtype) if type(weight) is Int4Weight else None
    if fields is None:
        raise Unfit("no weight in 4 bits, or no kernel for it")
    return {**fields, "bias": watch.tensor(layer, "bias", dtype)}, weight.shape[0]


class GroupedLinear(Int4Linear):
    """W[n, k] = (codes[n, k] - zeros[n, g]) * scales[n, g], where g is the group of column k.

    Up to 4 bits, codes are held in 4 and multiplied by `Int4Weight`, else by `byte_linear`, with the columns of a group side by
    side; where groups are of different lengths, or odd ones, W is made anew in every call.

    Attributes:
        int4: the weight; None: `codes` (N, K), one in a byte, `scales` and `zeros` (N, G), and `groups` (K,) hold it.
        column_order: the order in which columns are held, where that is not the weight's.
        byte_scales, byte_offsets: W = codes * scale + offset, float32 (N, G), where `byte_linear` computes.
        size: columns of a group, there.
    """

    column_order: Tensor | None
    scale_dtype: torch.dtype
    codes: Tensor
    scales: Tensor
    zeros: Tensor
    groups: Tensor
    byte_scales: Tensor | None
    byte_offsets: Tensor | None
    size: int

    def hold_integers(
        self, codes: Tensor, scales: Tensor, zeros: Tensor, groups: Tensor, bits: int, **stored: Tensor | None
    ) -> None:
        """Fill the layer from codes (N, K), uint8, scales and zeros (N, G), and the group of each column (K,).

        zeros: whole numbers, or any in a floating dtype.
        stored: further tensors, kept for `stored`.
        """
        self._buffers.clear()
        self.parameter_count = codes.numel()
        self.int4, self.scale_dtype = None, scales.dtype
        order = groups.argsort(stable=True)
        size = _equal_lengths(groups[order], scales.shape[1])
        in_order = bool((order[1:] > order[:-1]).all())
        if bits > 4 or size is None:
            wide: tuple[Tensor, Tensor] | tuple[None, None] = (None, None)
            if size is not None and fits((1, size), codes.shape[1]):
                wide = scales.float().contiguous(), (-zeros.float() * scales.float()).contiguous()
                self.size, codes = size, codes if in_order else codes[:, order]
            zeros = zeros if zeros.is_floating_point() else zeros.to(torch.uint8)
            moved = None if in_order or wide[0] is None else order
            self.hold(codes=codes.contiguous(), scales=scales, zeros=zeros, groups=groups.int(), column_order=moved, **stored)
            self.hold(byte_scales=wide[0], byte_offsets=wide[1])
            return
        table, offsets = torch.arange(16, device=codes.device), None
        if bool((zeros == zeros[:1, :1]).all()):
            table = table - zeros[0, 0].float()
        else:  # a product of a code and a scale of 16 bits is exact in fp32, and so is the sum with an offset
            scales = scales.float()
            offsets = -zeros.float() * scales
        weight = Int4Weight.pack(codes if in_order else codes[:, order], table.float(), scales, offsets, size)
        self.hold(column_order=None if in_order else order, **stored)
        self.hold_int4(weight)

    def integer_codes(self) -> Tensor:
        """The codes (N, K), uint8, columns as they are in W."""
        codes = self.codes if self.int4 is None else self.int4.codes()
        return codes if self.column_order is None else codes[:, self.column_order.argsort()]

    def group_scales(self) -> Tensor:
        """The scales (N, G), as they were given."""
        return self.scales if self.int4 is None else self.int4.scales.to(self.scale_dtype)

    def dequantize(self) -> Tensor:
        if self.int4 is not None:
            weight = self.int4.dequantize()
            return weight if self.column_order is None else weight[:, self.column_order.argsort()]
        weight = self.integer_codes().float() - self.zeros[:, self.groups]
        return weight.mul_(self.scales[:, self.groups])

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        ordered = x if self.column_order is None else x[..., self.column_order]
        if self.int4 is not None:
            return self.int4.linear(ordered, bias)
        if self.byte_scales is not None:
            return byte_linear(ordered, self.codes, self.byte_scales, self.byte_offsets, (1, self.size), bias)
        return nn.functional.linear(x, self.dequantize().to(x.dtype), bias)


def grouped_step(layer: Any, dtype: torch.dtype, watch: Watch) -> Dense:
    """`int4_step` of a `GroupedLinear`."""
    if layer.column_order is not None:
        raise Unfit("columns in another order")
    return int4_step(layer, dtype, watch)


DENSE_LAYERS[GroupedLinear.forward] = grouped_step


def _equal_lengths(groups: Tensor, count: int) -> int | None:
    """The length of all groups of sorted columns, of which the last may be shorter; None: they differ."""
    lengths = torch.bincount(groups, minlength=count)
    size = int(lengths[0])
    return size if size > 0 and bool((lengths[:-1] == size).all()) and 0 < int(lengths[-1]) <= size else None


def check_shapes(kind: str, tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raise CorruptFile unless tensors of a file have the `expected` shapes, scales are floating, and the others int32."""
    for name, shape in expected.items():
        tensor = tensors[name]
        right = tensor.is_floating_point() if name == "scales" else tensor.dtype == torch.int32
        if tuple(tensor.shape) != shape or not right:
            wanted = "floating" if name == "scales" else "int32"
            raise CorruptFile(f"{kind}: {name} is {tensor.dtype} {tuple(tensor.shape)}; expected {wanted} {shape}")
