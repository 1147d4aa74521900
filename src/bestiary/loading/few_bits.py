"""Layers that the file holds in few bits: each has several tensors there, which it takes all at once."""

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..core.errors import CorruptFile, LoadError
from ..core.free_memory import Freed
from ..nn.quantized import QuantizedLinear
from .checkpoint import Checkpoint
from .format import TensorInfo
from .plan import LoadPlan
from .report import LoadReport
from .rules import Recipe

_FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)  # the smaller ones have no isfinite


class FewBits:
    """The layers of a model that the file fills, and how their tensors are made.

    They are taken out of `recipes`. A layer of which the file has numbers becomes the dense one again that it stood for. What a
    layer lacks is missing in the `report`.

    Args:
        keys: those of the file.

    Attributes:
        layers: path -> how each of its tensors is made, by its name behind the layer's.
        changed: whether the model may have other parameters now.
    """

    def __init__(
        self, model: nn.Module, recipes: dict[str, Recipe], report: LoadReport, keys: Mapping[str, TensorInfo]
    ) -> None:
        self.model, self.report = model, report
        self.layers: dict[str, dict[str, Recipe]] = {}
        waiting = {
            path: layer
            for path, layer in model.named_modules()
            if isinstance(layer, QuantizedLinear) and layer.stands_for is not None
        }
        self.changed = bool(waiting)
        if not waiting:
            return
        names: dict[str, list[str]] = defaultdict(list)
        for name in recipes:
            for path in _around(name):
                if path in waiting and name != f"{path}.bias":
                    names[path].append(name)
        for path, layer in waiting.items():
            locals_ = {name.removeprefix(f"{path}.") for name in names[path]}
            numbers = locals_ == {"weight"} and all(keys[key].dtype.itemsize > 1 for key in recipes[names[path][0]].sources)
            if layer.stands_for is not None and numbers and {"weight"} != set(layer.needs):
                model.set_submodule(path, layer.stands_for)
                continue
            report.missing += [f"{path}.{name}" for name in layer.needs if name not in locals_]
            if layer.bias is None and f"{path}.bias" in recipes:  # some files add one to layers that have none, mostly zeros
                layer.bias = nn.Parameter(torch.empty(layer.out_features, device="meta"), requires_grad=False)
            self.layers[path] = {name.removeprefix(f"{path}."): recipes.pop(name) for name in names[path]}

    def fill(self, checkpoint: Checkpoint, plan: LoadPlan) -> None:
        """Read the tensors of each layer and fill it.

        Raises:
            LoadError: they do not fit it.
        """
        freed = Freed()
        for path, parts in self.layers.items():
            layer = self.model.get_submodule(path)
            assert isinstance(layer, QuantizedLinear)
            device = plan.device_of(f"{path}.weight")
            tensors = {name: recipe.build(checkpoint.tensor).to(device) for name, recipe in parts.items()}
            try:
                _check_scales(tensors)
                layer.restore(tensors)
            except CorruptFile as error:
                name = type(self.model).__name__
                raise LoadError(f"{path} of {name} cannot be filled from {checkpoint.name}: {error}") from error
            freed.add(2 * sum(tensor.nbytes for tensor in tensors.values()))
            keys = [key for recipe in parts.values() for key in recipe.sources]
            self.report.sources[f"{path}.weight"] = " + ".join(map(checkpoint.where, keys))
            for key in keys:
                checkpoint.drop(key)
        freed.give_back()


def _check_scales(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        is_scale = any(word in name for word in ("scale", "SCB", "absmax")) and tensor.dtype in _FLOATS
        if is_scale and not tensor.isfinite().all():
            raise CorruptFile(f"{name} holds {(~tensor.isfinite()).sum()} scales that are not finite")


def _around(name: str) -> list[str]:
    """Paths of the modules that a tensor of this name may belong to."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]
