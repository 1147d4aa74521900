"""Packages whose modules are imported when a name of theirs is asked for (`_LazyModule` of the published library)."""

import ast
import importlib
import os
import re
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

Structure = Mapping[Any, Any]
# What files of these names need, whether they say so or not.
_USUAL = {
    "^modeling_": "torch",
    "^tokenization_.*_fast$": "tokenizers",
    "^image_processing_": "vision",
    "^video_processing_": "torch torchvision vision",
}


class OptionalDependencyNotAvailable(BaseException):
    """What modules raise and catch among themselves where a package is absent."""


class _LazyModule(ModuleType):
    """A module `name` in `module_file`, for `sys.modules`, whose names are those of the modules beside it.

    Args:
        import_structure: module -> names in it, or, as `define_import_structure` gives it, such a table for each set of
            packages that its modules need. extra_objects: name -> what is there already.
        explicit_import_shortcut: module -> further names that are found in it.
    """

    def __init__(
        self,
        name: str,
        module_file: str,
        import_structure: Structure,
        module_spec: ModuleSpec | None = None,
        extra_objects: Mapping[str, Any] | None = None,
        explicit_import_shortcut: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        super().__init__(name)
        self._import_structure = import_structure
        self._objects, self._home = dict(extra_objects or {}), {}
        tables = [import_structure]
        if any(isinstance(key, frozenset) for key in import_structure):
            tables = list(import_structure.values())
        for table in (*tables, explicit_import_shortcut or {}):
            for module, names in table.items():
                self._home.update(dict.fromkeys(names, module))
        modules = [module for table in tables for module in table if module]
        self.__all__ = [*modules, *self._home]
        self.__file__, self.__spec__, self.__path__ = module_file, module_spec, [os.path.dirname(module_file)]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self.__all__ if name not in self.__dict__)]

    def __getattr__(self, name: str) -> Any:
        if name in self._objects:
            return self._objects[name]
        if name in self._home:
            value = getattr(importlib.import_module(f".{self._home[name]}", self.__name__), name)
        elif name in self.__all__:
            value = importlib.import_module(f".{name}", self.__name__)
        else:
            raise AttributeError(f"module {self.__name__} has no attribute {name}")
        setattr(self, name, value)
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.__name__, self.__file__, self._import_structure)


def define_import_structure(module_path: str, prefix: str | None = None) -> dict[frozenset[str], dict[str, set[str]]]:
    """Of the package around the file `module_path`: the packages that a module needs -> module -> its `__all__`.

    Args:
        prefix: what stands in front of the names of the modules.

    A module needs what its name says (`modeling_...`: torch) and what the decorator `requires(backends=(...))` in it names.
    """
    folder = Path(module_path).parent
    structure: dict[frozenset[str], dict[str, set[str]]] = {}
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).with_suffix("").parts
        if parts[-1] == "__init__":
            continue
        names, needs = _declared(ast.parse(file.read_text(encoding="utf-8")))
        if names:
            path = ".".join((*([prefix] if prefix else []), *parts))
            usual = next((words for pattern, words in _USUAL.items() if re.search(pattern, parts[-1])), "")
            structure.setdefault(frozenset(needs | set(usual.split())), {})[path] = names
    return structure


def _declared(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names of `__all__` and of what is decorated with `requires`, and what that names."""
    names: set[str] = set()
    needs: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(each, ast.Name) and each.id == "__all__" for each in node.targets):
            names.update(ast.literal_eval(node.value))
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "requires":
                needs.update(ast.literal_eval(next(each.value for each in call.keywords if each.arg == "backends")))
                names.add(node.name)
    return names, needs
