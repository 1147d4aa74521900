"""`Recipe`: a training that is written down: its task, model, data and arguments, checked before any work."""

import json
import re
from argparse import Action
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from ..core import plugins
from ..core.argument_parser import HfArgumentParser
from ..core.errors import ArgumentError, FileMissing, did_you_mean
from ..training.arguments import TrainingArguments
from ..training.data_files import DataFiles
from ..training.model_choice import ModelChoice
from ..training.seq2seq_arguments import Seq2SeqTrainingArguments
from ..training.task import Task
from .new_model import NewModel
from .recipe_file import Entry, RecipeFile

_TASKS = "bestiary.training.tasks"
# Put before each item of a list, so that none is read as an option; no text of YAML has it.
_ITEM = "\0"
_FILES = ("train_file", "validation_file", "test_file")
# Keys that name a file or folder, looked for beside the recipe.
_PATHS = (*_FILES, "model_name_or_path", "tokenizer_name")


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
    def load(cls, path: str | Path, changes: Mapping[str, Any] | None = None) -> "Recipe":
        """Read and check the recipe in a file.

        Files, and checkpoints that are folders, are looked for from the recipe's folder; `output_dir` from where one is.

        Args:
            changes: key -> value, of keys of any section, which win over the file; paths among them from where one is.

        Raises:
            FileMissing: the recipe or a file that it names is not there. CorruptFile: it is no YAML.
            ArgumentError: a task, section, key or value without meaning, in words with its line.
        """
        file = RecipeFile.read(Path(path))
        name = str(file.task.value).replace("_", "-")
        known = [each.replace("_", "-") for each in plugins.names(_TASKS)]
        if name not in known:
            raise ArgumentError(
                f"{path}, line {file.task.line}: there is no task {name!r:.60}.{did_you_mean(name, known)}"
                f" Expected {', '.join(known)}"
            )
        module = plugins.load(_TASKS, name, "task")
        kind: type[Task] = getattr(module, module.TASK)
        anew = "model_type" in {*file.sections["model"], *(changes or ())}
        classes: dict[str, type[Any]] = {
            "model": NewModel if anew else ModelChoice,
            "data": DataFiles,
            "options": kind,
            "arguments": Seq2SeqTrainingArguments if kind.generates else TrainingArguments,
        }
        parser = _Parser(file, tuple(classes.values()))
        sections = file.sections
        for key, value in (changes or {}).items():
            section = next((each for each, its_class in classes.items() if key in _keys(its_class)), None)
            if section is None:
                names = [each for its_class in classes.values() for each in _keys(its_class)]
                raise ArgumentError(f"a recipe of {name} has no {key!r:.60}, which was to be set.{did_you_mean(key, names)}")
            field = parser.field(key)
            sections[section] = {each: entry for each, entry in sections[section].items() if parser.field(each) != field}
            sections[section][key] = Entry(value, 0)
        words = []
        for section, its_class in classes.items():
            taken, said = _keys(its_class), dict[str, str]()
            for key, entry in sections[section].items():
                if key not in taken:
                    raise ArgumentError(
                        f"{parser.place(key)}: {section} of {name} has no {key!r:.60}.{did_you_mean(key, taken)}"
                    )
                if (first := said.setdefault(parser.field(key), key)) != key:
                    raise ArgumentError(f"{parser.place(key)}: {key} is said twice, first as {first}; leave one out")
                if key == "output_dir" and not entry.value:
                    raise ArgumentError(f"{parser.place(key)}: output_dir is empty; name a folder, or leave the line out")
                value = _found(entry.value, file.path.parent) if key in _PATHS and entry.line else entry.value
                words += _words(parser.place(key), key, value, "list" in taken[key])
        model, data, task, args = parser.objects(words)
        for key in _FILES:
            if (named := getattr(data, key)) is not None and not Path(named).exists():
                raise FileMissing(f"{parser.place(key)}: {key} is {named}, which is not there")
        for key, named in {"do_train": data.train_file, "do_eval": data.validation_file, "do_predict": data.test_file}.items():
            if key not in sections["arguments"]:
                wanted = named is not None or (data.dataset_name is not None and key != "do_predict")
                setattr(args, key, wanted or getattr(args, key))
        return cls(Path(path), name, task, model, data, args)

    @property
    def folder(self) -> Path:
        """`output_dir`."""
        return Path(str(self.args.output_dir))

    def values(self) -> dict[str, Any]:
        """Everything that was chosen, as JSON holds it."""
        model = {"new_model" if isinstance(self.model, NewModel) else "checkpoint": _plain(self.model)}
        told = {**model, "data": _plain(self.data), "options": _plain(self.task), "arguments": self.args.to_dict()}
        values: dict[str, Any] = json.loads(json.dumps({"task": self.task_name, **told}, default=str))
        return values


