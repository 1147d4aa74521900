"""Floats of 8 bits with a scale for each block of 128 x 128 numbers, as DeepSeek-V3's weights are published (2024)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Natural
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer
from ..scaled import FLOAT8, LARGEST_FLOAT8, ScaledLinear, as_float8, ranges, spread
from ..stored import check_numbers


@dataclass(repr=False)
class FineGrainedFP8Config(QuantizationConfigMixin):
    """Settings of floats of 8 bits with scales of blocks.

    Args:
        activation_scheme: "dynamic", or "static" of files that hold scales of inputs. Inputs are kept in their own dtype here.
        weight_block_size: rows and columns that share a scale; None: one scale for each weight.
        dequantize: open a file of this kind as numbers.
        modules_to_not_convert: names of modules that stay as they are; None: the head over the vocabulary.
        modules_to_convert: names of the only modules that are quantized; None: all others.
        scale_fmt: "float", or "ue8m0" for scales that are powers of two.
        expert_dtype: how experts are stored, "fp8"; "fp4" is not opened.
    """

    quant_method = QuantizationMethod.FP8

    activation_scheme: str = "dynamic"
    weight_block_size: tuple[Natural, Natural] | None = (128, 128)
    dequantize: bool = False
    modules_to_not_convert: list[str] | None = None
    modules_to_convert: list[str] | None = None
    scale_fmt: str = "float"
    expert_dtype: str = "fp8"

    def post_init(self) -> None:
        if self.activation_scheme not in ("dynamic", "static"):
            raise ConfigError(f"activation_scheme is {self.activation_scheme!r:.60}; expected 'dynamic' or 'static'")
        if self.weight_block_size is not None:
            rows, columns = self.weight_block_size
            self.weight_block_size = (rows, columns)
        if self.scale_fmt not in ("float", "ue8m0"):
            raise ConfigError(f"scale_fmt is {self.scale_fmt!r:.60}; expected 'float' or 'ue8m0'")
        if self.expert_dtype not in ("fp8", "fp4"):
            raise ConfigError(f"expert_dtype is {self.expert_dtype!r:.60}; expected 'fp8' or 'fp4'")

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        return ("fmt",)

    def at_opening(self) -> dict[str, Any]:
        stays = self.modules_to_not_convert
        return {"dequantize": self.dequantize} | ({} if stays is None else {"modules_to_not_convert": stays})

    def get_loading_attributes(self) -> dict[str, Any]:
        """What a caller's settings change of those of a file."""
        return {"dequantize": self.dequantize, "modules_to_not_convert": self.modules_to_not_convert}


class BlockFloat8Linear(ScaledLinear):
    """W = codes * scales of blocks; `weight_scale_inv` in files is what codes are multiplied by."""

    needs = ("weight", "weight_scale_inv")
    scales_name = "weight_scale_inv"
    code_dtype = FLOAT8
    config: FineGrainedFP8Config

    def block(self) -> tuple[int, int]:
        rows, columns = self.config.weight_block_size or (self.out_features, self.in_features)
        return min(rows, self.out_features), min(columns, self.in_features)

    def quantize(self, weight: Tensor) -> None:
        tops = torch.maximum(*(each.abs() for each in ranges(weight, self.block())))
        scales = torch.where(tops > 0, tops / LARGEST_FLOAT8, torch.ones_like(tops))
        if self.config.scale_fmt == "ue8m0":
            scales = torch.exp2(scales.log2().ceil())
        spreads = spread(scales, self.block(), (self.out_features, self.in_features))
        self.keep(as_float8(weight.float() / spreads), scales)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        scales = tensors[self.scales_name]
        if scales.dtype in (torch.uint8, torch.float8_e8m0fnu):  # exponents of powers of two
            scales = torch.exp2(scales.view(torch.uint8).float() - 127)
        super().restore({**tensors, self.scales_name: scales})
        if "activation_scale" in tensors:
            static = check_numbers("activation_scale", tensors["activation_scale"])
            self.hold(codes=self.codes, scales=self.scales, activation_scale=static)

    def stored(self) -> dict[str, Tensor]:
        static = getattr(self, "activation_scale", None)
        return super().stored() | ({} if static is None else {"activation_scale": static})


class FineGrainedFP8(Quantizer):
    """Floats of 8 bits, of dense layers; experts in one tensor are read as numbers."""

    config_class = FineGrainedFP8Config
    layer = BlockFloat8Linear
    decodes = True
    quantization_config: FineGrainedFP8Config

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        settings = self.quantization_config
        if settings.expert_dtype == "fp4":
            raise ConfigError("expert_dtype is 'fp4', which is not opened here: take a checkpoint whose experts are 'fp8'")
        if settings.activation_scheme == "static" and not self.pre_quantized:
            raise ConfigError(
                "activation_scheme is 'static': the scales of inputs come from a file that is quantized already, and numbers"
                " have none; take 'dynamic'"
            )

    def _stays(self, path: str, model: Any) -> bool:
        only = self.quantization_config.modules_to_convert
        return super()._stays(path, model) or (only is not None and not any(f".{name}." in f".{path}." for name in only))
