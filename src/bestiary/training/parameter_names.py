"""Which parameters weight decay leaves alone."""

import re
from collections.abc import Iterable

from torch import nn


def get_parameter_names(
    model: nn.Module, forbidden_layer_types: Iterable[type[nn.Module]], forbidden_layer_names: Iterable[str] | None = None
) -> list[str]:
    """Names of the parameters of `model` that lie in no part of these types.

    Args:
        forbidden_layer_names: regular expressions; a name in which, or in the end of which below a part, one is found (in
            small letters) is left out too.
    """
    types, patterns = tuple(forbidden_layer_types), [re.compile(pattern) for pattern in forbidden_layer_names or ()]

    def below(module: nn.Module) -> list[str]:
        inner = [(name, child) for name, child in module.named_children() if not isinstance(child, types)]
        names = [f"{name}.{rest}" for name, child in inner for rest in below(child)]
        return [name for name in (*names, *module._parameters) if not any(each.search(name.lower()) for each in patterns)]

    return below(model)
