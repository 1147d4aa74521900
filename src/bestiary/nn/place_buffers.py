"""The numbers of positions and segments that published embeddings keep as buffers, worked out when somebody reads them."""

from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn


class PlaceBuffer:
    """`position_ids` (1, P), which counts from 0, or `token_type_ids` (1, P), zeros, on the device of the module's weights.

    A tensor that is assigned to the name, or registered as a buffer under it, takes its place there; what is computed without
    positions counts them by itself.

    Args:
        counts: whether it counts. count: where in the module P lies.
    """

    def __init__(self, counts: bool = True, count: str = "config.max_position_embeddings") -> None:
        self._counts, self._count = counts, attrgetter(count)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, module: Any, owner: type) -> Any:
        if module is None:
            return self
        registered = module._buffers.get(self._name)
        if registered is not None:
            return registered
        device = next(module.parameters()).device
        places = torch.arange(self._count(module), device=device)[None]
        return places if self._counts else torch.zeros_like(places)


class KeepsPlaces(nn.Module):
    """Base of modules with a `PlaceBuffer`: a buffer may be registered under its name, as where there is one already."""

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """As in torch."""
        if isinstance(getattr(type(self), name, None), PlaceBuffer):
            self._buffers.setdefault(name, None)
        super().register_buffer(name, tensor, persistent)