class _Parser(HfArgumentParser):
    """Makes the objects of a recipe; what is wrong is an error of the library that names the line."""

    def __init__(self, file: RecipeFile, classes: tuple[type[Any], ...]) -> None:
        super().__init__(classes, allow_abbrev=False, prog=str(file.path), add_help=False)
        self.file, self.has_told = file, False

    def place(self, key: str) -> str:
        """Where a key of the recipe stands."""
        line = next((entries[key].line for entries in self.file.sections.values() if key in entries), None)
        return f"{key}, which was set" if line == 0 else f"{self.file.path}, line {line}" if line else str(self.file.path)

    def field(self, key: str) -> str:
        """The field that a key fills, which may be its older spelling."""
        action = self._option_string_actions.get(f"--{key}")
        return action.dest if action else key

    def _get_value(self, action: Action, arg_string: str) -> Any:
        return super()._get_value(action, arg_string.removeprefix(_ITEM))

    def objects(self, words: list[str]) -> tuple[Any, ...]:
        """One object of each class."""
        try:
            return self.parse_args_into_dataclasses(words, look_for_args_file=False)
        except (ArgumentError, ValueError) as error:
            if self.has_told:
                raise
            first = re.match(r"\w+", str(error))
            raise ArgumentError(f"{self.place(first[0] if first else '')}: {error}") from error

    def error(self, message: str) -> NoReturn:
        """Say what is wrong as an error of the library, rather than end the program."""
        key = re.match(r"argument --(\w+)[^:]*: ", message)
        said = f"{key[1]}: {message[key.end() :]}" if key else re.sub(r"--(\w+)/--[\w-]+", r"\1", message)
        self.has_told = True
        raise ArgumentError(f"{self.place(key[1]) if key else self.prog}: {said}")


def _keys(its_class: type[Any]) -> dict[str, str]:
    """Name -> type of what a section may hold, with older spellings."""
    types: dict[str, str] = {}
    for each in fields(its_class):
        aliases = each.metadata.get("aliases") or ()
        spellings = [each.name, *([aliases] if isinstance(aliases, str) else aliases)]
        types |= {word.lstrip("-").replace("-", "_"): str(each.type) for word in spellings if each.init}
    return types | dict.fromkeys(getattr(its_class, "older_options", ()), "")


def _words(place: str, key: str, value: Any, takes_list: bool) -> list[str]:
    """A value of a recipe as a command line says it."""
    if value is None:
        return []
    if isinstance(value, dict):
        try:
            return [f"--{key}={json.dumps(value, allow_nan=False)}"]
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{place}: {key} is no table of texts and numbers: {error}") from error
    if isinstance(value, list | tuple):
        if not takes_list or any(isinstance(each, dict | list) for each in value):
            raise ArgumentError(f"{place}: {key} is a list; expected {'texts or numbers in it' if takes_list else 'one value'}")
        return [f"--{key}", *(f"{_ITEM}{each}" for each in value)]
    return [f"--{key}={value}"]


def _found(value: Any, folder: Path) -> Any:
    """A path of a recipe; one that is not there stays as it is: a name on the hub, or a mistake that is told later."""
    beside = folder / str(value)
    return str(beside) if isinstance(value, str) and beside.exists() else value


def _plain(values: Any) -> dict[str, Any]:
    held = {each.name: getattr(values, each.name) for each in fields(values)}
    return {name: value.value if isinstance(value, Enum) else value for name, value in held.items()}
