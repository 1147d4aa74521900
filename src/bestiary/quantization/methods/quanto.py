"""Weights in 8, 4 and 2 bits and in floats of 8, as optimum-quanto makes and stores them, which need not be installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...nn.quantized import QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer
from ..scaled import FLOAT8, LARGEST_FLOAT8, ScaledLinear, absmax_scales, as_float8, check_tensor, checked_scales
from ..stored import check_numbers

BITS = {"int4": 4, "int2": 2}
GROUP = 128


@dataclass(repr=False)
class QuantoConfig(QuantizationConfigMixin):
    """Settings of weights in few bits.

    Args:
        weights: "int8", "int4", "int2" or "float8".
        activations: None; "int8" and "float8" are published names of what needs a calibration by the package itself.
        modules_to_not_convert: names of modules that stay as they are; None: the head over the vocabulary.
    """

    quant_method = QuantizationMethod.QUANTO

    weights: str = "int8"
    activations: str | None = None
    modules_to_not_convert: list[str] | None = None

    def post_init(self) -> None:
        if self.weights not in ("float8", "int8", "int4", "int2"):
            raise ConfigError(f"weights is {self.weights!r:.60}; expected 'int8', 'int4', 'int2' or 'float8'")
        if self.activations not in (None, "int8", "float8"):
            raise ConfigError(f"activations is {self.activations!r:.60}; expected None, 'int8' or 'float8'")


class _KeepsRanges(QuantizedLinear):
    """What quanto stores beside a weight: the scales of inputs and outputs, 1 where nothing was calibrated."""

    def stored(self) -> dict[str, Tensor]:
        return {"input_scale": torch.ones(()), "output_scale": torch.ones(())}

    def check_ranges(self, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a file whose inputs were calibrated to be quantized too."""
        for name in ("input_scale", "output_scale"):
            if name in tensors and not bool((check_numbers(name, tensors[name]) == 1).all()):
                raise ConfigError(
                    f"{name} is {tensors[name].flatten()[:1].tolist()}: the activations of this checkpoint are quantized, which"
                    " is not computed here; open one whose weights alone are"
                )


class QuantoByteLinear(ScaledLinear, _KeepsRanges):
    """W = codes * scales of rows, codes of 8 bits."""

    needs = ("weight._data", "weight._scale")
    codes_name, scales_name = needs

    def quantize(self, weight: Tensor) -> None:
        scales = absmax_scales(weight, 127)
        self.keep((weight.float() / scales).round().to(torch.int8), scales)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self.check_ranges(tensors)
        super().restore(tensors)

    def stored(self) -> dict[str, Tensor]:
        return super().stored() | _KeepsRanges.stored(self)


class QuantoFloat8Linear(QuantoByteLinear):
    """The same with floats of 8 bits."""

    code_dtype = FLOAT8

    def quantize(self, weight: Tensor) -> None:
        scales = absmax_scales(weight, LARGEST_FLOAT8)
        self.keep(as_float8(weight.float() / scales), scales)


class QuantoBitsLinear(_KeepsRanges):
    """W = codes * scale - shift of groups in a row, codes of 4 or 2 bits.

    Attributes:
        packed: codes of groups (groups of all rows, columns of a group), several of which share a byte: those of the first part
            of the groups have the lowest bits. scales, shifts: (groups of all rows, 1).
    """

    needs = ("weight._data._data", "weight._scale", "weight._shift")
    config: QuantoConfig
    packed: Tensor
    scales: Tensor
    shifts: Tensor

    @property
    def bits(self) -> int:
        """4 or 2."""
        return BITS[self.config.weights]

    @property
    def group(self) -> int:
        """Columns that share a scale: at most 128, in steps of 32; where none divides the columns, the whole row."""
        sizes = [size for size in range(GROUP, 31, -32) if self.in_features % size == 0]
        return sizes[0] if sizes and self.in_features > GROUP else self.in_features

    def quantize(self, weight: Tensor) -> None:
        groups = weight.float().reshape(-1, self.group)
        least, most = groups.aminmax(dim=1, keepdim=True)
        top = 2**self.bits - 1
        scales = (most - least) / top
        codes = ((groups - least) / scales).round().nan_to_num(0).clamp(0, top).to(torch.uint8)
        per_byte = 8 // self.bits
        rows = -(-len(codes) // per_byte)
        parts = nn.functional.pad(codes, (0, 0, 0, rows * per_byte - len(codes))).view(per_byte, rows, -1)
        packed = parts[0].clone()
        for index in range(1, per_byte):
            packed |= parts[index] << (self.bits * index)
        self.hold(packed=packed, scales=scales, shifts=-least)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self.check_ranges(tensors)
        data, scales, shifts = (tensors[need] for need in self.needs)
        count = self.out_features * self.in_features // self.group
        check_tensor(self.needs[0], data, (-(-count * self.bits // 8), self.group), torch.uint8)
        checked = [checked_scales(name, each, (count, 1)) for name, each in zip(self.needs[1:], (scales, shifts), strict=True)]
        self.hold(packed=data, scales=checked[0].float(), shifts=checked[1].float())

    def stored(self) -> dict[str, Tensor]:
        return dict(zip(self.needs, (self.packed, self.scales, self.shifts), strict=True)) | super().stored()

    def dequantize(self) -> Tensor:
        mask = 2**self.bits - 1
        codes = torch.cat([(self.packed >> shift) & mask for shift in range(0, 8, self.bits)])[: len(self.scales)]
        return (codes * self.scales - self.shifts).view(self.out_features, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.dequantize().to(x.dtype), self.bias)


class Quanto(Quantizer):
    """The weights of dense layers in few bits."""

    config_class = QuantoConfig
    layer = QuantoByteLinear
    quantization_config: QuantoConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        if self.quantization_config.activations is not None:
            raise ConfigError(
                f"activations is {self.quantization_config.activations!r}: quanto quantizes inputs after a calibration, by the"
                " package itself; take activations=None, or a method with dynamic inputs"
            )

    def make(self, path: str, dense: Any) -> QuantizedLinear:
        kinds: dict[str, type[QuantizedLinear]] = {"int8": QuantoByteLinear, "float8": QuantoFloat8Linear}
        kind = kinds.get(self.quantization_config.weights, QuantoBitsLinear)
        return kind(dense, self.quantization_config, from_file=self.pre_quantized)
