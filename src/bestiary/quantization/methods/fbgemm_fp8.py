"""Floats of 8 bits with a scale for each row, as FBGEMM computes with them and the largest Llama 3.1 is published."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...core.kinds import EndlessPositive
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..method import Quantizer
from ..scaled import FLOAT8, LARGEST_FLOAT8, ScaledLinear, absmax_scales, as_float8


@dataclass(repr=False)
class FbgemmFp8Config(QuantizationConfigMixin):
    """Settings of floats of 8 bits with scales of rows.

    Args:
        activation_scale_ub: what kernels limit the scales of inputs to; inputs are kept in their own dtype here.
        modules_to_not_convert: names of modules that stay as they are; None: the head over the vocabulary.
    """

    quant_method = QuantizationMethod.FBGEMM_FP8

    activation_scale_ub: EndlessPositive = 1200.0
    modules_to_not_convert: list[str] | None = None

    def at_opening(self) -> dict[str, Any]:
        return {"activation_scale_ub": self.activation_scale_ub}

    get_loading_attributes = at_opening


class RowFloat8Linear(ScaledLinear):
    """W = codes * scales of rows."""

    needs = ("weight", "weight_scale")
    code_dtype = FLOAT8

    def quantize(self, weight: Tensor) -> None:
        scales = absmax_scales(weight, LARGEST_FLOAT8)
        self.keep(as_float8(weight.float() / scales), scales)


class FbgemmFp8(Quantizer):
    """Floats of 8 bits, scales of rows."""

    config_class = FbgemmFp8Config
    layer = RowFloat8Linear
    decodes = True
