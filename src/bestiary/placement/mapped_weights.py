"""Weights on disk as views of files that are mapped once and stay open.

A block that computes takes its pages as it needs them, at the speed of the disk, or of memory where the system still holds
them. Asking the system for the next blocks beforehand, from a thread or by `posix_fadvise`, was tried and gained nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import torch
from torch import nn


class MappedWeights(Mapping[str, torch.Tensor]):
    """The offloaded tensors of a model by name; those in safetensors files are not copied.

    Args:
        source: gives the others, as accelerate reads them.
        index: name -> where a tensor lies, as in `LoadReport.offload_index`.
    """

    def __init__(self, source: Mapping[str, torch.Tensor], index: Mapping[str, Mapping[str, Any]]) -> None:
        self._source, self._index = source, index
        self._files: dict[str, Any] = {}

    def __getitem__(self, name: str) -> torch.Tensor:
        entry = self._index.get(name, {})
        if "safetensors_file" not in entry:
            return self._source[name]
        path = entry["safetensors_file"]
        if path not in self._files:
            from safetensors import safe_open

            self._files[path] = safe_open(path, framework="pt")
        tensor: torch.Tensor = self._files[path].get_tensor(entry.get("weight_name", name))
        return tensor.to(getattr(torch, entry["dtype"])) if "dtype" in entry else tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self)(self._source, self._index)

    def __reduce__(self) -> Any:
        return type(self), (self._source, self._index)


def map_weights(model: nn.Module, index: Mapping[str, Mapping[str, Any]]) -> None:
    """Let the hooks of a dispatched `model` take what is on disk from one `MappedWeights`.

    Args:
        index: name -> where a tensor on disk lies.
    """
    shared: MappedWeights | None = None
    for module in model.modules():
        hook: Any = module.__dict__.get("_hf_hook")
        for each in getattr(hook, "hooks", [hook]):
            weights: Any = getattr(each, "weights_map", None)
            if hasattr(weights, "dataset") and not isinstance(weights.dataset, MappedWeights):
                shared = shared or MappedWeights(weights.dataset, index)
                weights.dataset = shared
