"""Plug-ins are files: the name of a module in a folder is the key under which its content is found.

What others must know of a plug-in before they need it (other names, options, public classes) stands in constants at the top
of its file, which are read without importing it.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import PluginError, UnknownArchitecture, did_you_mean


@cache
def names(package: str) -> tuple[str, ...]:
    """Names of the modules and folders in `package` that are not private, sorted. Nothing in it is imported."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")))


def load(package: str, name: str, what: str) -> ModuleType:
    """Import the plug-in `name` of `package`; an unknown name is answered with the nearest known one.

    Raises:
        UnknownArchitecture: no such plug-in; `what` names the kind of plug-in in the message.
    """
    available = names(package)
    module = name.replace("-", "_")
    if module not in available:
        near = did_you_mean(module, available)
        raise UnknownArchitecture(f"unknown {what} {name!r:.80}.{near} Known: {', '.join(available)}")
    return importlib.import_module(f"{package}.{module}")


def definition(package: str, name: str, what: str, attribute: str) -> Any:
    """What the file of the plug-in `name` calls `attribute`; the file is imported.

    Raises:
        UnknownArchitecture: no such plug-in. PluginError: its file has nothing of that name.
    """
    content = vars(load(package, name, what))
    if attribute not in content:
        near = did_you_mean(attribute, [each for each in content if not each.startswith("_")])
        raise PluginError(f"{content['__name__']} has no {attribute}, which a file in {package} must define ({what}).{near}")
    return content[attribute]


@cache
def in_order(package: str, constant: str = "PLACE") -> tuple[str, ...]:
    """The plug-ins whose files have this `constant`, a number, sorted by it. Nothing is imported.

    Raises:
        PluginError: two have the same number, so that nothing would say which comes first.
    """
    places = literals(package, constant)
    by_place: dict[Any, str] = {}
    for name, place in places.items():
        other = by_place.setdefault(place, name)
        if other != name:
            raise PluginError(f"{package}.{other} and {package}.{name} both have {constant} = {place!r}; choose another number")
    return tuple(sorted(places, key=lambda name: places[name]))


@cache
def expressions(package: str, constant: str) -> dict[str, str]:
    """Plug-in -> the source of what its file assigns to `constant` at the top level; without those that do not."""
    folder = Path(importlib.import_module(package).__path__[0])
    # The lines that follow belong to it as long as they are indented or close a bracket.
    assignment = re.compile(rf"^{constant}\b[^=\n]*=((?:.*)(?:\n(?:[ \t\])}}].*)?)*)", re.MULTILINE)
    matches = {name: assignment.search(_source(folder, name)) for name in names(package)}
    return {name: match[1].strip() for name, match in matches.items() if match}


def _source(folder: Path, name: str) -> str:
    file = folder / f"{name}.py"
    return (file if file.is_file() else folder / name / "__init__.py").read_text(encoding="utf-8")


@cache
def literals(package: str, constant: str) -> dict[str, Any]:
    """Plug-in -> the value of `constant` in its file, for those that have one. Nothing is imported.

    Raises:
        PluginError: it is no literal; names the file.
    """
    values = {}
    for name, source in expressions(package, constant).items():
        try:
            values[name] = ast.literal_eval(source)
        except (ValueError, SyntaxError) as error:
            where = f"{package}.{name}: {constant}"
            raise PluginError(f"{where} is read without importing the file, so it must be a literal: {error}") from error
    return values


def lazy(
    package: str, where: dict[str, Iterable[str]], folders: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for `package`, whose names live in the submodules `where` lists them under.

    The plug-ins of `folders` (packages in it) publish what stands in their `__all__`.
    """
    listed = {name: module for module, names_there in where.items() for name in names_there}

    def homes() -> dict[str, str]:
        published = {
            name: f"{folder}.{module}"
            for folder in folders
            for module, names_there in literals(f"{package}.{folder}", "__all__").items()
            for name in names_there
        }
        return {**published, **listed}

    def __getattr__(name: str) -> Any:
        module = listed.get(name) or (None if name.startswith("_") else homes().get(name))
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module}"), name)

    def __dir__() -> list[str]:
        return sorted(homes())

    return __getattr__, __dir__
