"""Parts of a module by the names that a family publishes."""

from typing import Any

from torch import nn


def part(module: nn.Module, name: str) -> Any:
    """What `module` itself holds as `name`, which has no dots.

    A decoded token asks for a hundred parts, and torch's `get_submodule` takes five times as long to answer.
    """
    return module._modules[name]
