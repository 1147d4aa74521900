"""Write what `GenerationConfig`, `generate` and `pipeline` take, for editors and type checkers.

    python scripts/write_option_fields.py

Writes `generation/fields.pyi` and `pipelines/opener.pyi`. Run it after a change of an `OPTIONS` table, of the arguments of
`generate`, of what a family's models take, or of a pipeline task (`tests/generation/test_options.py` tells when); never edit
those files by hand. The library itself does not read them.
"""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Annotated, Any, get_origin

from bestiary.core import kinds, plugins
from bestiary.generation.call import Call
from bestiary.generation.config import GenerationMode
from bestiary.generation.mixin import Generating
from bestiary.generation.options import PLACES, options
from bestiary.hub.code.options import CodeOptions
from bestiary.hub.options import HubOptions
from bestiary.modeling.families import families
from bestiary.pipelines.base import Pipeline
from bestiary.pipelines.generating import GeneratingPipeline
from bestiary.pipelines.opening import pipeline
from bestiary.pipelines.registry import PIPELINE_REGISTRY, tasks
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "bestiary"
HEADER = """\
# Every option of generation, its kind, its default, and the file that declares it; and what `generate` takes.
# Written by scripts/write_option_fields.py; do not edit.

from collections.abc import Callable
from enum import Enum
from typing import Any, Literal, TypedDict

from torch import Generator, Tensor

from ..core.kinds import {kinds}
from ..hub.pretrained import PretrainedRecord
from .config import GenerationConfig

class GenerationMode(str, Enum):  # noqa: UP042 (as published)
{modes}

class Fields(PretrainedRecord):
"""
OPENER = """\
# What `pipeline` takes and gives for each task.
# Written by scripts/write_option_fields.py; do not edit.

import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypedDict, TypeVar, Unpack, overload

from torch import Generator, Tensor

from ..generation.fields import OptionKeywords
from .base import Pipeline
from .registry import TaskName
{imports}
Kind = TypeVar("Kind", bound=Pipeline)

"""
# What a checker has to tell apart to know what comes back, so that the signatures of `generate` name it.
TOLD_APART = "return_dict_in_generate"
# What annotations in the stubs are made of.
KNOWN = {"os.PathLike", "Tensor", "Generator", "Any", "Callable", "Literal", "None", "bool", "int", "float", "str", "list"}
KNOWN |= {"tuple", "dict"}
# Arguments of a forward that generation sets or refuses, and those of `generate` that its signatures name.
NOT_PASSED_ON = {"labels", "num_items_in_batch", "self", "shift_labels", "inputs", "generation_config"}


def stubs() -> dict[Path, str]:
    """Path -> text of the stubs."""
    stubs = {PACKAGE / "generation" / "fields.pyi": generation_stub(), PACKAGE / "pipelines" / "opener.pyi": pipelines_stub()}
    return {path: formatted(path, text) for path, text in stubs.items()}


def formatted(path: Path, text: str) -> str:
    """`text` as the formatter wants the file at `path`."""
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", str(path), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def generation_stub() -> str:
    """The options as fields, and the typed dictionaries of what `generate` takes."""
    lines = []
    for package in PLACES:
        for file, source in plugins.expressions(package, "OPTIONS").items():
            place = f"{package}.{file}".removeprefix("bestiary.generation.").replace(".", "/")
            lines += [f"    # {place}", *(f"    {field}" for field in fields(source)), ""]
    body = "\n".join(lines) + "\n" + keywords(dict(option_kinds()))
    bounded = [name for name, kind in vars(kinds).items() if get_origin(kind) is Annotated and f": {name} |" in body]
    listed = "\n".join(f'    {mode.name} = "{mode.value}"' for mode in GenerationMode)
    return HEADER.format(kinds=", ".join(sorted(bounded)), modes=listed) + body


