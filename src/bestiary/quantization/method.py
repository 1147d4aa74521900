"""What a method of quantization does while a model is opened, used and saved; `methods/` has one class for each."""

from abc import ABC
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from ..core.errors import ConfigError, InputError
from ..nn.conv import Conv1D
from ..nn.quantized import QuantizedLinear
from .config import QuantizationConfigMixin


class Quantizer(ABC):
    """The method of one model, its `hf_quantizer`.

    Class attributes:
        config_class: its settings. layer: its kind of dense layer.
        divides: the number that the features of a layer have to be a multiple of, by the settings; 1 for any.

    Attributes:
        quantization_config: the settings. pre_quantized: whether the checkpoint holds few bits, not numbers to quantize.
    """

    config_class: ClassVar[type[QuantizationConfigMixin]]
    layer: ClassVar[type[QuantizedLinear]]
    is_trainable: ClassVar[bool] = True  # whether adapters beside the layers can be trained
    requires_calibration: ClassVar[bool] = False  # whether numbers alone cannot be quantized

    def __init__(self, quantization_config: Any, pre_quantized: bool = False) -> None:
        self.quantization_config, self.pre_quantized = quantization_config, pre_quantized
        self.stays: list[str] = []  # paths of what else stays as it is

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        """Refuse, before a weight is read, what this machine or the settings cannot do.

        Raises:
            MissingDependency: a package that the method needs. ConfigError: settings, or a place for layers, that cannot be.
        """
        if device_map is not None and "disk" in device_map.values():
            raise ConfigError(
                f"device_map places parts on disk, where layers of {self.quantization_config.quant_method.value} cannot be:"
                " leave room for them, or name other devices"
            )

    def divisor(self) -> int:
        """What `in_features` of every layer has to be a multiple of."""
        return 1

    def make(self, path: str, dense: nn.Linear | Conv1D) -> QuantizedLinear:
        """The empty layer in the place of the one at `path`."""
        return self.layer(dense, self.quantization_config, from_file=self.pre_quantized)

    def replace(self, model: Any) -> list[str]:
        """Put empty layers of the method in the places of dense ones; returns the paths of these.

        What gives logits over a vocabulary stays as it is, with whatever the settings name, unless these name nothing at all
        (an empty list).

        Raises:
            ConfigError: sizes that the method cannot have, each named; nothing was replaced then.
        """
        layers = {path: dense for path, dense in replaceable(model) if not self._stays(path, model)}
        odd = [f"{path} ({each.weight.shape})" for path, each in layers.items() if columns(each) % self.divisor()]
        if odd and not self.pre_quantized:
            raise ConfigError(
                f"weights of {', '.join(odd[:4])} cannot be cut into groups of {self.divisor()}: choose a size of groups that"
                f" divides them, or name them in {self.quantization_config.skips_field}"
            )
        for path, dense in layers.items():
            model.set_submodule(path, self.make(path, dense))
        return list(layers)

    def _stays(self, path: str, model: Any) -> bool:
        skipped = self.quantization_config.skipped
        if self.pre_quantized and skipped is None:
            names = heads_of(model)  # of all else the file tells what is in few bits
        else:
            names = usually_skipped(model) if skipped is None else [*skipped, *model._keep_in_fp32_modules]
        return any(f".{name}." in f".{path}." for name in [*names, *self.stays])

    def quantize(self, model: Any) -> None:
        """Quantize a model that has its numbers, layer by layer, in place."""
        for path in self.replace(model):
            layer = model.get_submodule(path)
            layer.fill(layer.weight.detach())

    def finish(self, model: Any) -> None:
        """Mark a model whose layers are filled as quantized, under the published names."""
        method = self.quantization_config.quant_method
        model.untied(f"{path}.weight" for path, module in model.named_modules() if isinstance(module, QuantizedLinear))
        model.hf_quantizer, model.is_quantized, model.quantization_method = self, True, method
        model.config.quantization_config = self.quantization_config


def replaceable(model: nn.Module) -> Iterable[tuple[str, nn.Linear | Conv1D]]:
    """Path and layer of every dense layer of `model` that computes as torch's own do."""
    return [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and not isinstance(module, QuantizedLinear)
        and (type(module).forward in (nn.Linear.forward, Conv1D.forward) or getattr(module, "is_plain_product", False))
    ]


def columns(dense: nn.Linear | Conv1D) -> int:
    """Features that go into a layer."""
    return int(dense.weight.shape[0 if isinstance(dense, Conv1D) else 1])


def heads_of(model: Any) -> list[str]:
    """Paths of what gives logits over a vocabulary, and of what shares its weight."""
    head = model.get_output_embeddings()
    tied = {name for pair in model.tied_weights().items() for name in pair if name.endswith(".weight")}
    return [*(name.removesuffix(".weight") for name in tied), *(path for path, each in model.named_modules() if each is head)]


def usually_skipped(model: Any) -> list[str]:
    """Paths of what stays as it is where settings say nothing: heads, the module of the last parameter, what must be fp32."""
    last = next(reversed([name for name, _ in model.named_parameters()]), "")
    fp32 = [*model._keep_in_fp32_modules, *model._keep_in_fp32_modules_strict]
    return [*heads_of(model), *([last.rpartition(".")[0]] if last.endswith((".weight", ".bias")) else []), *fp32]


def dequantize_layers(model: nn.Module, dtype: torch.dtype | None = None) -> None:
    """Put ordinary layers with the numbers that quantized ones compute with in the places of these.

    Raises:
        InputError: there are none.
    """
    layers = [(path, module) for path, module in model.named_modules() if isinstance(module, QuantizedLinear)]
    if not layers:
        raise InputError(f"{type(model).__name__} has no quantized layers")
    for path, layer in layers:
        model.set_submodule(path, layer.dense(dtype))
