"""Plug-ins are files: the name of a module in a folder is the key under which its content is found."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType
from typing import Any

from .errors import UnknownArchitecture, did_you_mean


@cache
def names(package: str) -> tuple[str, ...]:
    """Names of the modules and folders in `package` that are not private, sorted. Nothing in it is imported."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(found.name for found in pkgutil.iter_modules(path) if not found.name.startswith("_")))


def load(package: str, name: str, what: str) -> ModuleType:
    """Import the plug-in `name` of `package`; an unknown name is answered with the nearest known one.

    Raises:
        UnknownArchitecture: no such plug-in; `what` says in the message what was looked for.
    """
    known = names(package)
    module = name.replace("-", "_")
    if module not in known:
        raise UnknownArchitecture(f"unknown {what} {name!r}.{did_you_mean(module, known)} Known: {', '.join(known)}")
    return importlib.import_module(f"{package}.{module}")


def lazy(package: str, where: dict[str, Iterable[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for `package`, whose names live in the submodules `where` lists them under."""
    home = {name: module for module, listed in where.items() for name in listed}

    def __getattr__(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{home[name]}"), name)

    def __dir__() -> list[str]:
        return sorted(home)

    return __getattr__, __dir__
