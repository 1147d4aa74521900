"""Weights as torchao quantizes them: the package makes, multiplies and names them; each is kept by one layer."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError, ConfigError, CorruptFile, MissingDependency
from ...core.optional import require
from ...core.patterns import matches
from ...loading.checkpoint import Checkpoint
from ...loading.rules import Rule
from ...nn.quantized import QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod, table_of
from ..method import Quantizer

# Older names of what torchao now has as a class of settings.
OLDER_NAMES = {
    "int4_weight_only": "Int4WeightOnlyConfig",
    "int8_weight_only": "Int8WeightOnlyConfig",
    "int8_dynamic_activation_int8_weight": "Int8DynamicActivationInt8WeightConfig",
    "float8_weight_only": "Float8WeightOnlyConfig",
    "float8_dynamic_activation_float8_weight": "Float8DynamicActivationFloat8WeightConfig",
}


def torchao_part(module: str) -> Any:
    """A module of torchao.

    Raises:
        MissingDependency: the package is absent, or has no such module: it is too old.
    """
    require("torchao", "quantize with TorchAoConfig")
    try:
        return require(module, "quantize with TorchAoConfig")
    except MissingDependency as error:
        raise MissingDependency(f"{error}; this release of torchao is too old: install torchao 0.15 or later") from error


@dataclass(repr=False, init=False)
class TorchAoConfig(QuantizationConfigMixin):
    """Settings of torchao.

    Args:
        quant_type: settings of torchao (`AOBaseConfig`), such as Int8WeightOnlyConfig(); or an older name of them, such as
            "int8_weight_only", with their values as further keywords.
        modules_to_not_convert: names of modules that stay as they are; None: the head over the vocabulary.
        include_input_output_embeddings, untie_embedding_weights: embeddings in few bits, which are not made here.
    """

    quant_method = QuantizationMethod.TORCHAO

    quant_type: Any
    modules_to_not_convert: list[str] | None = None
    include_input_output_embeddings: bool = False
    untie_embedding_weights: bool = False

    def __init__(
        self,
        quant_type: Any,
        modules_to_not_convert: list[str] | None = None,
        include_input_output_embeddings: bool = False,
        untie_embedding_weights: bool = False,
        **kwargs: Any,
    ) -> None:
        self.quant_type = self._settings(quant_type, kwargs)
        self.modules_to_not_convert = modules_to_not_convert
        self.include_input_output_embeddings = include_input_output_embeddings
        self.untie_embedding_weights = untie_embedding_weights
        self.__post_init__()

    def _settings(self, quant_type: Any, values: Mapping[str, Any]) -> Any:
        if not isinstance(quant_type, str):
            if values:
                raise ArgumentError(f"TorchAoConfig has no keywords {', '.join(values)}: they are those of quant_type's class")
            return quant_type
        if quant_type not in OLDER_NAMES:
            raise ConfigError(
                f"quant_type is {quant_type!r:.60}; expected settings of torchao, such as Int8WeightOnlyConfig(), or one of"
                f" {', '.join(OLDER_NAMES)}"
            )
        kind = getattr(torchao_part("torchao.quantization"), OLDER_NAMES[quant_type])
        try:
            return kind(**values)
        except TypeError as error:
            raise ArgumentError(f"{kind.__name__} of torchao cannot be made of {dict(values)!r:.120}: {error}") from error

    def post_init(self) -> None:
        base = torchao_part("torchao.core.config").AOBaseConfig
        if not isinstance(self.quant_type, base):
            raise ConfigError(
                f"quant_type is a {type(self.quant_type).__name__}; expected settings of torchao, as Int8WeightOnlyConfig()"
            )

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], return_unused_kwargs: bool = False, **kwargs: Any) -> Any:
        table = dict(table_of(config_dict))
        stored = table.get("quant_type")
        if isinstance(stored, Mapping):
            try:
                table["quant_type"] = torchao_part("torchao.core.config").config_from_dict(stored["default"])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ConfigError(
                    f"quant_type holds {stored!r:.160}, which this release of torchao cannot read: {error}"
                ) from error
        values = table.pop("quant_type_kwargs", None) or {}
        table["quant_type"] = cls(table.get("quant_type"), **values).quant_type
        return super().from_dict(table, return_unused_kwargs, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        table = torchao_part("torchao.core.config").config_to_dict(self.quant_type)
        return {"quant_method": self.quant_method.value, **values, "quant_type": {"default": table}}


class TorchAoLinear(QuantizedLinear):
    """A layer whose weight is a tensor of a class of torchao's.

    Attributes:
        settings: of torchao, for this layer. said: what the file says about the tensor, JSON.
        tensor: the weight, (N, K).
    """

    needs = ("_weight_qdata", "_weight_scale")
    settings: Any
    said: str | None = None
    tensor: Any

    def quantize(self, weight: Tensor) -> None:
        dense = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        dense.weight = nn.Parameter(weight.detach(), requires_grad=False)
        torchao_part("torchao.quantization").quantize_(dense, self.settings)
        self.hold(tensor=dense.weight.detach())

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        if self.said is None:
            raise CorruptFile("the file says nothing about the tensor in its header, as torchao's files do: save it anew")
        support = torchao_part("torchao.prototype.safetensors.safetensors_support")
        parts = {f"layer.{name}": tensor for name, tensor in tensors.items()}
        metadata = {"tensor_names": json.dumps(["layer.weight"]), "layer.weight": self.said}
        try:
            made, _ = support.unflatten_tensor_state_dict(parts, metadata)
        except (KeyError, TypeError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
            raise CorruptFile(f"torchao cannot make a weight of {', '.join(tensors)}: {error}") from error
        tensor = made.get("layer.weight")
        if tensor is None or tuple(tensor.shape) != (self.out_features, self.in_features):
            shape = None if tensor is None else tuple(tensor.shape)
            raise CorruptFile(f"the weight has the shape {shape}; expected {(self.out_features, self.in_features)}")
        self.hold(tensor=tensor)

    def flat(self) -> tuple[dict[str, Tensor], str]:
        """The tensors of a file, and what its header says about them.

        Raises:
            ConfigError: torchao has no such form of this class of tensors.
        """
        support = torchao_part("torchao.prototype.safetensors.safetensors_support")
        try:
            tensors, metadata = support.flatten_tensor_state_dict({"layer.weight": self.tensor})
        except (TypeError, ValueError, AssertionError, NotImplementedError, AttributeError) as error:
            raise ConfigError(
                f"torchao has no form in safetensors for a {type(self.tensor).__name__}: save the original model, and quantize"
                " it while opening"
            ) from error
        if any("layer._weight_" not in name for name in tensors):
            raise ConfigError(f"torchao has no form in safetensors for a {type(self.tensor).__name__}")
        return {name.removeprefix("layer."): tensor for name, tensor in tensors.items()}, metadata["layer.weight"]

    def stored(self) -> dict[str, Tensor]:
        return self.flat()[0]

    def dequantize(self) -> Tensor:
        numbers: Tensor = self.tensor.dequantize()
        return numbers.float()

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.tensor, self.bias)


class TorchAo(Quantizer):
    """Dense layers by torchao."""

    config_class = TorchAoConfig
    layer = TorchAoLinear
    quantization_config: TorchAoConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        settings = self.quantization_config
        if settings.include_input_output_embeddings or settings.untie_embedding_weights:
            raise ConfigError(
                "include_input_output_embeddings and untie_embedding_weights put embeddings into few bits, which is not done"
                " here: leave them out; modules_to_not_convert=[] quantizes the head over the vocabulary"
            )
        torchao_part("torchao.prototype.safetensors.safetensors_support")
        if not self.pre_quantized:
            self._try(next(iter((device_map or {"": "cpu"}).values())))

    def _try(self, device: Any) -> None:
        """Quantize a small layer, so that what the package lacks for this machine is told before a weight is read."""
        for kind in self._kinds():
            trial = nn.Linear(256, 256, device=device, dtype=torch.bfloat16)
            try:
                torchao_part("torchao.quantization").quantize_(trial, kind)
                trial(torch.zeros(1, 256, device=device, dtype=torch.bfloat16))
            except Exception as error:
                raise ConfigError(
                    f"torchao cannot use {type(kind).__name__} on {device}: {error}; take other settings, such as"
                    " Int8WeightOnlyConfig()"
                ) from error

    def _kinds(self) -> list[Any]:
        table = getattr(self.quantization_config.quant_type, "fqn_to_config", None)
        return [self.quantization_config.quant_type] if table is None else [each for each in table.values() if each is not None]

    def settings_of(self, path: str) -> Any:
        """torchao's settings for the layer at `path`; None: it stays as it is."""
        table = getattr(self.quantization_config.quant_type, "fqn_to_config", None)
        if table is None:
            return self.quantization_config.quant_type
        for name in (f"{path}.weight", path):
            if name in table:
                return table[name]
        for name in (f"{path}.weight", path):
            for pattern, settings in table.items():
                if pattern.startswith("re:") and matches(pattern[3:], name, whole=True):
                    return settings
        return table.get("_default")

    def _stays(self, path: str, model: Any) -> bool:
        return super()._stays(path, model) or self.settings_of(path) is None

    def make(self, path: str, dense: Any) -> QuantizedLinear:
        layer = TorchAoLinear(dense, self.quantization_config, from_file=self.pre_quantized)
        layer.settings = self.settings_of(path)
        return layer

    def decode(self, model: Any, checkpoint: Checkpoint, rules: Iterable[Rule]) -> None:
        """Tell each layer what the file's header says about its tensor."""
        said = {key.removesuffix(".weight"): text for key, text in checkpoint.metadata.items() if key.endswith(".weight")}
        for path, layer in model.named_modules():
            if isinstance(layer, TorchAoLinear):
                names = (path, path.partition(".")[2], f"{model.base_model_prefix}.{path}")
                layer.said = next((said[name] for name in names if name in said), None)

    def metadata(self, model: Any) -> dict[str, str]:
        layers = {path: layer for path, layer in model.named_modules() if isinstance(layer, TorchAoLinear)}
        quantized = {f"{path}.weight": layer.flat()[1] for path, layer in layers.items()}
        parts = tuple(f"{path}._weight_" for path in layers)
        plain = [name for name in model.state_dict() if not name.startswith(parts)]
        texts = dict.fromkeys(plain, json.dumps({"_type": "Tensor"})) | quantized
        return {**texts, "tensor_names": json.dumps(list(texts))}
