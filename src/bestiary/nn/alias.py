"""Attributes that scripts read of a module under a published name, while their value lies elsewhere in it."""

from operator import attrgetter
from typing import Any


class Alias:
    """A second name of what lies at `path` in a module, such as `Alias("proj.in_features")`: read each time, never copied.

    A module in which nothing lies there does not have the attribute. A value that is assigned to the name takes its place (a
    part, `nn.Module`, does not). At `config` every module of a finished model has the config of the innermost model around it.
    """

    def __init__(self, path: str) -> None:
        self._read = attrgetter(path)

    def __get__(self, module: Any, owner: type) -> Any:
        return self if module is None else self._read(module)