def fields(source: str) -> list[str]:
    """The lines of one table."""
    lines = []
    for name, option in table(source):
        default = [ast.unparse(keyword.value) for keyword in option.keywords if keyword.arg == "default"]
        lines.append(f"{name}: {kind_of(option)} | None = None" + (f"  # counts as {default[0]}" if default else ""))
    return lines


def table(source: str) -> Iterator[tuple[str, ast.Call]]:
    """The names and the declarations in the source of a table."""
    parsed = ast.parse(source, mode="eval").body
    assert isinstance(parsed, ast.Dict)
    for key, option in zip(parsed.keys, parsed.values, strict=True):
        assert isinstance(key, ast.Constant)
        assert isinstance(option, ast.Call)
        yield str(key.value), option


def kind_of(option: ast.Call) -> str:
    """The kind that a declaration states, as it stands there."""
    return ast.unparse(option.args[0]).replace("'", '"')


def option_kinds() -> Iterator[tuple[str, str]]:
    """Each option and its kind."""
    for package in PLACES:
        for source in plugins.expressions(package, "OPTIONS").values():
            for name, option in table(source):
                yield name, f"{kind_of(option)} | None"


def keywords(declared: dict[str, str]) -> str:
    """The typed dictionaries: the options, and with them what `generate` and `generate_steps` take besides."""
    arguments: dict[str, set[str]] = {"trust_remote_code": {"bool | None"}}
    generating = list(generating_classes())
    for method in (Generating.generate, *(kind.generate for kind, _ in generating)):
        collect(arguments, method)
    for name, field in ((field.name, field) for field in dataclass_fields(Call)):
        if name not in {"settings", "inputs", "model_inputs"} | arguments.keys():
            arguments[name] = {annotation(field.type)}
    for kind, parts in generating:
        for part in (kind, *parts):
            for base in part.__mro__:
                if base.__module__.startswith("bestiary.") and "forward" in vars(base):
                    collect(arguments, base.forward)
    for name in arguments.keys() & options().keys():  # a family's own may take more: several temperatures
        declared[name] = union({declared[name], *arguments.pop(name)})
    apart = {TOLD_APART: declared.pop(TOLD_APART)}
    return "\n".join(
        [
            *typed("_Options", "TypedDict", declared),
            *typed("OptionKeywords", "_Options", apart),
            *typed("_Arguments", "TypedDict", joined(dict(sorted(arguments.items())))),
            *typed("GenerateKeywords", "_Options, _Arguments", {}),
            *typed("StepKeywords", "OptionKeywords, _Arguments", {"generation_config": "GenerationConfig | None"}),
        ]
    )


def generating_classes() -> Iterator[tuple[Any, list[Any]]]:
    """Each class of a family that generates, and the classes of the parts that its arguments go to."""
    for name in families():
        family = importlib.import_module(f"bestiary.models.{name}")
        classes = [getattr(family, each) for each in dict.fromkeys(family.TASKS.values())]
        bases = [getattr(family, family.TASKS[task]) for task in ("base",) if task in family.TASKS]
        above = [each for base in bases for each in base.__mro__]
        halves = [vars(each).get(half) for each in above for half in ("encoder_class", "decoder_class")]
        for kind in classes:
            if issubclass(kind, Generating):
                yield kind, [*bases, *filter(None, halves)]


