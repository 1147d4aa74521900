"""A layer in 8 bits: int8 rows with a scale each, inputs in 8 bits too, outlier columns apart."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import CorruptFile
from ...kernels.int8 import Int8Weight
from ...kernels.steps import DENSE_LAYERS, Dense, Unfit, Watch
from ...nn.quantized import QuantizedLinear
from ..stored import FLOATS, check_dtype, check_numbers

_ROWS = 2**20  # numbers quantized at a time


class Linear8bit(QuantizedLinear):
    """W = codes * SCB / 127 (Dettmers et al. 2022, LLM.int8()).

    Attributes:
        packed: the codes and scales; None where `llm_int8_has_fp16_weight` keeps numbers, which every call quantizes.
        SCB: the largest absolute value in each row of W, (out_features,), as files hold it.
    """

    needs: tuple[str, ...] = ("weight", "SCB")
    packed: Int8Weight | None = None
    SCB: Tensor | None = None

    def __init__(self, dense: Any, config: Any, from_file: bool = False) -> None:
        super().__init__(dense, config, from_file)
        self.parameter_count = 0 if self.keeps_numbers else self.out_features * self.in_features
        self.parameter_bytes = self.parameter_count
        if self.keeps_numbers:
            self.needs = ("weight",)

    @property
    def keeps_numbers(self) -> bool:
        """Whether the weight stays in floating point."""
        return bool(self.config.llm_int8_has_fp16_weight)

    @property
    def is_filled(self) -> bool:
        return self.stands_for is None and (self.packed is not None or self.keeps_numbers)

    @property
    def device(self) -> torch.device:
        if self.packed is not None:
            return self.packed.device
        return super().device

    def move(self, device: torch.device) -> None:
        if self.packed is not None and self.SCB is not None:
            self.packed, self.SCB = self.packed.to(device), self.SCB.to(device)

    def quantize(self, weight: Tensor) -> None:
        if self.keeps_numbers:
            self.hold()
            self._parameters["weight"] = nn.Parameter(weight.detach().clone(), requires_grad=False)
            return
        self._take(*quantized(weight))

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        shape = (self.out_features, self.in_features)
        codes, largest = tensors["weight"], tensors.get("SCB")
        if self.keeps_numbers:
            return self.quantize(check_dtype("weight", codes, shape, FLOATS))
        if largest is None or codes.shape != shape or codes.dtype != torch.int8 or largest.shape != shape[:1]:
            scales = "no" if largest is None else str(tuple(largest.shape))
            raise CorruptFile(
                f"8-bit weights are {codes.dtype} {tuple(codes.shape)} with {scales} scales (SCB); expected int8 {shape} with"
                f" {shape[:1]}"
            )
        form = tensors.get("weight_format")
        if form is not None and (form.dtype != torch.uint8 or form.numel() != 1 or int(form) != 0):
            raise CorruptFile(
                f"weight_format is {form.dtype} {form.flatten()[:4].tolist()}; expected uint8 0, codes row by row."
                " Older releases wrote others: open the file there and save it again"
            )
        self._take(codes, check_numbers("SCB", largest).float())

    def _take(self, codes: Tensor, largest: Tensor) -> None:
        self.hold()
        self.packed, self.SCB = Int8Weight.pack(codes, largest / 127), largest

    def stored(self) -> dict[str, Tensor]:
        if self.packed is None or self.SCB is None:
            parameter: Any = self._parameters["weight"]
            return {"weight": parameter.detach()}
        form = torch.tensor(0, dtype=torch.uint8)
        return {"weight": self.packed.codes(), "SCB": self.SCB, "weight_format": form}

    def dequantize(self) -> Tensor:
        packed = self.packed or Int8Weight.pack(*_scaled(self.weight))
        return packed.dequantize()

    def forward(self, x: Tensor) -> Tensor:
        packed = self.packed or Int8Weight.pack(*_scaled(self.weight))
        return packed.linear(x, self.bias, outliers=self.config.llm_int8_threshold)


def _as_step(layer: Any, dtype: torch.dtype, watch: Watch) -> Dense:
    packed, settings = watch.holding(layer, "packed"), watch.value(layer, "config")
    if packed is None or type(packed) is not Int8Weight:
        raise Unfit("not packed yet")
    fields = packed.step()
    if fields is None:
        raise Unfit("without kernels")
    fields |= {"bias": watch.tensor(layer, "bias", dtype), "number": watch.setting(settings, "llm_int8_threshold")}
    return fields, packed.shape[0]


def quantized(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (N, K), int8, of W (N, K), and the largest absolute value (N,) of each row, which becomes 127.

    The numbers are rounded to float16 first, as bitsandbytes does, save where they are too large for it.
    """
    bounds = torch.stack(weight.aminmax()).abs() if weight.numel() else weight.new_zeros(1)
    fits = bool(bounds.max() <= torch.finfo(torch.float16).max)
    codes = torch.empty(weight.shape, dtype=torch.int8, device=weight.device)
    largest = torch.zeros(len(weight), dtype=torch.float32, device=weight.device)
    step = max(1, _ROWS // max(1, weight.shape[1]))
    for start in range(0, len(weight), step):
        part = slice(start, start + step)
        numbers = (weight[part].half() if fits else weight[part]).float()
        if numbers.shape[1]:
            largest[part] = numbers.abs().amax(dim=1)
        factors = (127 / largest[part]).masked_fill(largest[part] == 0, 0.0)
        codes[part] = numbers.mul_(factors.unsqueeze(1)).round_().to(torch.int8)
    return codes, largest


def _scaled(weight: Tensor) -> tuple[Tensor, Tensor]:
    codes, largest = quantized(weight.detach())
    return codes, largest / 127


DENSE_LAYERS[Linear8bit.forward] = _as_step
