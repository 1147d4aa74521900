"""Weights in 8, 4 and 2 bits and in floats of 8, as optimum-quanto makes and stores them, which need not be installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...kernels.int4 import Int4Weight
from ...kernels.steps import DENSE_LAYERS
from ...nn.quantized import QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..grouped import Int4Linear, int4_step
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


class QuantoBitsLinear(Int4Linear, _KeepsRanges):
    """W = codes * scale - shift of groups in a row, codes of 4 or 2 bits.

    Attributes:
        int4: the weight in 4 bits; None: `packed` has the codes of groups (groups of all rows, columns of a group), several of
            which share a byte: those of the first part of the groups have the lowest bits.
        scales, shifts: (groups of all rows, 1).
    """

    needs = ("weight._data._data", "weight._scale", "weight._shift")
    config: QuantoConfig
    packed: Tensor | None
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
        self._take(codes, scales, -least)

    def _take(self, codes: Tensor, scales: Tensor, shifts: Tensor) -> None:
        """Fill the layer from codes (groups of all rows, columns of a group), uint8."""
        self._buffers.clear()
        self.int4 = None
        self.hold(packed=None if self.bits == 4 else self._packed(codes), scales=scales, shifts=shifts)
        if self.bits == 4:
            rows, table = self.out_features, torch.arange(16, device=codes.device).float()
            parts = scales.view(rows, -1), -shifts.view(rows, -1)
            self.hold_int4(Int4Weight.pack(codes.view(rows, -1), table, *parts, self.group))

    def _packed(self, codes: Tensor) -> Tensor:
        per_byte = 8 // self.bits
        rows = -(-len(codes) // per_byte)
        parts = nn.functional.pad(codes, (0, 0, 0, rows * per_byte - len(codes))).view(per_byte, rows, -1)
        packed = parts[0].clone()
        for index in range(1, per_byte):
            packed |= parts[index] << (self.bits * index)
        return packed

    def _codes(self, packed: Tensor, count: int) -> Tensor:
        """The codes of `count` groups."""
        mask = 2**self.bits - 1
        return torch.cat([(packed >> shift) & mask for shift in range(0, 8, self.bits)])[:count]

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self.check_ranges(tensors)
        data, scales, shifts = (tensors[need] for need in self.needs)
        count = self.out_features * self.in_features // self.group
        check_tensor(self.needs[0], data, (-(-count * self.bits // 8), self.group), torch.uint8)
        checked = [checked_scales(name, each, (count, 1)) for name, each in zip(self.needs[1:], (scales, shifts), strict=True)]
        self._take(self._codes(data, count), checked[0].float(), checked[1].float())

    def stored(self) -> dict[str, Tensor]:
        packed = self.packed if self.int4 is None else self._packed(self.int4.codes().view(len(self.scales), -1))
        assert packed is not None
        return dict(zip(self.needs, (packed, self.scales, self.shifts), strict=True)) | _KeepsRanges.stored(self)

    def dequantize(self) -> Tensor:
        if self.int4 is not None:
            return self.int4.dequantize()
        assert self.packed is not None
        codes = self._codes(self.packed, len(self.scales))
        return (codes * self.scales - self.shifts).view(self.out_features, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        if self.int4 is not None:
            return self.int4.linear(x, None if self.bias is None else self.bias.to(x.dtype))
        return nn.functional.linear(x, self.dequantize().to(x.dtype), self.bias)


DENSE_LAYERS[QuantoBitsLinear.forward] = int4_step


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
