"""Plug-ins are files: the name of a module in a folder is the key under which its content is found.

What others must know of a plug-in before they need it (other names, options, public classes) stands in constants at the top
of its file, which are read without importing it.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from . import kinds
from .errors import BestiaryError, PluginError, UnknownArchitecture, did_you_mean

Names = tuple[str, ...]  # the kind of most constants


@cache
def names(package: str) -> tuple[str, ...]:
    """Names of the modules and folders in `package` that are not private, sorted. Nothing in it is imported."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")))


def load(package: str, name: str, what: str) -> ModuleType:
    """Import the plug-in `name` of `package`; an unknown name is answered with the nearest known one.

    Raises:
        UnknownArchitecture: no such plug-in; `what` names the kind of plug-in in the message. PluginError: see `imported`.
    """
    available = names(package)
    module = name.replace("-", "_")
    if module not in available:
        near = did_you_mean(module, available)
        raise UnknownArchitecture(f"unknown {what} {name!r:.80}.{near} Known: {', '.join(available)}")
    return imported(f"{package}.{module}")


def imported(module: str) -> ModuleType:
    """The module of this name, of a plug-in.

    Raises:
        PluginError: its file cannot be read or fails; `__cause__` is its own error. What the library raises on purpose stays.
    """
    try:
        return importlib.import_module(module)
    except BestiaryError:
        raise
    except Exception as error:
        raise PluginError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error


def definition(package: str, name: str, what: str, attribute: str, base: type | None = None) -> Any:
    """What the file of the plug-in `name` calls `attribute`; the file is imported.

    Args:
        base: the class that it derives from; None for anything that can be called.

    Raises:
        UnknownArchitecture: no such plug-in. PluginError: its file cannot be imported, or has nothing of that name or kind.
    """
    content = vars(load(package, name, what))
    if attribute not in content:
        near = did_you_mean(attribute, [each for each in content if not each.startswith("_")])
        raise PluginError(f"{content['__name__']} has no {attribute}, which a file in {package} must define ({what}).{near}")
    value = content[attribute]
    if not (callable(value) if base is None else isinstance(value, type) and issubclass(value, base)):
        expected = "a function or class" if base is None else f"a class derived from {base.__name__}"
        raise PluginError(f"{content['__name__']}: {attribute} is {value!r:.80}; expected {expected}")
    return value


@cache
def in_order(package: str, constant: str = "PLACE") -> tuple[str, ...]:
    """The plug-ins whose files have this `constant`, a number, sorted by it. Nothing is imported.

    Raises:
        PluginError: two have the same number, so that nothing would say which comes first.
    """
    places = literals(package, constant, int)
    check_unique(f"{constant} =", {f"{package}.{name}": [place] for name, place in places.items()})
    return tuple(sorted(places, key=lambda name: places[name]))


def check_unique(what: str, values: Mapping[str, Iterable[Any]]) -> None:
    """Refuse that two files have the same of the `values` listed under each; `what` stands before it in the message.

    Raises:
        PluginError: names both files.
    """
    files: dict[Any, str] = {}
    for file, listed in values.items():
        for value in listed:
            other = files.setdefault(value, file)
            if other != file:
                raise PluginError(f"{other} and {file} both have {what} {value!r}; choose another in one of them")


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
    file = file if file.is_file() else folder / name / "__init__.py"
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{file} cannot be read; expected a file of Python in UTF-8: {error}") from error


@cache
def literals(package: str, constant: str, kind: Any = Any) -> dict[str, Any]:
    """Plug-in -> the value of `constant` in its file, for those that have one. Nothing is imported.

    Raises:
        PluginError: it is no literal, or not of its `kind` (see `kinds`); names the file.
    """
    values = {}
    for name, source in expressions(package, constant).items():
        where = f"{package}.{name}: {constant}"
        try:
            values[name] = value = ast.literal_eval(source)
        except (ValueError, TypeError, SyntaxError) as error:
            raise PluginError(
                f"{where} is {source!r:.80} and must be a literal (a number, a text, a tuple or table of these), for it is"
                " read without importing the file"
            ) from error
        if not kinds.fits(value, kind):
            raise PluginError(f"{where} is {value!r:.80}; expected {_described(kind)}")
    return values


def _described(kind: Any) -> str:
    return 'a tuple of texts, as ("a", "b") or ("a",)' if kind == Names else kinds.describe(kind)


@cache
def published(package: str) -> dict[str, tuple[str, ...]]:
    """Plug-in -> the names that it publishes: those in its `__all__`, else its classes that are not private."""
    folder = Path(importlib.import_module(package).__path__[0])
    classes = re.compile(r"^class ([A-Za-z]\w*)", re.MULTILINE)
    return {name: tuple(classes.findall(_source(folder, name))) for name in names(package)} | {
        name: tuple(listed) for name, listed in literals(package, "__all__", Names).items()
    }


@cache
def public_names(package: str) -> dict[str, str]:
    """Public name -> the module in `package` that it comes from, by the one list of names, `__init__.pyi` of the library."""
    library, _, folder = package.partition(".")
    file = Path(importlib.import_module(library).__path__[0]) / "__init__.pyi"
    lines = re.findall(rf"^from \.{folder}\.([\w.]+) import \(?\s*(\w+) as", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: module for module, name in lines}


def lazy(
    package: str, where: dict[str, Iterable[str]], folders: Iterable[str] = (), public: bool = False
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for `package`, whose names live in the submodules `where` lists them under.

    Args:
        folders: packages in it, whose plug-ins publish names: see `published`.
        public: it also has the `public_names` that come from its modules.

    Raises, when a name of `folders` is asked for:
        PluginError: two modules publish the same name, or an `__all__` is no tuple of texts.
    """
    listed = {name: module for module, names_there in where.items() for name in names_there}

    @cache
    def homes() -> dict[str, str]:
        plugged = {
            f"{folder}.{module}": names_there
            for folder in folders
            for module, names_there in published(f"{package}.{folder}").items()
        }
        everything = {**plugged, **{module: tuple(names_there) for module, names_there in where.items()}}
        check_unique("the public name", {f"{package}.{module}": names_there for module, names_there in everything.items()})
        homes_of_plugged = {name: module for module, names_there in plugged.items() for name in names_there}
        return {**homes_of_plugged, **(public_names(package) if public else {}), **listed}

    def __getattr__(name: str) -> Any:
        module = listed.get(name) or (None if name.startswith("_") else homes().get(name))
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module}"), name)

    def __dir__() -> list[str]:
        return sorted(homes())

    return __getattr__, __dir__
