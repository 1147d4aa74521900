"""Weights that follow from names and shapes alone, so that two programs can make the same model without a file."""

from typing import Any

import torch


def values(count: int, start: float) -> torch.Tensor:
    """`count` numbers from [-1, 1), the same on every machine."""
    places = torch.arange(1, count + 1, dtype=torch.float64)
    return ((places * 12.9898 + start * 78.233).sin() * 43758.5453).frac()


@torch.no_grad()
def fill(model: Any, scale: float = 0.6) -> Any:
    """Give every parameter of `model` its values; those of one dimension stay near what norms and biases start with."""
    for index, (name, parameter) in enumerate(sorted(model.named_parameters())):
        drawn = values(parameter.numel(), index + 1).view(parameter.shape)
        if parameter.dim() > 1:
            parameter.copy_(drawn * scale)
        else:
            parameter.copy_(drawn * 0.1 + float(name.endswith("weight")))
    return model.eval()
