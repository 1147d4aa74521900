"""Families found by listing their folders.

A family's `__init__.py` holds its config classes, `TASKS` (task -> model class), for types that are parts of it `PARTS`
(model_type -> its own tasks), and `PREPROCESSORS` (kind -> class). Nothing is registered anywhere else.
"""

import importlib
from types import ModuleType
from typing import Any

from ..core import plugins
from ..core.errors import UnknownArchitecture, did_you_mean
from .config import PreTrainedConfig

_MODELS = "bestiary.models"
# Configs of models from elsewhere, by model_type, for this process.
registered: dict[str, type[PreTrainedConfig]] = {}


def families() -> list[str]:
    """Names of all families: the folders of `models`."""
    return list(plugins.names(_MODELS))


def family(model_type: str) -> ModuleType:
    """The family that has `model_type`, its own or that of one of its parts.

    Raises:
        UnknownArchitecture: no family has it; the nearest known names are given.
    """
    name = model_type.replace("-", "_")
    if name in families():
        return importlib.import_module(f"{_MODELS}.{name}")
    for module in map(family, families()):
        if model_type in _configs(module):
            return module
    known = sorted({*(kind for name in families() for kind in _configs(family(name))), *registered})
    raise UnknownArchitecture(
        f"unknown model_type {model_type!r}.{did_you_mean(model_type, known)} Known: {', '.join(known)}."
        " For a model of your own call AutoConfig.register and AutoModel.register first"
    )


def _configs(module: ModuleType) -> dict[str, type[PreTrainedConfig]]:
    """model_type -> config class of one family."""
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, PreTrainedConfig)]
    return {kind.model_type: kind for kind in classes if kind.model_type}


def config_class(model_type: str) -> type[PreTrainedConfig]:
    """The config class of `model_type`."""
    if model_type in registered:
        return registered[model_type]
    found = _configs(family(model_type))
    return found.get(model_type) or found[model_type.replace("-", "_")]


def type_of_class(name: str) -> str | None:
    """The model_type whose tasks name the model class `name`, or None."""
    for module in map(family, families()):
        for model_type in _configs(module):
            if name in tasks_of(model_type).values():
                return model_type
    return None


def class_named(name: str) -> Any:
    """The class called `name` in whatever family has it (tokenizers and processors are stored by class name)."""
    for module in map(family, families()):
        if name in dir(module) or name in vars(module):
            return getattr(module, name)
    return None


def tasks_of(model_type: str) -> dict[str, str]:
    """Task -> class name of `model_type`."""
    module = vars(family(model_type))
    parts: dict[str, dict[str, str]] = module.get("PARTS", {})
    tasks: dict[str, str] = parts.get(model_type, module["TASKS"])
    return tasks
