"""A layer in 4 bits: blocks of 64 numbers share a scale, which may be in 8 bits itself."""

from collections.abc import Mapping
from math import gcd
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ...kernels.int4 import Int4Weight
from ...kernels.steps import DENSE_LAYERS, Dense, Unfit, Watch
from ...nn.quantized import QuantizedLinear
from ..grouped import int4_step
from ..stored import check_dtype
from .block_codes import in_4_bits, packed, table, unpacked
from .quant_state import QuantState

BLOCK = 64
STORAGE = (torch.uint8, torch.int8, torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Dtypes under which bytes may lie in files."""


class Linear4bit(QuantizedLinear):
    """W = table[codes] * scales (Dettmers et al. 2023, QLoRA).

    Where rows are multiples of 8 the kernel of 4 bits computes (`codes`); else W is made anew in every call (`data`).

    Attributes:
        codes: codes and scales for the kernel. data: else the codes as they lie in files, (ceil(n / 2), 1), uint8.
        state: scales and facts, as files hold them.
    """

    needs = ("weight", "weight.absmax", "weight.quant_map")
    codes: Int4Weight | None = None
    data: Tensor | None = None
    state: QuantState | None = None

    def __init__(self, dense: Any, config: Any, from_file: bool = False) -> None:
        super().__init__(dense, config, from_file)
        self.parameter_count = self.out_features * self.in_features
        self.parameter_bytes = -(-self.parameter_count // 2)

    @property
    def is_filled(self) -> bool:
        return self.stands_for is None and self.state is not None

    @property
    def device(self) -> torch.device:
        return super().device if self.state is None else self.state.table.device

    def move(self, device: torch.device) -> None:
        if self.state is not None:
            self.state.to(device)
            self.codes = None if self.codes is None else self.codes.to(device)
            self.data = None if self.data is None else self.data.to(device)

    def quantize(self, weight: Tensor) -> None:
        kind = self.config.bnb_4bit_quant_type
        codes, scales = in_4_bits(weight, kind, BLOCK)
        shape = (self.out_features, self.in_features)
        state = QuantState(kind, BLOCK, weight.dtype, shape, table(kind, weight.device), scales)
        if self.config.bnb_4bit_use_double_quant:
            state.nest()
        self._take(codes, state)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        shape = (self.out_features, self.in_features)
        state = QuantState.from_file(tensors, shape)
        count, data = self.parameter_count, tensors["weight"]
        entries = -(-count // (2 * data.dtype.itemsize))
        check_dtype("weight", data.flatten(), (entries,), STORAGE)
        self._take(unpacked(data.contiguous().flatten().view(torch.uint8), count), state)

    def _take(self, codes: Tensor, state: QuantState) -> None:
        self.hold()
        self.state, self.number_dtype = state, state.dtype
        self.codes = self.data = None
        size = gcd(self.in_features, state.size)  # blocks may begin in one row and end in the next
        if size % 8 == 0 and self.in_features:
            scales = state.scales.repeat_interleave(state.size // size)[: self.parameter_count // size]
            parts = codes.view(state.shape), state.table, scales.view(self.out_features, -1)
            self.codes = Int4Weight.pack(*parts, group=size)
            if size == state.size:
                state.scales = self.codes.scales.view(-1)  # not a second copy
        else:
            self.data = packed(codes)

    def stored(self) -> dict[str, Tensor]:
        assert self.state is not None
        data = packed(self.codes.codes().flatten()) if self.codes is not None else self.data
        assert data is not None
        storage = self.config.bnb_4bit_quant_storage
        if storage != torch.uint8:
            data = F.pad(data.flatten(), (0, -data.numel() % storage.itemsize)).view(storage).unsqueeze(1)
        return {"weight": data, **self.state.stored()}

    def dequantize(self) -> Tensor:
        assert self.state is not None
        if self.codes is not None:
            return self.codes.dequantize(self.state.dtype)
        return _numbers(self.data, self.state)

    def forward(self, x: Tensor) -> Tensor:
        compute = self.config.bnb_4bit_compute_dtype
        bias = None if self.bias is None else self.bias.to(compute)
        if self.codes is not None:
            return self.codes.linear(x, bias, compute)
        result: Tensor = _Product.apply(x.to(compute), self.data, self.state)  # type: ignore[no-untyped-call]
        return (result if bias is None else result + bias).to(x.dtype)


def _as_step(layer: Any, dtype: torch.dtype, watch: Watch) -> Dense:
    compute = watch.setting(watch.value(layer, "config"), "bnb_4bit_compute_dtype")
    if compute not in (dtype, torch.float32):
        raise Unfit("states that become less exact first")
    return int4_step(layer, dtype, watch, "codes")


DENSE_LAYERS[Linear4bit.forward] = _as_step


def _numbers(data: Tensor | None, state: QuantState) -> Tensor:
    assert data is not None
    count = state.shape[0] * state.shape[1]
    values = state.table[unpacked(data, count).int()]
    values *= state.scales.repeat_interleave(state.size)[:count]
    return values.view(state.shape).to(state.dtype)


class _Product(torch.autograd.Function):
    """x W^T, of which the backward pass makes W anew instead of keeping it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, data: Tensor, state: QuantState) -> Tensor:
        ctx.save_for_backward(data)
        ctx.state = state
        return F.linear(x, _numbers(data, state).to(x.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (data,) = ctx.saved_tensors
        return gradient @ _numbers(data, ctx.state).to(gradient.dtype), None, None
