"""Names of the published modules of quantization, for libraries and code that bring methods of their own."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError, InputError
from ..nn.quantized_weight import QuantizedWeight
from ..quantization.config import AutoQuantizationConfig, QuantizationConfigMixin, method_class
from ..quantization.method import Quantizer, dequantize_layers, heads_of
from ..quantization.methods import METHODS
from ..quantization.methods.bitsandbytes import BitsAndBytes, BitsAndBytesConfig

_CONFIGS: dict[str, type[QuantizationConfigMixin]] = {}


class HfQuantizer(Quantizer):
    """A method that a user wrote: it changes the model before weights are read, and after.

    `layer` is not asked for: what stands in the place of dense layers is the method's own business.
    """

    def __init__(self, quantization_config: Any, pre_quantized: bool = False, **kwargs: Any) -> None:
        super().__init__(quantization_config, pre_quantized)
        self.modules_to_not_convert: list[str] = list(kwargs.pop("modules_to_not_convert", None) or [])

    def validate_environment(self, *args: Any, **kwargs: Any) -> None:
        """Refuse what this machine cannot do."""

    def _process_model_before_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        return model

    def _process_model_after_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        return model

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        self.validate_environment(device_map=device_map)

    def replace(self, model: Any) -> list[str]:
        self._process_model_before_weight_loading(model)
        return []

    def has_few_bits(self, model: Any) -> bool:
        return True

    def finish(self, model: Any) -> None:
        self._process_model_after_weight_loading(model)
        super().finish(model)


class AutoHfQuantizer:
    """The method that settings name."""

    @classmethod
    def from_config(cls, quantization_config: Any, **kwargs: Any) -> Quantizer:
        """The method of `quantization_config`, settings or a table of them.

        Raises:
            ConfigError: there is no such method here.
        """
        settings = quantization_config
        if isinstance(settings, Mapping):
            settings = AutoQuantizationConfig.from_dict(settings)
        quantizer: Quantizer = method_class(settings.quant_method)(settings, **kwargs)
        return quantizer

    @staticmethod
    def supports_quant_method(quantization_config_dict: Mapping[str, Any]) -> bool:
        """Whether the method that a table names is here."""
        try:
            AutoQuantizationConfig.from_dict(quantization_config_dict)
        except ConfigError:
            return False
        return True


def register_quantization_config(method: str) -> Callable[[type], type]:
    """Decorator: the class is that of the settings of the method `method`.

    Raises:
        ConfigError: there is such a method already, or the class derives from no `QuantizationConfigMixin`.
    """

    def register(kind: type) -> type:
        _check_free(method, kind, QuantizationConfigMixin, _CONFIGS)
        _CONFIGS[method] = kind
        return kind

    return register


def register_quantizer(name: str) -> Callable[[type], type]:
    """Decorator: the class is the method `name`, whose settings were registered before, or stand in `config_class`.

    Raises:
        ConfigError: there is such a method already, or the class derives from no `HfQuantizer`.
    """

    def register(kind: Any) -> type:
        _check_free(name, kind, Quantizer, METHODS)
        if not hasattr(kind, "config_class"):
            if name not in _CONFIGS:
                raise ConfigError(f"{kind.__name__} has no settings: register_quantization_config({name!r}) comes first")
            kind.config_class = _CONFIGS[name]
        METHODS[name] = kind
        registered: type = kind
        return registered

    return register


def _check_free(name: str, kind: type, base: type, taken: Mapping[str, Any]) -> None:
    if name in taken:
        raise ConfigError(f"there is a method {name!r:.60} already; register another name")
    if not issubclass(kind, base):
        raise ConfigError(f"{kind.__name__} does not derive from {base.__name__}")


def get_module_from_name(module: nn.Module, tensor_name: str) -> tuple[nn.Module, str]:
    """The module that holds a tensor of a model, and the name that it has there."""
    path, _, name = tensor_name.rpartition(".")
    return module.get_submodule(path), name


def get_keys_to_not_convert(model: Any) -> list[str]:
    """Paths of what stays as it is where settings say nothing."""
    return sorted({path for path in heads_of(model) if path})


def replace_with_bnb_linear(
    model: Any, modules_to_not_convert: list[str] | None = None, quantization_config: Any = None, pre_quantized: bool = False
) -> Any:
    """`model` with empty layers of 8 or 4 bits in the places of dense ones, save those in `modules_to_not_convert`."""
    settings = quantization_config or BitsAndBytesConfig(load_in_8bit=True)
    quantizer = BitsAndBytes(settings, pre_quantized)
    quantizer.stays = list(modules_to_not_convert or [])
    quantizer.replace(model)
    return model


def dequantize_and_replace(model: nn.Module, quantization_config: Any = None, dtype: torch.dtype | None = None) -> nn.Module:
    """`model` with ordinary layers in the places of quantized ones."""
    dequantize_layers(model, dtype)
    return model


def dequantize_bnb_weight(weight: Tensor, state: Any = None) -> Tensor:
    """The numbers of a weight: of a quantized layer what it computes with, of another itself.

    Args:
        state: holds `SCB`, the largest value of each row, where `weight` are codes of 8 bits.

    Raises:
        InputError: codes without a state.
    """
    if isinstance(weight, QuantizedWeight):
        return weight.data
    if weight.dtype == torch.int8 and state is not None:
        numbers: Tensor = weight.float() * (state.SCB / 127).unsqueeze(1)
        return numbers
    if not weight.is_floating_point():
        raise InputError(
            f"weight holds {weight.dtype} codes, and there is no state whose SCB says what they stand for: pass it"
        )
    return weight


def validate_bnb_backend_availability(raise_exception: bool = False) -> bool:
    """True: 8 and 4 bits need no package here."""
    return True
