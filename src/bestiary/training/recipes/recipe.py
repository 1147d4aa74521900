"""`Recipe`: a training that is written down: its task, model, data and arguments, checked before any work."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NoReturn, cast

from ...core.argument_parser import HfArgumentParser
from ...core.errors import ArgumentError, FileMissing, did_you_mean
from .. import tasks
from ..arguments import TrainingArguments
from ..data_files import DataFiles
from ..model_choice import ModelChoice
from ..seq2seq_arguments import Seq2SeqTrainingArguments
from ..task import Task
from .new_model import NewModel
from .recipe_file import RecipeFile

# Keys that name a file or folder, looked for beside the recipe.
_PATHS = ("train_file", "validation_file", "test_file", "model_name_or_path", "tokenizer_name")


@dataclass(frozen=True)
class Recipe:
    """What a recipe makes: the same objects as a training program makes of its command line.

    Fields:
        path: its file. task_name: as in `text-classification`. model: a checkpoint, or a model from nothing.
    """

    path: Path
    task_name: str
    task: Task
    model: ModelChoice | NewModel
    data: DataFiles
    args: TrainingArguments

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> "Recipe":
        """Read and check the recipe in a file.

        Files, and checkpoints that are folders, are looked for from the recipe's folder; `output_dir` from where one is.

        Args:
            overrides: options of a command line that win over the file, as in ["--learning_rate=1e-5"].

        Raises:
            FileMissing: the recipe or a file that it names is not there. CorruptFile: it is no YAML.
            ArgumentError: a task, section, key or value without meaning, in words with its line.
        """
        file = RecipeFile.read(Path(path))
        name = str(file.task.value).replace("_", "-")
        known = task_names()
        if name not in known:
            raise ArgumentError(
                f"{path}, line {file.task.line}: there is no task {name!r:.60}.{did_you_mean(name, known)}"
                f" Expected {', '.join(known)}"
            )
        kind = task_class(name)
        anew = "model_type" in file.sections["model"] or any(word.split("=")[0] == "--model_type" for word in overrides)
        classes: dict[str, type[Any]] = {
            "model": NewModel if anew else ModelChoice,
            "data": DataFiles,
            "options": kind,
            "arguments": Seq2SeqTrainingArguments if kind.generates else TrainingArguments,
        }
        words = []
        for section, its_class in classes.items():
            names = [each.name for each in fields(its_class) if each.init]
            taken = {*names, *getattr(its_class, "older_options", ()), *_aliases(its_class)}
            for key, entry in file.sections[section].items():
                place = f"{path}, line {entry.line}"
                if key not in taken:
                    raise ArgumentError(f"{place}: {section} of {name} has no {key!r:.60}.{did_you_mean(key, names)}")
                words += _words(place, key, _found(entry.value, file.path.parent) if key in _PATHS else entry.value)
        parser = _Parser(tuple(classes.values()), allow_abbrev=False, prog=str(path))
        model, data, task, args = parser.parse_args_into_dataclasses([*words, *overrides], look_for_args_file=False)
        recipe = cls(Path(path), name, task, model, data, args)
        recipe._check()
        if not (args.do_train or args.do_eval or args.do_predict):
            args.do_train = data.train_file is not None or data.dataset_name is not None
            args.do_eval = data.validation_file is not None or args.eval_strategy != "no" or data.dataset_name is not None
            args.do_predict = data.test_file is not None
        return recipe

    def _check(self) -> None:
        for name in ("train_file", "validation_file", "test_file"):
            file = getattr(self.data, name)
            if file is not None and not Path(file).exists():
                raise FileMissing(f"{self.path}: {name} is {file}, which is not there")

    def values(self) -> dict[str, Any]:
        """Everything that was chosen, as JSON holds it."""
        model = {"new_model" if isinstance(self.model, NewModel) else "checkpoint": _plain(self.model)}
        told = {**model, "data": _plain(self.data), "options": _plain(self.task), "arguments": self.args.to_dict()}
        values: dict[str, Any] = json.loads(json.dumps({"task": self.task_name, **told}, default=str))
        return values


class _Parser(HfArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong as an error of the library, rather than end the program."""
        raise ArgumentError(f"{self.prog}: {message}")


def task_names() -> list[str]:
    """The tasks that there are, as recipes name them."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(tasks.__path__))


def task_class(name: str) -> type[Task]:
    """The class of a task of this name."""
    module = import_module(f"{tasks.__name__}.{name.replace('-', '_')}")
    return cast(type[Task], getattr(module, module.TASK))


def _aliases(its_class: type[Any]) -> set[str]:
    """Older spellings of fields."""
    spellings = [each.metadata.get("aliases") or () for each in fields(its_class)]
    words = [word for each in spellings for word in ([each] if isinstance(each, str) else each)]
    return {word.lstrip("-").replace("-", "_") for word in words}


def _words(place: str, key: str, value: Any) -> list[str]:
    """A value of a recipe as a command line says it."""
    if value is None:
        return []
    if value is False and key.endswith("_strategy"):  # YAML reads the word no so
        value = "no"
    if isinstance(value, dict):
        try:
            return [f"--{key}", json.dumps(value, allow_nan=False)]
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{place}: {key} is no table of texts and numbers: {error}") from error
    if isinstance(value, list):
        if any(isinstance(each, dict | list) for each in value):
            raise ArgumentError(f"{place}: {key} is a list of {type(value[0]).__name__}; expected texts or numbers")
        return [f"--{key}", *map(str, value)]
    return [f"--{key}={value}"]


def _found(value: Any, folder: Path) -> Any:
    """A path of a recipe; one that is not there stays as it is: a name on the hub, or a mistake that is told later."""
    beside = folder / str(value)
    return str(beside) if isinstance(value, str) and beside.exists() else value


def _plain(values: Any) -> dict[str, Any]:
    held = {each.name: getattr(values, each.name) for each in fields(values)}
    return {name: value.value if isinstance(value, Enum) else value for name, value in held.items()}
