"""Attention heads cut out of a model for good (Michel et al. 2019): smaller projections, the same answers as with the heads
masked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ..core.errors import ArgumentError, InputError
from ..nn.attention import Attend
from ..nn.conv import Conv1D
from .config import PreTrainedConfig


@dataclass(frozen=True)
class HeadWeights:
    """Which weights of a layer belong to the heads of its self-attention, as paths in the layer.

    Attributes:
        inputs: the dense layers that make queries, keys and values; one may make several of these, side by side.
        output: the dense layer that joins what the heads give.
    """

    inputs: tuple[str, ...]
    output: str


# Kind of dense layer -> the axis of its weight along which the inputs lie, and what it calls its numbers of in- and outputs.
_LAYOUTS: dict[type[nn.Module], tuple[int, str, str]] = {
    nn.Linear: (1, "in_features", "out_features"),
    Conv1D: (0, "nx", "nf"),
}


def prune(
    model: nn.Module,
    layers: nn.ModuleList,
    weights: HeadWeights,
    heads_to_prune: Mapping[int, Collection[int]],
    config: PreTrainedConfig,
) -> None:
    """Cut heads out of self-attention in `layers` of `model`: layer -> heads, numbered as in the whole model.

    Heads pruned earlier stay out. `config.pruned_heads` lists all of them afterwards.

    Raises:
        ArgumentError: weights that are not plain weights in memory. InputError: no such layer or head, or no head would be left
            in a layer.
    """
    if "hf_device_map" in model.__dict__ and any(parameter.is_meta for parameter in model.parameters()):
        raise ArgumentError(
            "prune_heads needs every weight in memory: prune and save the model, then load it with a device_map"
        )
    count = int(config.get("num_attention_heads"))
    pruned = {index: set(heads) for index, heads in config.pruned_heads.items()}
    for index, heads in heads_to_prune.items():
        pruned[index] = pruned.get(index, set()) | set(heads)
        _check(index, pruned[index], len(layers), count)
    for index, cut in pruned.items():
        _prune_layer(layers[index], weights, cut, count)
    config.pruned_heads = {index: sorted(heads) for index, heads in sorted(pruned.items()) if heads}


def _check(index: int, heads: set[int], layers: int, count: int) -> None:
    if not isinstance(index, int) or not 0 <= index < layers:
        raise InputError(f"prune_heads: there is no layer {index!r}; layers go from 0 to {layers - 1}")
    wrong = [head for head in heads if not isinstance(head, int) or not 0 <= head < count]
    if wrong:
        raise InputError(f"prune_heads: layer {index} has no head {wrong[0]!r}; heads go from 0 to {count - 1}")
    if len(heads) == count:
        raise InputError(f"prune_heads: all {count} heads of layer {index} would be gone; at least one must stay")


def _prune_layer(layer: nn.Module, weights: HeadWeights, pruned: set[int], count: int) -> None:
    """Take the heads `pruned` of `count` out of one layer, as far as they are still there."""
    attend = next(module for module in layer.modules() if isinstance(module, Attend) and not module.cross)
    present = tuple(range(count)) if attend.kept_heads is None else attend.kept_heads
    places = [place for place, head in enumerate(present) if head not in pruned]
    if len(places) == len(present):
        return
    output = layer.get_submodule(weights.output)
    width = _features(output, inputs=True)
    size = width // len(present)
    columns = [place * size + i for place in places for i in range(size)]
    for path in weights.inputs:
        projection = layer.get_submodule(path)
        parts = range(0, _features(projection, inputs=False), width)
        _keep(projection, [start + column for start in parts for column in columns], inputs=False)
    _keep(output, columns, inputs=True)
    attend.kept_heads = tuple(present[place] for place in places)


def _layout(module: nn.Module) -> tuple[int, str, str]:
    for kind, layout in _LAYOUTS.items():
        if isinstance(module, kind):
            return layout
    raise ArgumentError(f"heads cannot be cut out of a {type(module).__name__}; prune_heads comes before layers are replaced")


def _features(module: nn.Module, inputs: bool) -> int:
    axis = _layout(module)[0]
    return module.get_parameter("weight").shape[axis if inputs else 1 - axis]


@torch.no_grad()
def _keep(module: nn.Module, features: list[int], inputs: bool) -> None:
    """Cut a dense layer down to some of its features, those that go in or those that come out."""
    axis, *names = _layout(module)
    cut = {"weight": axis} if inputs else {"weight": 1 - axis, "bias": 0}
    for name, along in cut.items():
        old = module._parameters[name]
        if old is not None:
            new = old.index_select(along, torch.tensor(features, device=old.device))
            setattr(module, name, nn.Parameter(new, requires_grad=old.requires_grad))
    setattr(module, names[0 if inputs else 1], len(features))
