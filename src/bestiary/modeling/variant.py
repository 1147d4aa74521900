"""A family that is a relative of another: its classes are made from the relative's, by what its `__init__.py` says in data."""

import importlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..core.errors import ArgumentError, did_you_mean
from ..core.plugins import lazy
from .config import PreTrainedConfig


@dataclass(frozen=True)
class Import:
    """The object at `path`, imported when it is needed: a config must be had without torch.

    path: dotted, as in "bestiary.nn.norm.ShiftedRMSNorm", or from the family's folder on, as in ".moe.MixtralSparseMoeBlock".
    """

    path: str

    def load(self, package: str) -> Any:
        """Import and return the object."""
        module, _, name = self.path.rpartition(".")
        return getattr(importlib.import_module(f"{package}{module}" if self.path.startswith(".") else module), name)


# What of a class differs: some of its attributes, or, as an `Import`, the class itself.
Changes = Mapping[str, Mapping[str, Any] | Import]


def variant(
    package: str,
    config: type[PreTrainedConfig],
    tasks: Mapping[str, str],
    relative: ModuleType,
    changes: Changes | None = None,
    further: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of the family `package`, whose classes are those of the family `relative` with `changes`.

    Every class of the relative has a counterpart here: `MistralAttention` is `LlamaAttention` with what `changes` says of
    "Attention". Where an attribute of a class is another class of the relative (the layer of a model, the attention of a
    layer), it is that one's counterpart. A class that this family writes itself takes the place of the relative's:
    {"DecoderLayer": Import(".model.Gemma2DecoderLayer")}.

    Args:
        package: `__name__` of the family. config: its config class. tasks: its `TASKS`.
        relative: the package of a family that imports no other, with a module `model`.
        changes: name of a class without the family's name ("Attention", "PreTrainedModel", "ForCausalLM") -> what differs.
        further: module of the family -> names in it that the family publishes besides, such as those of its tokenizer.

    Raises:
        ArgumentError: when the first class is made: a task or a change of what the relative does not have.
    """
    family = _Family(package, config, tasks["base"].removesuffix("Model"), tasks, relative, changes or {})
    besides, besides_names = lazy(package, dict(further or {}))
    public = sorted({f"{family.name}PreTrainedModel", *tasks.values(), *besides_names()})

    def __getattr__(name: str) -> Any:
        part = family.part_of(name)
        return besides(name) if part is None else family.counterpart(part)

    return __getattr__, lambda: public


@dataclass
class _Family:
    """The classes of one variant, made when they are first asked for.

    name: what the names of its classes begin with.
    """

    package: str
    config: type[PreTrainedConfig]
    name: str
    tasks: Mapping[str, str]
    relative: ModuleType
    changes: Changes
    classes: dict[str, type] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def relative_name(self) -> str:
        """The prefix of the relative's class names: `Llama` of `LlamaModel`."""
        return str(self.relative.TASKS["base"].removesuffix("Model"))

    @property
    def modules(self) -> dict[str, Any]:
        """Name -> class, of all of the relative's classes that its `model.py` has; further names of one are left out."""
        home, package = vars(importlib.import_module(f"{self.relative.__name__}.model")), f"{self.relative.__name__}."
        return {name: value for name, value in home.items() if _home(value).startswith(package) and name == value.__name__}

    @property
    def renamed(self) -> dict[str, str]:
        """Class of the relative, without its name -> what this family calls it, where that begins otherwise than the rest."""
        others = {task: name for task, name in self.tasks.items() if not name.startswith(self.name)}
        tasks = self.relative.TASKS
        return {tasks[task].removeprefix(self.relative_name): name for task, name in others.items() if task in tasks}

    def part_of(self, name: str) -> str | None:
        """The class `name` of this family without the family's name; None where it has no such class."""
        for part, other in self.renamed.items():
            if other == name:
                return part
        part = name.removeprefix(self.name)
        return part if part != name and part not in self.renamed and self.has(part) else None

    def has(self, part: str) -> bool:
        """Whether the family has a class called `part` behind its own name."""
        return f"{self.relative_name}{part}" in self.modules or isinstance(self.changes.get(part), Import)

    def counterpart(self, part: str) -> type:
        """The class of this family that is called `part` behind the family's name, always the same object."""
        with self.lock:
            if not self.classes:
                self._check()
            if part not in self.classes:
                self.classes[part] = self._make(part)
            return self.classes[part]

    def _check(self) -> None:
        """Refuse tasks and changes of classes, or of attributes, that the relative does not have.

        Raises:
            ArgumentError: names the first of them and the nearest that there is.
        """
        parts = {name.removeprefix(self.relative_name): value for name, value in self.modules.items()}
        for name in self.tasks.values():
            if self.part_of(name) is None:
                raise ArgumentError(f"{self.package}: TASKS name {name}, of which {self.relative.__name__} has no counterpart")
        for part, changes in self.changes.items():
            if isinstance(changes, Import):
                continue
            if part not in parts:
                near = did_you_mean(part, parts)
                raise ArgumentError(f"{self.package} changes {part!r}, which {self.relative.__name__} does not have.{near}")
            known = {
                name for parent in parts[part].__mro__ for name in (*vars(parent), *vars(parent).get("__annotations__", ()))
            }
            for attribute in changes.keys() - known:
                near = did_you_mean(attribute, sorted(known))
                raise ArgumentError(f"{self.package} changes {attribute!r} of {part!r}, which has no such attribute.{near}")

    def _make(self, part: str) -> type:
        changes = self.changes.get(part, {})
        original = changes.load(self.package) if isinstance(changes, Import) else self.modules[f"{self.relative_name}{part}"]
        attributes = {} if isinstance(changes, Import) else {name: self._loaded(value) for name, value in changes.items()}
        inherited: dict[str, Any] = {}
        for parent in reversed(original.__mro__):
            inherited.update(vars(parent))
        parts = {value: name.removeprefix(self.relative_name) for name, value in self.modules.items()}
        for name, value in inherited.items():
            if isinstance(value, type) and value in parts:
                attributes.setdefault(name, self.counterpart(parts[value]))
        if part == "PreTrainedModel":
            blocks = [self._renamed(block) for block in original._no_split_modules]
            attributes = {"config_class": self.config, "_no_split_modules": blocks, **attributes}
        parents = [self.counterpart(parts[each]) for each in original.__mro__[1:] if parts.get(each, part) != part]
        if original.__name__ == f"{self.name}{part}" and not (parents or attributes):
            whole: type = original  # the family wrote all of it, and its own model is made of it
            return whole
        attributes |= {"__module__": self.package, "__doc__": self._renamed(original.__doc__ or "")}
        kind: type = type(original)(self.renamed.get(part, f"{self.name}{part}"), (original, *parents), attributes)
        return kind

    def _loaded(self, value: Any) -> Any:
        return value.load(self.package) if isinstance(value, Import) else value

    def _renamed(self, text: str) -> str:
        return text.replace(self.relative_name, self.name)


def _home(value: Any) -> str:
    """The name of the module that defines a class; "" for anything else."""
    return value.__module__ if isinstance(value, type) else ""
