"""The dense layers of a block: in what order they compute, and what their inputs are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .blocks import BlockWalk
from .gptq import Hessian

Layers = Mapping[str, nn.Module]


def layer_groups(walk: BlockWalk, index: int, layers: Layers, listed: Sequence[Sequence[str]] | None = None) -> list[list[str]]:
    """Paths of `layers` of the block at `index`, those together that have one input, in the order in which they compute.

    Layers whose paths differ in numbers only, as those of experts do, are together too. Those that no sample reaches come last.

    listed: names of layers in the block, group by group, instead.
    """
    if listed is not None:
        named = [[path for path in layers if any(path.endswith(f".{name}") for name in names)] for names in listed]
        return [group for group in named if group]
    calls: list[tuple[str, Tensor]] = []  # holding the inputs keeps their places in memory apart
    hooks = [
        layer.register_forward_pre_hook(lambda _, args, path=path: calls.append((path, args[0])))
        for path, layer in layers.items()
    ]
    try:
        walk.run(index)
    finally:
        for hook in hooks:
            hook.remove()
    group_of: dict[str, list[str]] = {}
    groups: list[list[str]] = []
    by_input: dict[Any, list[str]] = {}
    for path, x in [*calls, *((path, torch.empty(0)) for path in layers)]:
        kind = re.sub(r"\d+", "{}", path)
        if path in group_of:
            continue
        place = (x.data_ptr(), x.shape) if x.numel() else kind
        group = group_of.get(kind) or by_input.get(place)
        if group is None:
            group = []
            groups.append(group)
        by_input[place] = group_of[kind] = group_of[path] = group
        group.append(path)
    return groups


def hessians_of(walk: BlockWalk, index: int, layers: Layers) -> dict[str, Hessian]:
    """Path -> Hessian of the inputs that the samples give each of `layers` in the block at `index`.

    One whose samples are none has count 0.
    """
    found: dict[str, Hessian] = {}
    hooks = []
    for path, layer in layers.items():
        weight: Any = layer.weight
        columns = weight.shape[0 if not isinstance(layer, nn.Linear) else 1]
        found[path] = Hessian(columns, weight.device)
        hooks.append(layer.register_forward_pre_hook(lambda _, args, hessian=found[path]: hessian.add(args[0])))
    try:
        walk.run(index)
    finally:
        for hook in hooks:
            hook.remove()
    return found
