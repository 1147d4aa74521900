"""What a method of quantization does while a model is opened, used and saved; `methods/` has one class for each."""

from abc import ABC
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn

from ..core.errors import ConfigError, InputError
from ..core.logging import warn_once
from ..loading.checkpoint import Checkpoint, Encoded
from ..loading.format import TensorInfo
from ..loading.rules import Rule, on_load
from ..nn.conv import Conv1D
from ..nn.moe import ExpertLoop
from ..nn.quantized import QuantizedEmbedding, QuantizedLinear
from ..nn.quantized_stack import QuantizedStack, fill_stack, put_stack, wait_for
from .config import QuantizationConfigMixin
from .scaled import matrix_shape


class Quantizer(ABC):
    """The method of one model, its `hf_quantizer`.

    Class attributes:
        config_class: its settings. layer: its kind of dense layer.
        quantizes_experts: whether it quantizes the weights of experts too, which are one parameter for all of them.
        divides: the number that the features of a layer have to be a multiple of, by the settings; 1 for any.

    Attributes:
        quantization_config: the settings. pre_quantized: whether the checkpoint holds few bits, not numbers to quantize.
    """

    config_class: ClassVar[type[QuantizationConfigMixin]]
    layer: ClassVar[type[QuantizedLinear]]
    decodes: ClassVar[bool] = False  # whether what no layer takes is read as numbers, where its first tensor has their shape
    keeps_heads: ClassVar[bool] = False  # whether heads stay as they are though settings name other modules only
    quantizes_experts: ClassVar[bool] = False
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

    def check_saving(self) -> None:  # noqa: B027 - most methods save whatever they opened
        """Refuse, before anything is written, to save a model in a form that no file has.

        Raises:
            ConfigError: the method's files cannot be written.
        """

    def metadata(self, model: Any) -> dict[str, str]:
        """What headers of saved files say about the weights."""
        return {}

    @property
    def gives_numbers(self) -> bool:
        """Whether a file in few bits is opened as a model of ordinary layers."""
        return self.pre_quantized and bool(getattr(self.quantization_config, "dequantize", False))

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
        if self.gives_numbers:
            return []
        layers = self.to_replace(model)
        if not self.pre_quantized:
            self.refuse_odd(layers)
        for path, dense in layers.items():
            model.set_submodule(path, self.make(path, dense))
        if self.quantizes_experts:
            self._stack_experts(model)
        return list(layers)

    def to_replace(self, model: Any) -> dict[str, nn.Linear | Conv1D]:
        """Path -> dense layer of `model` that is, or shall be, in few bits."""
        return {path: dense for path, dense in replaceable(model) if not self._stays(path, model)}

    def fits(self, path: str, dense: nn.Linear | Conv1D) -> bool:
        """Whether the layer at `path` has sizes that the method can have."""
        return columns(dense) % self.divisor() == 0

    def refuse_odd(self, layers: Mapping[str, nn.Linear | Conv1D]) -> None:
        """Refuse sizes that the method cannot have.

        Raises:
            ConfigError: there are some, each named.
        """
        odd = [f"{path} {tuple(each.weight.shape)}" for path, each in layers.items() if not self.fits(path, each)]
        if odd:
            raise ConfigError(
                f"weights of {', '.join(odd[:4])} cannot be cut into groups of {self.divisor()}: choose a size of groups that"
                f" divides them, or name them in {self.quantization_config.skips_field}"
            )

    def _stack_experts(self, model: nn.Module) -> None:
        """Let stacks wait for the weights of experts, or, where a file holds few bits, stand in their place."""
        for path, module in list(model.named_modules()):
            for name, transposed in module.stacks().items() if isinstance(module, ExpertLoop) else ():
                if self._stays(f"{path}.{name}", model):
                    continue
                weights = module.get_parameter(name)
                inputs, outputs = weights.shape[-1], weights.numel() // weights.shape[-1] // module.num_experts
                if transposed:
                    inputs, outputs = outputs, inputs
                with torch.device("meta"):
                    shells = [nn.Linear(inputs, outputs, bias=False).to(weights.dtype) for _ in range(module.num_experts)]
                layers = [self.make(f"{path}.{name}", shell) for shell in shells]
                stack = QuantizedStack(layers, transposed, flat=weights.dim() == 2)
                (put_stack if self.pre_quantized else wait_for)(module, name, stack)

    def shape_in_file(self, path: str, tensors: Mapping[str, TensorInfo]) -> tuple[int, ...] | None:
        """Rows and columns of what a file holds as these tensors of the layer at `path`; None: it is not in few bits."""
        if not self.decodes or not all(need in tensors for need in self.layer.needs):
            return None
        return matrix_shape(tensors[self.layer.needs[0]])

    def encoded(self, checkpoint: Checkpoint) -> dict[str, Encoded]:
        """All that the file holds in few bits: the name of the numbers -> how they are made of its tensors.

        Raises:
            CorruptFile: shapes or dtypes of the tensors contradict each other.
        """
        by_path: dict[str, dict[str, TensorInfo]] = {}
        for key, info in checkpoint.keys.items():
            path, _, local = key.rpartition(".")
            by_path.setdefault(path, {})[local] = info
        result = {}
        for path, tensors in by_path.items():
            shape = self.shape_in_file(path, tensors)
            if shape is not None:
                names = tuple(name for name in tensors if name != "bias")
                numbers = partial(self._numbers, path, names, shape)
                result[f"{path}.weight"] = Encoded(tuple(f"{path}.{name}" for name in names), shape, numbers)
        return result

    def _numbers(self, path: str, names: tuple[str, ...], shape: tuple[int, ...], tensors: list[torch.Tensor]) -> torch.Tensor:
        """What a layer computes with that these tensors of a file fill."""
        if tensors[0].is_meta:
            return torch.empty(shape, device="meta")
        with torch.device("meta"):
            layer = self.make(path, nn.Linear(shape[1], shape[0], bias=False))
        layer.restore(dict(zip(names, tensors, strict=True)))
        return layer.dequantize()

    def decode(self, model: Any, checkpoint: Checkpoint, rules: Iterable[Rule]) -> None:
        """Have those tensors of `checkpoint` read as numbers that no layer of the method takes as they are."""
        if not self.pre_quantized:
            return
        layers = {path for path, module in model.named_modules() if isinstance(module, QuantizedLinear)}
        names = {path.split(".", start)[-1] for path in layers for start in range(path.count(".") + 1)}
        places = {recipe.sources[0]: name for name, recipe in on_load(rules, checkpoint.keys).items() if recipe.plain}
        for name, encoded in self.encoded(checkpoint).items():
            path = name.removesuffix(".weight")
            ends = [key.removeprefix(f"{path}.") for key in encoded.sources]
            homes = {places.get(key, "").removesuffix(f".{end}") for key, end in zip(encoded.sources, ends, strict=True)}
            home = homes.pop()
            taken = any(home.split(".", start)[-1] in layers for start in range(home.count(".") + 1)) or home in names
            if homes or not taken:
                checkpoint.decode(name, encoded)

    def _stays(self, path: str, model: Any) -> bool:
        skipped = self.quantization_config.skipped
        if self.pre_quantized and (skipped is None or self.keeps_heads):
            names = [*heads_of(model), *(skipped or ())]  # of all else the file tells what is in few bits
        elif self.keeps_heads:
            names = [*usually_skipped(model), *(skipped or ())]
        else:
            names = usually_skipped(model) if skipped is None else [*skipped, *model._keep_in_fp32_modules]
        return any(f".{name}." in f".{path}." for name in [*names, *self.stays])

    def quantize(self, model: Any) -> None:
        """Quantize a model that has its numbers, layer by layer, in place."""
        for path in self.replace(model):
            layer = model.get_submodule(path)
            layer.fill(layer.weight.detach())
        for module in list(model.modules()):
            for name in list(module.__dict__.get("_stacks", {})):
                fill_stack(module, name, module.get_parameter(name).detach())

    def has_few_bits(self, model: Any) -> bool:
        """Whether anything of the model is in few bits."""
        return any(isinstance(module, QuantizedLinear | QuantizedEmbedding) for module in model.modules())

    def finish(self, model: Any) -> None:
        """Mark a model whose layers are filled as quantized, under the published names."""
        method = self.quantization_config.quant_method
        if self.gives_numbers or not self.has_few_bits(model):
            vars(model.config).pop("quantization_config", None)
            if not self.gives_numbers:
                warn_once(
                    "nothing-quantized",
                    f"{type(model).__name__} has no layer in few bits and is as without {method.value}: it has no dense layers,"
                    f" or all are in {self.quantization_config.skips_field}",
                )
            return
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
    kinds = QuantizedLinear | QuantizedEmbedding
    if not any(isinstance(module, kinds) for module in model.modules()):
        raise InputError(f"{type(model).__name__} has no quantized layers")
    for module in list(model.modules()):
        stacks = [(name, each) for name, each in module.named_children() if isinstance(each, QuantizedStack)]
        for name, stack in stacks:
            del module._modules[name]
            module.register_parameter(name, stack.numbers(dtype))
    layers = [(path, module) for path, module in model.named_modules() if isinstance(module, kinds)]
    for path, layer in layers:
        model.set_submodule(path, layer.dense(dtype))
