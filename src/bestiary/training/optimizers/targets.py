"""Which modules of a model `optim_target_modules` names."""

import re
from typing import Any

from torch import nn

from ...core.errors import ArgumentError
from ...core.logging import warn_once

_ALL = ("all-linear", "all_linear")


def check_target_module_exists(optim_target_modules: Any, key: str, return_is_regex: bool = False) -> Any:
    """Whether `key`, the name of a module, is one of the targets.

    Args:
        optim_target_modules: a regular expression that fits the whole name, or a list of names, parts of names and such
            expressions.
        return_is_regex: return also whether it is not by its name, but by an expression.
    """
    if isinstance(optim_target_modules, str):
        found, by_pattern = bool(re.fullmatch(optim_target_modules, key)), optim_target_modules != key
    elif key in optim_target_modules:
        found, by_pattern = True, False
    else:
        named = any(each in key for each in optim_target_modules)
        fitting = any(bool(re.fullmatch(each, key)) for each in optim_target_modules)
        found, by_pattern = named or fitting, fitting
    return (found, by_pattern) if return_is_regex else found


def target_modules(model: nn.Module, wanted: str | list[str]) -> dict[str, nn.Linear]:
    """The linear modules of `model` that are wanted, by name.

    Args:
        wanted: "all-linear", or as for `check_target_module_exists`.

    Raises:
        ArgumentError: none is, or an expression cannot be read.
    """
    try:
        targets = {
            name: module
            for name, module in model.named_modules()
            if name and (isinstance(module, nn.Linear) if wanted in _ALL else check_target_module_exists(wanted, name))
        }
    except re.error as error:
        raise ArgumentError(f"optim_target_modules is {wanted!r:.120}, which is no regular expression: {error}") from error
    linear = {name: module for name, module in targets.items() if isinstance(module, nn.Linear)}
    if not linear:
        names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
        raise ArgumentError(
            f"optim_target_modules is {wanted!r:.120}, which names no linear module; there are"
            f" {', '.join(names[:5]) or 'none'}{' and others' if len(names) > 5 else ''}. 'all-linear' names all"
        )
    listed = () if isinstance(wanted, str) else wanted
    others = [name for name in targets if name in listed and name not in linear]
    if others:
        warn_once("not-linear", f"{', '.join(others)}: no linear modules, so their weights are trained as all others")
    return linear
