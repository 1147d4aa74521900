"""Attention heads cut out of a model for good (Michel et al. 2019): smaller projections, the same answers as with the heads
masked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..core.errors import ArgumentError, InputError
from ..nn.attention import Attend
from ..nn.conv import Conv1D

if TYPE_CHECKING:
    from .base import PreTrainedModel


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


def prune(model: "PreTrainedModel", heads_to_prune: Mapping[int, Collection[int]]) -> None:
    """Cut heads out of self-attention: layer -> heads, numbered as in the whole model. What is gone already stays so.

    Of an encoder-decoder these are layers of the encoder. `config.pruned_heads` says afterwards what is gone.

    Raises:
        ArgumentError: the family does not say which weights belong to a head, or they are not plain weights in memory.
        InputError: no such layer or head, or no head would be left in a layer.
    """
    weights = model.head_weights
    stack = model.stacks.get("") or model.stacks.get("encoder_")
    if weights is None or stack is None:
        raise ArgumentError(
            f"{type(model).__name__} cannot prune heads: it does not say which weights belong to one head alone;"
            " head_mask= switches heads off for a call"
        )
    if "hf_device_map" in model.__dict__ and any(parameter.is_meta for parameter in model.parameters()):
        raise ArgumentError(
            "prune_heads needs every weight in memory: prune and save the model, then load it with a device_map"
        )
    layers: Any = model.base_model.get_submodule(stack.layers)
    count = int(model.config.get("num_attention_heads"))
    gone = {index: set(heads) for index, heads in model.config.pruned_heads.items()}
    for index, heads in heads_to_prune.items():
        gone[index] = gone.get(index, set()) | set(heads)
        _check(index, gone[index], len(layers), count)
    for index, cut in gone.items():
        _prune_layer(layers[index], weights, cut, count)
    model.config.pruned_heads = {index: sorted(heads) for index, heads in sorted(gone.items()) if heads}


def _check(index: int, heads: set[int], layers: int, count: int) -> None:
    if not isinstance(index, int) or not 0 <= index < layers:
        raise InputError(f"prune_heads: there is no layer {index!r}; layers go from 0 to {layers - 1}")
    wrong = [head for head in heads if not isinstance(head, int) or not 0 <= head < count]
    if wrong:
        raise InputError(f"prune_heads: layer {index} has no head {wrong[0]!r}; heads go from 0 to {count - 1}")
    if len(heads) == count:
        raise InputError(f"prune_heads: all {count} heads of layer {index} would be gone; at least one must stay")


def _prune_layer(layer: nn.Module, weights: HeadWeights, gone: set[int], count: int) -> None:
    """Take the heads `gone` of `count` out of one layer, as far as they are still there."""
    attend = next(module for module in layer.modules() if isinstance(module, Attend) and not module.cross)
    held = tuple(range(count)) if attend.kept_heads is None else attend.kept_heads
    places = [place for place, head in enumerate(held) if head not in gone]
    if len(places) == len(held):
        return
    output = layer.get_submodule(weights.output)
    width = _features(output, inputs=True)
    size = width // len(held)
    columns = [place * size + i for place in places for i in range(size)]
    for path in weights.inputs:
        made = layer.get_submodule(path)
        parts = range(0, _features(made, inputs=False), width)
        _keep(made, [start + column for start in parts for column in columns], inputs=False)
    _keep(output, columns, inputs=True)
    attend.kept_heads = tuple(held[place] for place in places)


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
    """Leave these features of those that go into a dense layer, or of those that come out."""
    axis, *names = _layout(module)
    cut = {"weight": axis} if inputs else {"weight": 1 - axis, "bias": 0}
    for name, along in cut.items():
        old = module._parameters[name]
        if old is not None:
            new = old.index_select(along, torch.tensor(features, device=old.device))
            setattr(module, name, nn.Parameter(new, requires_grad=old.requires_grad))
    setattr(module, names[0 if inputs else 1], len(features))
