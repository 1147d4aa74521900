"""8 bits for weights alone, as EETQ quantizes them while a model is opened; its files, made for one GPU, are refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...core.errors import ConfigError
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer
from ..scaled import ScaledLinear, absmax_scales


@dataclass(repr=False)
class EetqConfig(QuantizationConfigMixin):
    """Settings of weights in 8 bits.

    Args:
        weights: "int8".
        modules_to_not_convert: names of modules that stay as they are; None: the head over the vocabulary.
    """

    quant_method = QuantizationMethod.EETQ

    weights: str = "int8"
    modules_to_not_convert: list[str] | None = None

    def post_init(self) -> None:
        if self.weights != "int8":
            raise ConfigError(f"weights is {self.weights!r:.60}; expected 'int8'")


class RowInt8Linear(ScaledLinear):
    """W = codes * scales of rows."""

    scales_name = "weight_scales"

    def quantize(self, weight: Tensor) -> None:
        scales = absmax_scales(weight, 127)
        self.keep((weight.float() / scales).round().to(self.code_dtype), scales)


class Eetq(Quantizer):
    """Weights in 8 bits, inputs as they are."""

    config_class = EetqConfig
    layer = RowInt8Linear

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        if self.pre_quantized:
            raise ConfigError(
                "the checkpoint holds weights in the order that EETQ's kernels want on one kind of GPU, which is not opened"
                " here: open the original weights with EetqConfig(), which quantizes them in a moment"
            )

    def check_saving(self) -> None:
        raise ConfigError(
            "weights of EETQ are saved in the order of one kind of GPU, which is not written here: save the original model, or"
            " quantize it by a method whose files open anywhere, such as QuantoConfig or BitsAndBytesConfig"
        )
