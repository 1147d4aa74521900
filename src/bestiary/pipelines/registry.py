"""Which tasks there are: the files of `tasks/`, and what is registered at run time.

A task's file holds its pipeline class as `PIPELINE`, and where they are of use these constants, read without importing it:

    __all__: the classes that `bestiary.pipelines` publishes
    ALIASES: other names of the task; PATTERN: a regular expression for further ones; NAMED: those of these that type checkers
        know, for whom a pattern is nothing
    CHECKPOINTS: names of published checkpoints that suit the task, for messages -> their model_type, a family that is here
    IMPLIED: whether a model of its kind means this task where nobody names one
"""

import re
from dataclasses import dataclass
from typing import Any, NewType

from ..core import plugins
from ..core.errors import ArgumentError, PluginError, UnknownArchitecture, did_you_mean
from .base import Pipeline

_TASKS = f"{__package__}.tasks"
_LANGUAGES = re.compile("translation_(.+)_to_(.+)")
# What a task reads -> the preprocessors that it needs.
_NEEDS: dict[str, tuple[str, ...] | None] = {
    "text": ("tokenizer",),
    "image": ("image_processor",),
    "audio": ("feature_extractor",),
    "multimodal": None,
}

# A task that type checkers cannot know, one registered at run time or a pair of languages: pipeline(TaskName("my-task")).
TaskName = NewType("TaskName", str)


@dataclass(frozen=True)
class Task:
    """A task: its name, its pipeline class, the Auto classes for its model, a default checkpoint, published examples."""

    name: str
    pipeline: type[Pipeline]
    models: tuple[Any, ...]
    parts: tuple[str, ...] | None
    default: tuple[str, str | None] | None = None
    suggestions: tuple[str, ...] = ()


def tasks() -> tuple[str, ...]:
    """The names of the tasks that have a file, as the published library spells them."""
    return tuple(map(_published, plugins.names(_TASKS)))


def implied() -> tuple[str, ...]:
    """The tasks of which one is meant by a model alone."""
    return tuple(_published(name) for name, value in plugins.literals(_TASKS, "IMPLIED", bool).items() if value)


def _published(file_name: str) -> str:
    return file_name.replace("_", "-")


def _patterns() -> dict[str, re.Pattern[str]]:
    """Task -> the pattern of its further names.

    Raises:
        PluginError: a file's `PATTERN` is no regular expression.
    """
    patterns = {}
    for file, text in plugins.literals(_TASKS, "PATTERN", str).items():
        try:
            patterns[_published(file)] = re.compile(text)
        except re.error as error:
            raise PluginError(f"{_TASKS}.{file}: PATTERN is {text!r:.80}; expected a regular expression ({error})") from error
    return patterns


def _of_file(name: str) -> Task:
    from .. import auto

    kind: type[Pipeline] = plugins.definition(_TASKS, name, "task", "PIPELINE", Pipeline)
    models = tuple(vars(auto)[model] for model in kind.models)
    checkpoints = plugins.literals(_TASKS, "CHECKPOINTS", dict[str, str]).get(name.replace("-", "_"), {})
    return Task(name, kind, models, kind.parts, suggestions=tuple(checkpoints))


def parts_of(kind: type[Pipeline], type: str | None) -> tuple[str, ...] | None:
    """The preprocessors that a pipeline class needs: as it says itself, else by what it reads.

    Raises:
        ArgumentError: `type` is not "text", "image", "audio" or "multimodal".
    """
    if type is not None and type not in _NEEDS:
        raise ArgumentError(f"type is {type!r}; expected one of {', '.join(_NEEDS)}")
    return _NEEDS[type] if type is not None and kind.parts is None else kind.parts


class PipelineRegistry:
    """Finds a task by its name, and takes new ones."""

    def __init__(self) -> None:
        self._registered: dict[str, Task] = {}

    @property
    def task_aliases(self) -> dict[str, str]:
        """Other name -> name of the task.

        Raises:
            PluginError: a name belongs to two tasks.
        """
        aliases = plugins.literals(_TASKS, "ALIASES", plugins.Names)
        files = plugins.names(_TASKS)
        plugins.check_unique("the name", {f"{_TASKS}.{file}": [_published(file), *aliases.get(file, ())] for file in files})
        return {alias: _published(name) for name, listed in aliases.items() for alias in listed}

    @property
    def supported_tasks(self) -> dict[str, dict[str, Any]]:
        """Task -> what is known of it, as `check_task` gives it; aliases are left out."""
        return {task: self.check_task(task)[1] for task in sorted({*tasks(), *self._registered})}

    def get_supported_tasks(self) -> list[str]:
        """All names that `pipeline` takes, aliases included."""
        return sorted({*tasks(), *self.task_aliases, *self._registered})

    def check_task(self, task: str) -> tuple[str, dict[str, Any], Any]:
        """The name of `task`, what is known of it ("impl", "pt", "default", "type"), and the languages in it, if any."""
        known = self.find(task)
        kinds = {parts: kind for kind, parts in _NEEDS.items()}
        facts = {"impl": known.pipeline, "pt": known.models, "type": kinds.get(known.parts, "multimodal")}
        facts["default"] = {} if known.default is None else {"model": known.default}
        languages = _LANGUAGES.fullmatch(task)
        return known.name, facts, languages and languages.groups()

    def find(self, task: str) -> Task:
        """The task called `task`.

        Raises:
            UnknownArchitecture: there is none; the nearest name is given. ArgumentError: it is no text.
        """
        if not isinstance(task, str):
            raise ArgumentError(f"task is {task!r:.80}; expected the name of one, such as 'text-generation'")
        if task in self._registered:
            return self._registered[task]
        name = _published(task) if _published(task) in tasks() else self.task_aliases.get(task, task)
        name = next((task_name for task_name, pattern in _patterns().items() if pattern.fullmatch(task)), name)
        if name not in tasks():
            names = self.get_supported_tasks()
            raise UnknownArchitecture(f"unknown task {task!r:.80}.{did_you_mean(task, names)} Known: {', '.join(names)}")
        return _of_file(name)

    def register_pipeline(
        self,
        task: str,
        pipeline_class: type[Pipeline],
        pt_model: Any = None,
        default: dict[str, Any] | None = None,
        type: str | None = None,
    ) -> None:
        """Make `pipeline(task)` build `pipeline_class`.

        Args:
            pt_model: the Auto class (or classes) that opens its model, or a model class.
            default: the checkpoint to use when no model is named: {"pt": (name, revision)}.
            type: what it reads: "text", "image", "audio", "multimodal"; decides which preprocessors are needed, where the
                class does not say.

        Raises:
            ArgumentError: the name is taken by a task of this library, or an argument is not as described.
        """
        if task in tasks() or task in self.task_aliases:
            raise ArgumentError(f"the task {task!r} is part of the library; register your pipeline under another name")
        parts = parts_of(pipeline_class, type)
        models = pt_model if isinstance(pt_model, tuple) else () if pt_model is None else (pt_model,)
        stored = (default or {}).get("model", default or {}).get("pt")
        chosen = None if stored is None else (stored, None) if isinstance(stored, str) else (stored[0], stored[1])
        self._registered[task] = Task(task, pipeline_class, models, parts, chosen)
        pipeline_class._registered = {task: {"pt": tuple(model.__name__ for model in models), "type": type or "multimodal"}}

    def to_dict(self) -> dict[str, Any]:
        """Task -> pipeline class."""
        return {task: self.find(task).pipeline for task in self.get_supported_tasks()}


PIPELINE_REGISTRY = PipelineRegistry()
