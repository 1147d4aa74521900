"""8 bits with outliers apart (Dettmers et al. 2022, LLM.int8()), in the format of bitsandbytes, which need not be installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, CorruptFile
from ...core.logging import warn_once
from ...nn.quantized import QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer


@dataclass(repr=False)
class BitsAndBytesConfig(QuantizationConfigMixin):
    """Settings of 8 or 4 bits.

    Args:
        load_in_8bit, load_in_4bit: one of them.
        llm_int8_threshold: columns of the input with a number of this size or more are multiplied in full precision; 0: none.
        llm_int8_skip_modules: names of modules that stay as they are; None: the head over the vocabulary, []: none.
    """

    quant_method = QuantizationMethod.BITS_AND_BYTES
    skips_field = "llm_int8_skip_modules"

    load_in_8bit: bool = False
    load_in_4bit: bool = False
    llm_int8_threshold: float = 6.0
    llm_int8_skip_modules: list[str] | None = None
    llm_int8_enable_fp32_cpu_offload: bool = False
    llm_int8_has_fp16_weight: bool = False
    bnb_4bit_compute_dtype: torch.dtype | str | None = None
    bnb_4bit_quant_type: str = "fp4"
    bnb_4bit_use_double_quant: bool = False
    bnb_4bit_quant_storage: torch.dtype | str | None = None

    def post_init(self) -> None:
        if self.load_in_8bit and self.load_in_4bit:
            raise ConfigError("load_in_8bit and load_in_4bit are both True: choose one")

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        return ("_load_in_8bit", "_load_in_4bit")

    def to_dict(self) -> dict[str, Any]:
        values = super().to_dict()
        return {**values, "_load_in_8bit": self.load_in_8bit, "_load_in_4bit": self.load_in_4bit}


class Int8Linear(QuantizedLinear):
    """W = codes * SCB / 127: `weight` holds the codes, int8 (N, K), and `SCB` the largest size in each row, (N,)."""

    needs = ("weight", "SCB")
    weight: Any
    SCB: Tensor

    def quantize(self, weight: Tensor) -> None:
        # bitsandbytes quantizes numbers of fp16
        numbers = weight.half().float() if weight.abs().max() <= torch.finfo(torch.float16).max else weight.float()
        largest = numbers.abs().amax(dim=1)
        codes = (numbers * (127 / largest.clamp(min=torch.finfo(torch.float32).tiny)).unsqueeze(1)).round().to(torch.int8)
        self.hold(SCB=largest)
        self.weight = nn.Parameter(codes, requires_grad=False)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        codes, largest = tensors["weight"], tensors["SCB"]
        shape = (self.out_features, self.in_features)
        if codes.shape != shape or codes.dtype != torch.int8 or largest.shape != shape[:1]:
            raise CorruptFile(
                f"8-bit weights are {codes.dtype} {tuple(codes.shape)} with {tuple(largest.shape)} scales; expected int8"
                f" {shape} with {shape[:1]}"
            )
        self.hold(SCB=largest.float())
        self.weight = nn.Parameter(codes, requires_grad=False)

    def stored(self) -> dict[str, Tensor]:
        return {"weight": self.weight.data, "SCB": self.SCB, "weight_format": torch.tensor(0, dtype=torch.uint8)}

    def dequantize(self) -> Tensor:
        weight: Tensor = self.weight.float() * (self.SCB / 127).unsqueeze(1)
        return weight

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.dequantize().to(x.dtype), self.bias)


class BitsAndBytes(Quantizer):
    """LLM.int8()."""

    config_class = BitsAndBytesConfig
    layer = Int8Linear
    quantization_config: BitsAndBytesConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        if not self.quantization_config.load_in_8bit and not self.quantization_config.load_in_4bit:
            warn_once("bits", "BitsAndBytesConfig says neither load_in_8bit nor load_in_4bit")
