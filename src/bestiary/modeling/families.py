"""Families, found by name: which folder of `models` has a `model_type` or a class; no other family is imported.

A family's `__init__.py` holds its config classes, `TASKS` (task -> model class), for types that are parts of it `PARTS`
(model_type -> its own tasks), and `PREPROCESSORS` (kind -> class). Nothing is registered by hand. `models/index.json`, which
`scripts/write_family_lists.py` writes, says what each folder declares. A folder that it does not know yet is searched for the
name, and imported when it may have it: a new family works before the script has run.
"""

import importlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from ..core.errors import PluginError, UnknownArchitecture, did_you_mean
from ..core.kinds import fits
from ..core.logging import get_logger
from ..core.plugins import imported
from .config import PreTrainedConfig

_MODELS = "bestiary.models"
INDEX = "index.json"
# Configs of models from elsewhere, by model_type, for this process.
registered: dict[str, type[PreTrainedConfig]] = {}


@dataclass
class Index:
    """What the folders of `models` declare.

    Attributes:
        families: names of all folders but those in which only parts of a family are, which no model_type finds (the score
            processors of Bark). unlisted: of those that the index file does not hold.
        family_of_type: model_type -> family. family_of_name: class name -> family.
        type_of_class: name of a model class -> model_type.
    """

    families: tuple[str, ...]
    unlisted: tuple[str, ...]
    family_of_type: dict[str, str] = field(default_factory=dict)
    family_of_name: dict[str, str] = field(default_factory=dict)
    type_of_class: dict[str, str] = field(default_factory=dict)


@cache
def _index() -> Index:
    """The index file and the list of folders, read once per process."""
    root, path = path_of(), path_of(INDEX)
    listed: dict[str, dict[str, Any]] = {}
    if os.path.isfile(path):
        with open(path, encoding="utf-8") as file:
            listed = json.load(file)
    folders = [entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(("_", "."))]
    unlisted = [name for name in folders if name not in listed and os.path.isfile(os.path.join(root, name, "__init__.py"))]
    listed = {name: declared for name, declared in sorted(listed.items()) if name in folders}
    with_types = [name for name, declared in listed.items() if declared["types"]]
    index = Index(tuple(sorted((*with_types, *unlisted))), tuple(sorted(unlisted)))
    for family_name, declared in listed.items():
        index.family_of_name.update(dict.fromkeys(declared["names"], family_name))
        for model_type, classes in declared["types"].items():
            index.family_of_type[model_type] = family_name
            for name in classes:
                index.type_of_class.setdefault(name, model_type)
    return index


def families() -> tuple[str, ...]:
    """Names of all families, sorted: the folders of `models` with a model_type."""
    return _index().families


def family_files(name: str) -> frozenset[str]:
    """Names of the modules in the folder of the family `name`, which is not imported."""
    return frozenset(file.removesuffix(".py") for file in os.listdir(path_of(name)) if file.endswith(".py"))


def path_of(name: str = "") -> str:
    """Where the family or file `name` of the folder `models` lies, or the folder itself."""
    return os.path.join(importlib.import_module(_MODELS).__path__[0], name)


def family(model_type: str) -> ModuleType:
    """The family that has `model_type`, its own or that of one of its parts.

    Raises:
        UnknownArchitecture: no family has it; the nearest known names are given.
    """
    key = _key(model_type)
    if key in _index().families:
        return imported(f"{_MODELS}.{key}")
    if key in _index().family_of_type:
        return imported(f"{_MODELS}.{_index().family_of_type[key]}")
    for module in _unlisted_with(model_type):
        if key in config_classes(module):
            return module
    names = sorted({*families(), *_index().family_of_type, *registered})
    raise UnknownArchitecture(
        f"unknown model_type {model_type!r:.80}.{did_you_mean(model_type, names)} Known: {len(names)} types, those of"
        " bestiary.auto.families() and their parts. For a model of your own call AutoConfig.register and AutoModel.register"
    )


def _key(model_type: str) -> str:
    """`model_type` as folders spell it: `xlm-roberta` lies in `xlm_roberta`."""
    return model_type.replace("-", "_")


def _unlisted_with(name: str) -> Iterator[ModuleType]:
    """Families that the index file does not hold, and that may declare `name`: their file or their folder's name says so.

    A family that cannot be imported is passed over with a warning, for the name may be another's.
    """
    for folder in _index().unlisted:
        if name not in _source(folder) and not _letters(name).startswith(_letters(folder)):
            continue
        try:
            yield importlib.import_module(f"{_MODELS}.{folder}")
        except Exception as error:  # noqa: BLE001 (whatever a broken file raises; it must not hide the other families)
            get_logger(__name__).warning("models/%s cannot be imported: %s: %s", folder, type(error).__name__, error)


