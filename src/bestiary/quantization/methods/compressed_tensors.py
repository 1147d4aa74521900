"""Checkpoints of compressed-tensors: integers of 1 to 8 bits and floats of 8, with inputs quantized or not."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...core.errors import ConfigError
from ...loading.format import TensorInfo
from ...nn.quantized import QuantizedLinear
from ..compressed import CompressedLinear, PackedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod, table_of
from ..method import Quantizer
from ..scaled import matrix_shape
from ..schemes import Scheme, fits, named

FORMATS = ("int-quantized", "float-quantized", "naive-quantized", "pack-quantized")


@dataclass(repr=False, init=False)
class CompressedTensorsConfig(QuantizationConfigMixin):
    """Settings of a checkpoint of compressed-tensors.

    Args:
        config_groups: name -> a table of targets, weights and input_activations; or the name of a preset -> targets.
        format: how tensors lie in files: "int-quantized", "float-quantized", "naive-quantized" or "pack-quantized".
        quantization_status: "compressed" of files in few bits.
        kv_cache_scheme: how keys and values are quantized; such checkpoints are refused.
        global_compression_ratio: told, not used.
        ignore: what stays as it is, as `targets` name it.
        run_compressed: False opens numbers; else layers keep their few bits. dequantize: True opens numbers.
        use_optimized_inference: a choice of kernels, which are the same here.
    """

    quant_method = QuantizationMethod.COMPRESSED_TENSORS
    skips_field = "ignore"

    config_groups: dict[str, Any] | None = None
    format: str = "dense"
    quantization_status: str = "initialized"
    kv_cache_scheme: Any = None
    global_compression_ratio: float | None = None
    ignore: list[str] | None = None
    run_compressed: bool | None = None
    dequantize: bool = False
    use_optimized_inference: bool = False

    def __init__(
        self,
        config_groups: dict[str, Any] | None = None,
        format: str = "dense",
        quantization_status: str = "initialized",
        kv_cache_scheme: Any = None,
        global_compression_ratio: float | None = None,
        ignore: list[str] | None = None,
        quant_method: str = "compressed-tensors",
        run_compressed: bool | None = None,
        dequantize: bool = False,
        use_optimized_inference: bool = False,
    ) -> None:
        if quant_method != self.quant_method:
            raise ConfigError(f"quant_method is {quant_method!r:.60}; expected 'compressed-tensors'")
        given = locals()
        vars(self).update({field.name: given[field.name] for field in fields(self)})
        self.__post_init__()

    def post_init(self) -> None:
        self.schemes = {name: Scheme.of(name, table) for name, table in (self.config_groups or {}).items()}

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], return_unused_kwargs: bool = False, **kwargs: Any) -> Any:
        sparsity = table_of(config_dict).get("sparsity_config") or {}
        form = table_of(sparsity).get("format", "dense")
        if form != "dense":
            raise ConfigError(f"sparsity_config has the format {form!r:.60}: sparse weights are not opened here")
        if config_dict.get("transform_config"):
            raise ConfigError("transform_config: checkpoints whose weights are rotated are not opened here")
        return super().from_dict(config_dict, return_unused_kwargs, **kwargs)

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        return ("version", "sparsity_config", "moe_sparsity_config", "transform_config")

    @property
    def is_quantization_compressed(self) -> bool:
        """Whether files hold few bits."""
        return bool(self.config_groups) and self.quantization_status == "compressed"

    @property
    def skipped(self) -> list[str]:
        return []  # `ignore` has names of another kind, which `CompressedTensors._stays` looks at

    def to_dict(self) -> dict[str, Any]:
        if not self.config_groups:
            return {"quant_method": self.quant_method}
        return {
            "config_groups": {name: scheme.to_dict() for name, scheme in self.schemes.items()},
            "quant_method": self.quant_method.value,
            "kv_cache_scheme": self.kv_cache_scheme,
            "format": self.format,
            "quantization_status": self.quantization_status,
            "global_compression_ratio": self.global_compression_ratio,
            "ignore": self.ignore,
            "moe_sparsity_config": None,
        }

    def to_diff_dict(self) -> dict[str, Any]:
        values = self.to_dict()
        values.pop("quant_method")
        return values

    def at_opening(self) -> dict[str, Any]:
        return {"run_compressed": self.run_compressed, "dequantize": self.dequantize}

    def get_loading_attributes(self) -> dict[str, Any]:
        """What a caller's settings change of those of a file."""
        return {"dequantize": self.dequantize, "use_optimized_inference": self.use_optimized_inference}


class CompressedTensors(Quantizer):
    """Layers that a file of compressed-tensors holds, each by the scheme that names it."""

    config_class = CompressedTensorsConfig
    layer = CompressedLinear
    quantization_config: CompressedTensorsConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        settings = self.quantization_config
        if not self.pre_quantized:
            raise ConfigError(
                "CompressedTensorsConfig is for checkpoints that are quantized already: calibrate this one by the package"
                " llmcompressor, or take a method that quantizes while opening, such as QuantoConfig or BitsAndBytesConfig"
            )
        if settings.kv_cache_scheme is not None:
            raise ConfigError("kv_cache_scheme: quantized keys and values are not computed here; take a checkpoint without")
        if not settings.is_quantization_compressed:
            raise ConfigError(
                f"quantization_status is {settings.quantization_status!r:.60} and config_groups has {len(settings.schemes)}"
                " schemes; expected 'compressed', and one at least: save the checkpoint in compressed form"
            )
        for name, scheme in settings.schemes.items():
            if self._format(scheme) not in FORMATS:
                raise ConfigError(
                    f"config_groups[{name!r:.40}] has the format {self._format(scheme)!r:.60}, which is not opened here; opened"
                    f" are {', '.join(FORMATS)}"
                )
            if scheme.outputs is not None:
                raise ConfigError(f"config_groups[{name!r:.40}] quantizes output_activations, which is not computed here")

    @property
    def gives_numbers(self) -> bool:
        return super().gives_numbers or self.quantization_config.run_compressed is False

    def _format(self, scheme: Scheme) -> str:
        return scheme.format or self.quantization_config.format

    def scheme_of(self, path: str) -> Scheme | None:
        """The scheme of the dense layer at `path`: one that names it, else one for all; None where it is ignored."""
        if fits(self.quantization_config.ignore or [], path, "Linear"):
            return None
        schemes = [each for each in self.quantization_config.schemes.values() if each.weights is not None]
        by_name = [each for each in schemes if named(each.targets, path)]
        return next(iter([*by_name, *(each for each in schemes if "Linear" in each.targets)]), None)

    def _stays(self, path: str, model: Any) -> bool:
        return self.scheme_of(path) is None

    def make(self, path: str, dense: Any) -> QuantizedLinear:
        scheme = self.scheme_of(path)
        if scheme is None:
            raise ConfigError(f"{path} is in few bits in the file, and no scheme of config_groups names it")
        kind = PackedLinear if self._format(scheme) == "pack-quantized" else CompressedLinear
        layer = kind(dense, self.quantization_config, from_file=True)
        layer.take(scheme)
        return layer

    def shape_in_file(self, path: str, tensors: Mapping[str, TensorInfo]) -> tuple[int, ...] | None:
        if "weight_scale" not in tensors:
            return None
        if "weight" in tensors:
            return matrix_shape(tensors["weight"])
        if "weight_packed" not in tensors:
            return None
        rows, words = matrix_shape(tensors["weight_packed"])
        bits = {each.weights.num_bits for each in self.quantization_config.schemes.values() if each.weights is not None}
        return rows, words * 32 // max(bits)
