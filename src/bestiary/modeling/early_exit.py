"""The first layers of a model as a model of its own, which shares all weights with it."""

import copy
from typing import Any

from torch import nn

from ..core.errors import ArgumentError


def first_layers(model: Any, count: int) -> tuple[Any, int]:
    """A model that goes from layer `count` of the decoder straight to the head, and how many layers the whole one has.

    `model` stays as it is; what changes in its weights changes in both.

    Raises:
        ArgumentError: the model has no more layers than that, or does not say where they are.
    """
    stack = model.stacks.get("decoder_" if model.config.is_encoder_decoder else "")
    if stack is None:
        raise ArgumentError(f"assistant_early_exit cannot find the layers of {type(model).__name__}")
    path = stack.layers.split(".")
    twin = part = _twin(model)
    for name in [model.base_model_prefix] * (model.base_model is not model) + path[:-1]:
        part._modules[name] = part = _twin(part._modules[name])
    layers = list(part._modules[path[-1]].children())
    if not isinstance(count, int) or not 0 < count < len(layers):
        raise ArgumentError(
            f"assistant_early_exit={count!r}; {type(model).__name__} has {len(layers)} layers: expected 1 to {len(layers) - 1}"
        )
    part._modules[path[-1]] = nn.ModuleList(layers[:count])
    return twin, len(layers)


def _twin(module: Any) -> Any:
    """The same module with a list of parts of its own."""
    twin = copy.copy(module)
    twin.__dict__["_modules"] = dict(module._modules)
    return twin