@cache
def _source(folder: str) -> str:
    """The text of a family's `__init__.py`."""
    with open(os.path.join(path_of(folder), "__init__.py"), encoding="utf-8", errors="replace") as file:
        return file.read()


def _letters(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def config_classes(module: ModuleType) -> dict[str, type[PreTrainedConfig]]:
    """model_type (spelled as folders are) -> config class, of the classes that this family itself declares.

    A class imported from a relative, or one that only inherits its `model_type` or has that of another family, stands for the
    relative's type, not for one of this family.
    """
    types = {_key(each.model_type): each for each in _declared_configs(module)}
    family_name = module.__name__.rpartition(".")[2]
    return {key: each for key, each in types.items() if key == family_name or not os.path.isdir(path_of(key))}


def _declared_configs(module: ModuleType) -> list[type[PreTrainedConfig]]:
    """The config classes with a model_type that are written in this family."""
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, PreTrainedConfig)]
    written = [each for each in classes if f"{each.__module__}.".startswith(f"{module.__name__}.")]
    return [each for each in written if vars(each).get("model_type")]


def config_class(model_type: str) -> type[PreTrainedConfig]:
    """The config class of `model_type`.

    Raises:
        UnknownArchitecture: no family has it, or the folder of this name declares no config of this type.
    """
    if model_type in registered:
        return registered[model_type]
    module = family(model_type)
    classes = config_classes(module)
    if _key(model_type) not in classes:
        raise UnknownArchitecture(
            f"{module.__name__} declares no config class whose model_type is {model_type!r}; it has {', '.join(classes)}"
        )
    return classes[_key(model_type)]


def tasks_of(model_type: str) -> dict[str, str]:
    """Task -> class name of `model_type`."""
    return _tasks(family(model_type), _key(model_type))


def _tasks(module: ModuleType, key: str) -> dict[str, str]:
    """The tasks of one type of a family: `TASKS` of its own, `PARTS` of a part; a part without tasks has no models."""
    tables = vars(module)
    parts: dict[str, dict[str, str]] = {_key(name): table for name, table in tables.get("PARTS", {}).items()}
    if key != module.__name__.rpartition(".")[2]:
        return parts.get(key, {})
    tasks: Any = parts.get(key, tables.get("TASKS"))
    if not fits(tasks, dict[str, str]):
        raise PluginError(f"{module.__name__}: TASKS is {tasks!r:.80}; expected a table of tasks and names of model classes")
    return dict(tasks)


def type_of_class(name: str) -> str | None:
    """The model_type whose tasks name the model class `name`, or None."""
    if name in _index().type_of_class:
        return _index().type_of_class[name]
    for module in _unlisted_with(name):
        for model_type, classes in declarations(module)["types"].items():
            if name in classes:
                return str(model_type)
    return None


def class_named(name: str) -> Any:
    """The class called `name` in whatever family has it, or None (preprocessors are stored by class name)."""
    if name in _index().family_of_name:
        return getattr(imported(f"{_MODELS}.{_index().family_of_name[name]}"), name)
    for module in _unlisted_with(name):
        if name in declarations(module)["names"]:
            return getattr(module, name)
    return None


def preprocessor_of(model_type: str, kind: str) -> Any:
    """The class of `kind` ("tokenizer", ...) that the family of `model_type` names in `PREPROCESSORS`, or None.

    It may be a relative's: then the name is enough, and nothing has to be imported from the relative.
    """
    module = family(model_type)
    name = vars(module).get("PREPROCESSORS", {}).get(kind)
    if name is None or name in declarations(module)["names"]:
        return name and getattr(module, name)
    return class_named(name)


def declarations(module: ModuleType) -> dict[str, Any]:
    """What the index file holds of a family.

    Returns:
        types: model_type -> names of its model classes, the family's own type first. names: all names that it publishes.
    """
    family_name = module.__name__.rpartition(".")[2]
    configs = config_classes(module)
    types = {
        key: sorted(set(_tasks(module, key).values())) for key in sorted(configs, key=lambda key: (key != family_name, key))
    }
    names = {config.__name__ for config in _declared_configs(module)}.union(*types.values())
    if "__dir__" in vars(module):
        names.update(vars(module)["__dir__"]())
    return {"types": types, "names": sorted(names)}