def collect(arguments: dict[str, set[str]], function: Any) -> None:
    """Add the named arguments of `function` and their kinds."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and parameter.name not in NOT_PASSED_ON:
            arguments.setdefault(parameter.name, set()).add(annotation(parameter.annotation))


def annotation(kind: Any) -> str:
    """An annotation as it can stand in the stub; one with names that are not there is `Any`."""
    written = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    written = re.sub(r"\b(torch\._C|torch|typing|collections\.abc)\.", "", written)
    return written if set(re.findall(r"[A-Za-z_][A-Za-z_.]*", written)) <= KNOWN else "Any"


def union(written: Iterable[str]) -> str:
    """One annotation for all of these."""
    parts = {part for each in written for part in re.split(r" \| (?![^\[]*\])", each)}
    return "Any" if "Any" in parts else " | ".join(sorted(parts, key=lambda part: (part == "None", part)))


def typed(name: str, bases: str, entries: dict[str, str]) -> list[str]:
    """The lines of one typed dictionary."""
    lines = [f"    {key}: {kind}" for key, kind in entries.items()]
    return [f"class {name}({bases}, total=False):", *(lines or ["    pass"]), ""]


def pipelines_stub() -> str:
    """The keywords of each task, and `pipeline` as a protocol: a task's name gives its class."""
    opening: dict[str, set[str]] = {"batch_size": {"int | None"}, "num_workers": {"int | None"}}
    for function in (pipeline, HubOptions, CodeOptions):
        collect(opening, function)
    for name in ("task", "model", "pipeline_class"):
        del opening[name]
    generate: dict[str, set[str]] = {"generation_config": {"Any"}}
    for method in (Generating.generate, *(kind.generate for kind, _ in generating_classes())):
        collect(generate, method)
    generate = {name: kinds for name, kinds in generate.items() if name not in opening.keys() | options().keys() | {"task"}}
    encode: dict[str, set[str]] = {}
    collect(encode, PreTrainedTokenizerFast.__call__)
    lines = typed("_Opening", "TypedDict", joined(opening))
    lines += typed("_Generating", "_Opening, OptionKeywords", joined(generate))
    imports, calls = [], []
    for task in tasks():
        kind = PIPELINE_REGISTRY.find(task).pipeline
        file = task.replace("-", "_")
        imports.append(f"from .tasks.{file} import {kind.__name__}")
        generates, entries = issubclass(kind, GeneratingPipeline), task_keywords(kind)
        known = opening.keys() | (generate.keys() | options().keys() if generates else set())
        if not generates and None in entries:
            entries = {**encode, **entries}
        entries = {name: written for name, written in entries.items() if name and name not in known}
        title = "".join(part.title() for part in file.split("_"))
        lines += typed(f"{title}Keywords", "_Generating" if generates else "_Opening", joined(entries))
        names = [task, *(alias for alias, name in PIPELINE_REGISTRY.task_aliases.items() if name == task)]
        names += plugins.literals("bestiary.pipelines.tasks", "NAMED").get(file, ())
        spelt = ", ".join(f'"{name}"' for name in names)
        calls.append((f"task: Literal[{spelt}], model: Any = None, **options: Unpack[{title}Keywords]", kind.__name__))
    calls.append(("task: TaskName, model: Any = None, **options: Any", "Pipeline"))
    calls.append(("task: None = None, *, model: Any, **options: Any", "Pipeline"))
    calls.insert(0, ("task: str | None = None, model: Any = None, *, pipeline_class: type[Kind], **options: Any", "Kind"))
    lines.append("class Opener(Protocol):")
    for arguments, result in calls:
        lines += ["    @overload", f"    def __call__(self, {arguments}) -> {result}: ..."]
    return OPENER.format(imports="\n".join(imports)) + "\n".join(lines) + "\n"


def task_keywords(kind: Any) -> dict[Any, set[str]]:
    """The keywords that the classes of a pipeline read, and their kinds; with the key None where others are handed on."""
    entries: dict[Any, set[str]] = {}
    for base in kind.__mro__:
        method = vars(base).get("_sanitize_parameters")
        if method is None or base is Pipeline:
            continue
        collect(entries, method)
        if not any(each.kind is each.VAR_KEYWORD for each in inspect.signature(method).parameters.values()):
            break
        entries.update({name: {"Any"} for name in re.findall(r'\.pop\("(\w+)"\)', inspect.getsource(method))})
        entries[None] = set()
    return entries


def joined(entries: dict[str, set[str]]) -> dict[str, str]:
    """One annotation for each entry."""
    return {name: union(kinds) for name, kinds in entries.items()}


if __name__ == "__main__":
    for path, written in stubs().items():
        path.write_text(written, encoding="utf-8")
