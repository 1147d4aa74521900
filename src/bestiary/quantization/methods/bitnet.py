"""Weights that are -1, 0 or 1 times one scale, with inputs in 8 bits (Ma et al. 2024, BitNet b1.58)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, CorruptFile
from ...nn.quantized import QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer
from ..scaled import check_tensor
from ..stored import FLOATS, check_dtype, check_numbers


@dataclass(repr=False)
class BitNetQuantConfig(QuantizationConfigMixin):
    """Settings of ternary weights.

    Args:
        modules_to_not_convert: names of modules that stay as they are; None: the head over the vocabulary.
        linear_class: "bitlinear" of packed weights, "autobitlinear" of numbers that are rounded when they are used.
        quantization_mode: of "autobitlinear", "offline" where the file's numbers are rounded already, "online" where not.
        use_rms_norm, rms_norm_eps: a norm before each layer; files of it are not opened here.
    """

    quant_method = QuantizationMethod.BITNET

    modules_to_not_convert: list[str] | None = None
    linear_class: str = "bitlinear"
    quantization_mode: str = "offline"
    use_rms_norm: bool = False
    rms_norm_eps: float | None = 1e-6

    def post_init(self) -> None:
        if self.linear_class not in ("bitlinear", "autobitlinear"):
            raise ConfigError(f"linear_class is {self.linear_class!r:.60}; expected 'bitlinear' or 'autobitlinear'")
        if self.quantization_mode not in ("online", "offline"):
            raise ConfigError(f"quantization_mode is {self.quantization_mode!r:.60}; expected 'online' or 'offline'")


class _BitLinear(QuantizedLinear):
    """A layer that quantizes its input to 8 bits, by the largest absolute value of each token."""

    config: BitNetQuantConfig
    rms_norm: Tensor | None

    def normed(self, x: Tensor) -> Tensor:
        """x after the norm of the layer, where it has one."""
        if self.rms_norm is None:
            return x
        numbers = x.float()
        eps = 1e-6 if self.config.rms_norm_eps is None else self.config.rms_norm_eps
        return (numbers * torch.rsqrt(numbers.square().mean(-1, keepdim=True) + eps)).to(x.dtype) * self.rms_norm.to(x.dtype)

    def quantize(self, weight: Tensor) -> None:
        raise ConfigError("weights of BitNet are trained to be ternary; numbers of other models cannot be rounded to them")

    def norm_in(self, tensors: Mapping[str, Tensor]) -> Tensor | None:
        """The weight of the norm, (in_features,), which a file has where the settings say so."""
        if not self.config.use_rms_norm:
            return None
        if "rms_norm.weight" not in tensors:
            raise CorruptFile("use_rms_norm is True, and the file has no rms_norm.weight for the layer")
        norm = tensors["rms_norm.weight"]
        return check_numbers("rms_norm.weight", norm, (self.in_features,))

    def stored(self) -> dict[str, Tensor]:
        return {} if self.rms_norm is None else {"rms_norm.weight": self.rms_norm}


def _check_scale(scale: Tensor) -> None:
    check_numbers("weight_scale", scale)
    if scale.numel() != 1 or not scale.all():
        raise CorruptFile(f"weight_scale is {scale.flatten()[:4].tolist()}; expected one number other than 0")


def quantized_input(x: Tensor) -> tuple[Tensor, Tensor]:
    """x (..., K) as integers of 8 bits, in floats, and what each token was multiplied by, (..., 1)."""
    numbers = x.float()
    scales = 127 / numbers.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return (numbers * scales).round().clamp(-128, 127), scales


class BitLinear(_BitLinear):
    """W = codes / weight_scale, codes of -1, 0 and 1.

    Attributes:
        packed: (rows / 4, in_features), uint8: four rows share a byte; those of the first quarter have the lowest bits, and
            each two bits are a code + 1. weight_scale: (1,).
    """

    needs = ("weight", "weight_scale")
    packed: Tensor
    weight_scale: Tensor

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        packed, scale = tensors["weight"], tensors["weight_scale"]
        check_tensor("weight", packed, (-(-self.out_features // 4), self.in_features), torch.uint8)
        _check_scale(scale)
        self.hold(packed=packed, weight_scale=scale, rms_norm=self.norm_in(tensors))

    def codes(self) -> Tensor:
        """(out_features, in_features), int8."""
        parts = [(self.packed >> shift) & 3 for shift in (0, 2, 4, 6)]
        return torch.cat(parts)[: self.out_features].to(torch.int8) - 1

    def stored(self) -> dict[str, Tensor]:
        return {"weight": self.packed, "weight_scale": self.weight_scale} | super().stored()

    def dequantize(self) -> Tensor:
        return self.codes() / self.weight_scale.float()

    def forward(self, x: Tensor) -> Tensor:
        rows, scales = quantized_input(self.normed(x))
        product = nn.functional.linear(rows, self.codes().float()) / (scales * self.weight_scale.float())
        return (product if self.bias is None else product + self.bias).to(x.dtype)


class AutoBitLinear(_BitLinear):
    """A layer whose file holds numbers: ternary ("offline", times `weight_scale`), or any, which are rounded ("online")."""

    needs = ("weight",)
    numbers: Tensor
    weight_scale: Tensor | None

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        numbers, scale = tensors["weight"], tensors.get("weight_scale")
        if not numbers.is_floating_point():
            raise CorruptFile(
                f"weight is {numbers.dtype}; expected numbers, as 'autobitlinear' has them ('bitlinear' is packed)"
            )
        check_dtype("weight", numbers, (self.out_features, self.in_features), FLOATS)
        if self.config.quantization_mode == "offline" and scale is None:
            raise CorruptFile("quantization_mode is 'offline', and the file has no weight_scale for the layer")
        if scale is not None:
            _check_scale(scale)
        self.hold(numbers=numbers, weight_scale=scale, rms_norm=self.norm_in(tensors))

    def stored(self) -> dict[str, Tensor]:
        scale = {} if self.weight_scale is None else {"weight_scale": self.weight_scale}
        return {"weight": self.numbers} | scale | super().stored()

    def dequantize(self) -> Tensor:
        numbers = self.numbers.float()
        if self.config.quantization_mode == "offline":
            assert self.weight_scale is not None
            return numbers * self.weight_scale.float()
        scale = 1 / numbers.abs().mean().clamp(min=1e-5)
        return (numbers * scale).round().clamp(-1, 1) / scale

    def forward(self, x: Tensor) -> Tensor:
        rows, scales = quantized_input(self.normed(x))
        return nn.functional.linear((rows / scales).to(x.dtype), self.dequantize().to(x.dtype), self.bias)


class BitNet(Quantizer):
    """Ternary weights of a file."""

    config_class = BitNetQuantConfig
    layer = BitLinear
    quantization_config: BitNetQuantConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        if not self.pre_quantized:
            raise ConfigError(
                "BitNetQuantConfig is for checkpoints that were trained to be ternary: this one holds numbers; take another"
                " method, such as QuantoConfig(weights='int2')"
            )

    def make(self, path: str, dense: Any) -> QuantizedLinear:
        kind = BitLinear if self.quantization_config.linear_class == "bitlinear" else AutoBitLinear
        return kind(dense, self.quantization_config, from_file=self.pre_quantized)
