"""AutoRound (Cheng et al. 2023): files whose integers lie as those of GPTQ or of AWQ do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ...core.errors import ConfigError
from ...loading.format import TensorInfo
from ...nn.conv import Conv1D
from ...nn.quantized import QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod, table_of
from ..method import Quantizer
from .awq import Awq, AwqConfig, AwqLinear
from .gptq import GPTQ, WIDTHS, GPTQConfig, GPTQLinear, check_group_size

_PACKINGS = {"auto_gptq": "gptq", "gptq": "gptq", "gptqmodel": "gptq_v2", "auto_awq": "awq", "awq": "awq"}
"""Ends of packing_format -> layout."""
_HOW_IT_WAS_MADE = """
act_bits act_data_type act_dynamic act_group_size act_sym amp autoround_version batch_size checkpoint_format damp_percent
dataset desc_act enable_minmax_tuning enable_norm_bias_tuning enable_quanted_input gradient_accumulate_steps iters
low_gpu_mem_usage lr minmax_lr nsamples quant_block_list scale_dtype seqlen true_sequential version zero_point
"""


@dataclass(repr=False)
class AutoRoundConfig(QuantizationConfigMixin):
    """Settings of files of AutoRound.

    Args:
        bits: 2, 3, 4 or 8. group_size: columns that share a scale; -1: all of a row. sym: zero is in the middle of the
            integers.
        backend: of the published library; here all compute alike.
        packing_format: "auto_round:auto_gptq" or "auto_round:auto_awq": how integers lie.
        extra_config: path of a layer -> its settings that differ (bits, group_size, sym); 16 bits: it stays as it is.
        modules_to_not_convert: names of modules that stay as they are. block_name_to_quantize, to_quant_block_names: where the
            quantized layers are, which their tensors tell.
    """

    quant_method = QuantizationMethod.AUTOROUND

    bits: int = 4
    group_size: int = 128
    sym: bool = True
    backend: str = "auto"
    packing_format: str = "auto_round:gptq"
    extra_config: dict[str, dict[str, Any]] | None = None
    modules_to_not_convert: list[str] | None = None
    block_name_to_quantize: Any = None
    to_quant_block_names: Any = None
    data_type: str | None = None

    def post_init(self) -> None:
        if self.bits not in range(2, 9):
            raise ConfigError(f"AutoRoundConfig: bits is {self.bits!r:.40}; expected 2 to 8")
        check_group_size("AutoRoundConfig", self.group_size)

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], return_unused_kwargs: bool = False, **kwargs: Any) -> Any:
        table = dict(table_of(config_dict))
        method = str(table.get("quant_method", ""))
        if method in ("gptq", "awq"):  # files of these, opened by the settings of AutoRound
            table.setdefault("packing_format", f"auto_round:{method}")
        return super().from_dict(table, return_unused_kwargs, **kwargs)

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        return tuple(_HOW_IT_WAS_MADE.split())

    def get_loading_attributes(self) -> dict[str, Any]:
        """What a caller may set of files that are quantized already."""
        return {"backend": self.backend}

    def to_dict(self) -> dict[str, Any]:
        always = ("quant_method", "bits", "group_size", "sym", "backend", "packing_format")
        return {name: value for name, value in super().to_dict().items() if name in always or value is not None}

    @property
    def layout(self) -> str:
        """ "gptq", "gptq_v2" or "awq".

        Raises:
            ConfigError: packing_format names none of them.
        """
        name = self.packing_format.rpartition(":")[2]
        if name not in _PACKINGS:
            known = ", ".join(f"auto_round:{each}" for each in ("auto_gptq", "auto_awq"))
            raise ConfigError(
                f"AutoRound files of packing_format {self.packing_format!r:.60} are not read; those read: {known}"
            )
        return _PACKINGS[name]

    def of_layer(self, path: str) -> GPTQConfig | AwqConfig | None:
        """The settings of the layer at `path`; None: it stays as it is."""
        changes = (self.extra_config or {}).get(path, {})
        values = {name: changes.get(name, getattr(self, name)) for name in ("bits", "group_size", "sym")}
        if values["bits"] >= 16:
            return None
        if self.layout == "awq":
            return AwqConfig(bits=values["bits"], group_size=values["group_size"], zero_point=not values["sym"])
        return GPTQConfig(**values, format=self.layout)


class AutoRound(Quantizer):
    """Opens files of AutoRound."""

    config_class = AutoRoundConfig
    layer = GPTQLinear
    keeps_heads = True
    requires_calibration = True
    quantization_config: AutoRoundConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        settings = self.quantization_config
        if not self.pre_quantized:
            raise ConfigError(
                "files of AutoRound are opened here, and not made: quantize by GPTQConfig on texts of yours, or by HqqConfig or"
                " BitsAndBytesConfig without any"
            )
        if settings.bits not in WIDTHS or (settings.layout == "awq" and settings.bits != 4):
            raise ConfigError(f"AutoRound files of {settings.bits} bits are not read; bits: 2, 3, 4 and 8, packed as AWQ 4")

    def make(self, path: str, dense: nn.Linear | Conv1D) -> QuantizedLinear:
        kind = AwqLinear if self.quantization_config.layout == "awq" else GPTQLinear
        return kind(dense, self.quantization_config.of_layer(path), from_file=self.pre_quantized)

    def shape_in_file(self, path: str, tensors: Mapping[str, TensorInfo]) -> tuple[int, ...] | None:
        settings = self.quantization_config.of_layer(path)
        method = Awq if isinstance(settings, AwqConfig) else GPTQ
        return None if settings is None else method(settings, True).shape_in_file(path, tensors)

    def _stays(self, path: str, model: Any) -> bool:
        return self.quantization_config.of_layer(path) is None or super()._stays(path, model)
