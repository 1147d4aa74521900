"""The file of a recipe: YAML that is read strictly, without code, anchors or a key said twice."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, CorruptFile, FileMissing, did_you_mean
from ..core.optional import require

SECTIONS = ("task", "model", "data", "options", "arguments")
# A recipe is written by hand; what is longer is something else.
_LONGEST = 1_000_000
_DEEPEST = 50


@dataclass(frozen=True)
class Entry:
    """A value of a recipe, and the line that it stands in (0: none, it was set beside the file).

    A single value is the text as it is written, for the type of the field says what it means: YAML by itself would read 2e-5 as
    a text and no, Norwegian, as False. Lists are of such texts; tables are what YAML makes of them.
    """

    value: Any
    line: int


@dataclass(frozen=True)
class RecipeFile:
    """What a recipe says, before anything is made of it: the name of the task, and the entries of each section."""

    path: Path
    task: Entry
    sections: dict[str, dict[str, Entry]]

    @classmethod
    def read(cls, path: Path) -> "RecipeFile":
        """The recipe in a file.

        Raises:
            FileMissing: it is not there. CorruptFile: it is no YAML of tables. ArgumentError: a key that no recipe has, one
            that is said twice, or none that says the task.
        """
        if not path.is_file():
            raise FileMissing(f"{path} is not there; expected a recipe, a file of YAML")
        if path.stat().st_size > _LONGEST:
            raise CorruptFile(f"{path} is longer than {_LONGEST:,} bytes; expected a recipe, a short file of YAML")
        yaml: Any = require("yaml", "a recipe")
        try:
            text = path.read_text(encoding="utf-8-sig")
            _check_events(yaml, text, path)
            root = yaml.compose(text, Loader=_loader(yaml))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptFile(f"{path} is no YAML: {' '.join(str(error).split())}") from error
        entries = _entries(yaml, root, path, "a recipe")
        for name, entry in entries.items():
            if name not in SECTIONS:
                raise ArgumentError(
                    f"{path}, line {entry.line}: a recipe has no section {name!r:.60}.{did_you_mean(name, SECTIONS)}"
                    f" Expected {', '.join(SECTIONS)}"
                )
        if "task" not in entries:
            raise ArgumentError(f"{path} does not say the task; expected a line such as 'task: text-classification'")
        nodes = {key.value: value for key, value in root.value}
        sections = {
            name: _entries(yaml, nodes[name], path, name) if entries.get(name, Entry(None, 0)).value is not None else {}
            for name in SECTIONS[1:]
        }
        return cls(path, entries["task"], sections)


def _check_events(yaml: Any, text: str, path: Path) -> None:
    """Refuse what makes a value out of other ones, and what is too deep, before anything is built.

    Raises:
        CorruptFile: which, with its line.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = f"{path}, line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise CorruptFile(f"{place}: an anchor is used again (*name); write the value out")
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            raise CorruptFile(f"{place}: a table is merged into another (<<); write its values out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise CorruptFile(
                f"{place}: lists and tables are more than {_DEEPEST} deep in each other; that is no YAML of a recipe"
            )


def _entries(yaml: Any, node: Any, path: Path, what: str) -> dict[str, Entry]:
    if not isinstance(node, yaml.MappingNode):
        line = "" if node is None else f", line {node.start_mark.line + 1}"
        raise CorruptFile(f"{path}{line}: {what} is no table; expected lines such as 'name: value'")
    entries: dict[str, Entry] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise CorruptFile(f"{path}, line {line}: a name is a text; found a {key.id}")
        if key.value in entries:
            raise ArgumentError(
                f"{path}, line {line}: {key.value!r:.60} is said twice, first in line {entries[key.value].line}"
            )
        entries[key.value] = Entry(_value(yaml, value, path), line)
    return entries


def _value(yaml: Any, node: Any, path: Path) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag.endswith(":null") else node.value
    if isinstance(node, yaml.SequenceNode) and all(isinstance(each, yaml.ScalarNode) for each in node.value):
        return [each.value for each in node.value]
    try:
        return _loader(yaml)("").construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise CorruptFile(f"{path}, line {node.start_mark.line + 1}: a value cannot be read: {said}") from error


def _loader(yaml: Any) -> Any:
    """YAML without code, in which 2e-5 is a number."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # the package is optional
        pass

    numbers = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", numbers, list("-+.0123456789"))
    return Loader
