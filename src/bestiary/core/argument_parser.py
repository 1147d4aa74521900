"""Command lines, JSON and YAML files that fill dataclasses: each field is an option, as its type and default say.

>>> @dataclass
... class Settings:
...     name: str
...     rounds: int = 3
>>> [settings] = HfArgumentParser(Settings).parse_args_into_dataclasses(["--name", "first"])
"""

import dataclasses
import json
import os
import sys
import types
from argparse import SUPPRESS, ArgumentDefaultsHelpFormatter, ArgumentParser, ArgumentTypeError, Namespace, _ActionsContainer
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .errors import ArgumentError
from .logging import warn_once
from .optional import require

_TRUTH = {
    **dict.fromkeys(("yes", "true", "t", "y", "1"), True),
    **dict.fromkeys(("no", "false", "f", "n", "0"), False),
}


def HfArg(
    *,
    aliases: str | list[str] | None = None,
    help: str | None = None,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    metadata: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """A field of a dataclass with the help text and further spellings of its option.

    Args:
        aliases: further spellings, such as "-n". metadata: other keywords of `ArgumentParser.add_argument`.
        default, default_factory, kwargs: those of `dataclasses.field`.
    """
    about = {name: value for name, value in (("aliases", aliases), ("help", help)) if value is not None}
    return dataclasses.field(default=default, default_factory=default_factory, metadata={**(metadata or {}), **about}, **kwargs)


def string_to_bool(v: str | bool) -> bool:
    """yes, true, t, y, 1 and no, false, f, n, 0, in any case, as a boolean.

    Raises:
        ArgumentTypeError: another word.
    """
    if isinstance(v, bool):
        return v
    if v.lower() not in _TRUTH:
        raise ArgumentTypeError(f"found {v!r:.80}, expected one of {', '.join(_TRUTH)}")
    return _TRUTH[v.lower()]


def make_choice_type_function(choices: Iterable[Any]) -> Callable[[str], Any]:
    """A function that turns the text of one of `choices` into that choice, and leaves other texts as they are."""
    choice_of = {str(choice): choice for choice in choices}
    return lambda text: choice_of.get(text, text)


class HfArgumentParser(ArgumentParser):
    """A parser with an option for every field of one or several dataclasses, besides those added by `add_argument`.

    A field without a default is required. Booleans need no value (`--flag`), and `--no_flag` switches one off that is on by
    default; `Literal` and enumerations allow their values only; lists take several values. `help`, `aliases` and other
    keywords of `add_argument` come from the field's `metadata`. A dataclass whose attribute `_argument_group_name` is a text
    has its options in a group of that name in the help.

    Args:
        dataclass_types: a dataclass, or several. kwargs: those of `ArgumentParser`.

    Raises:
        ArgumentError: something else than a dataclass, or a type that cannot be read from a command line.
    """

    def __init__(self, dataclass_types: Any = None, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", ArgumentDefaultsHelpFormatter)
        super().__init__(**kwargs)
        alone = dataclass_types is None or isinstance(dataclass_types, type) or not isinstance(dataclass_types, Iterable)
        self.dataclass_types = [each for each in [dataclass_types] if each is not None] if alone else list(dataclass_types)
        for dataclass_type in self.dataclass_types:
            self._add_dataclass(dataclass_type)

    def _add_dataclass(self, dataclass_type: Any) -> None:
        if not (isinstance(dataclass_type, type) and dataclasses.is_dataclass(dataclass_type)):
            raise ArgumentError(f"HfArgumentParser fills dataclasses; found {dataclass_type!r:.80}")
        group = getattr(dataclass_type, "_argument_group_name", None)
        options: _ActionsContainer = self.add_argument_group(group) if group else self
        try:
            hints = get_type_hints(dataclass_type)
        except NameError as error:
            raise ArgumentError(
                f"the types of {dataclass_type.__name__}'s fields cannot be found: {error}; define or import them at the top of"
                " the module of this class"
            ) from error
        for field in dataclasses.fields(dataclass_type):
            if field.init:
                _add_option(options, field, hints[field.name])
        for name in getattr(dataclass_type, "older_options", ()):
            options.add_argument(*_flags(name), nargs="?", const=True, default=SUPPRESS, help=SUPPRESS)

    def parse_args_into_dataclasses(
        self,
        args: Sequence[str] | None = None,
        return_remaining_strings: bool = False,
        look_for_args_file: bool = True,
        args_filename: str | os.PathLike[str] | None = None,
        args_file_flag: str | None = None,
    ) -> tuple[Any, ...]:
        """One instance of each dataclass; then the namespace of other options, if any; then the strings left over, if wanted.

        Args:
            args: the command line; by default the program's own. What it says wins over files of arguments.
            look_for_args_file: read arguments from the file named as the program but ending in `.args`, if it is there.
            args_filename: read this file instead. args_file_flag: an option which names such files; the last one wins.

        Raises:
            ArgumentError: strings are left over and not wanted.
        """
        words = list(sys.argv[1:] if args is None else args)
        files: list[Path] = []
        if args_filename:
            files.append(Path(args_filename))
        elif look_for_args_file and sys.argv:
            files = [file for file in [Path(sys.argv[0] or ".").absolute().with_suffix(".args")] if file.exists()]
        if args_file_flag:
            files_parser = ArgumentParser(add_help=False)
            files_parser.add_argument(args_file_flag, dest="files", type=Path, action="append", default=[])
            flagged, words = files_parser.parse_known_args(words)
            files += flagged.files
        namespace, remaining = self.parse_known_args([*_words(files), *words])
        outputs = [kind(**_taken([*_names(kind), *_older(kind, namespace)], namespace)) for kind in self.dataclass_types]
        more = [namespace] if vars(namespace) else []
        if return_remaining_strings:
            return (*outputs, *more, remaining)
        if remaining:
            raise ArgumentError(
                f"Some specified arguments are not used by the HfArgumentParser: {remaining}; take them away, or pass"
                " return_remaining_strings=True"
            )
        return (*outputs, *more)

    def parse_dict(self, args: Mapping[str, Any], allow_extra_keys: bool = False) -> tuple[Any, ...]:
        """One instance of each dataclass, from a dictionary of values, which are taken as they are.

        Raises:
            ArgumentError: keys that are no fields, unless `allow_extra_keys`.
        """
        fields = [_names(dataclass_type) for dataclass_type in self.dataclass_types]
        unknown = sorted(set(args).difference(*fields))
        if unknown and not allow_extra_keys:
            raise ArgumentError(
                f"Some keys are not used by the HfArgumentParser: {unknown}; take them away, or pass allow_extra_keys=True"
            )
        return tuple(
            dataclass_type(**{name: args[name] for name in names if name in args})
            for dataclass_type, names in zip(self.dataclass_types, fields, strict=True)
        )

    def parse_json_file(self, json_file: str | os.PathLike[str], allow_extra_keys: bool = False) -> tuple[Any, ...]:
        """`parse_dict` of what a JSON file holds."""
        return self.parse_dict(json.loads(Path(json_file).read_text(encoding="utf-8")), allow_extra_keys)

    def parse_yaml_file(self, yaml_file: str | os.PathLike[str], allow_extra_keys: bool = False) -> tuple[Any, ...]:
        """`parse_dict` of what a YAML file holds."""
        yaml = require("yaml", "parse_yaml_file")
        return self.parse_dict(yaml.safe_load(Path(yaml_file).read_text(encoding="utf-8")), allow_extra_keys)


def _names(dataclass_type: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(dataclass_type) if field.init]


def _older(dataclass_type: Any, namespace: Namespace) -> list[str]:
    """Options of older releases that were given: the class takes them, though it has no such fields."""
    return [name for name in getattr(dataclass_type, "older_options", ()) if name in namespace]


def _taken(names: list[str], namespace: Namespace) -> dict[str, Any]:
    return {name: vars(namespace).pop(name) for name in names}


def _words(files: list[Path]) -> list[str]:
    """The arguments that these files hold, in their order; a file that is not there holds none."""
    for file in files:
        if not file.exists():
            warn_once("args-file", f"there is no file of arguments {file}; none are read from it", str(file))
    return [word for file in files if file.exists() for word in file.read_text().split()]


def _add_option(options: _ActionsContainer, field: "dataclasses.Field[Any]", hint: Any) -> None:
    """The option of one field, and for a boolean that is on by default the one which switches it off."""
    keywords = dict(field.metadata)
    aliases = keywords.pop("aliases", ())
    flags = [*_flags(field.name), *([aliases] if isinstance(aliases, str) else aliases)]
    kind = _one_type(hint, field.name)
    default = field.default if field.default_factory is MISSING else field.default_factory()
    switch = dict(keywords)
    if kind is bool:
        keywords["type"] = string_to_bool
        if hint is bool or default not in (None, MISSING):
            default = False if default is MISSING else default
            keywords |= {"nargs": "?", "const": True}
    elif kind is list or get_origin(kind) is list:
        item = _one_type((get_args(kind) or (str,))[0], field.name)
        reading = _reading(item) if get_origin(item) is Literal else {"type": item}  # a list of members, not of their values
        keywords |= {"nargs": "+", **reading}
    else:
        keywords |= _reading(kind)
    if default is not MISSING:
        keywords["default"] = default
    elif kind is not bool:
        keywords["required"] = True
    options.add_argument(*flags, **keywords)
    if kind is bool and default is True:
        # The first option gives the default; this one is shown as off.
        options.add_argument(*_flags(f"no_{field.name}"), action="store_false", default=False, dest=field.name, **switch)


def _flags(name: str) -> list[str]:
    return list(dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")))


def _reading(kind: Any) -> dict[str, Any]:
    """The keywords of `add_argument` that make a text a value of this type."""
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind), "type": make_choice_type_function(get_args(kind))}
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = [member.value for member in kind]
        return {"choices": values, "type": make_choice_type_function(values)}
    return {"type": kind}


def _one_type(hint: Any, name: str) -> Any:
    """The type that a field's texts are read as: of a union with None or text the other member.

    Of longer unions with both it is the second member, or the first where None is second.

    Raises:
        ArgumentError: a union of several other types.
    """
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    members = get_args(hint)
    if str not in members and (len(members) > 2 or NoneType not in members):
        raise ArgumentError(
            f"the field {name!r} has the type {hint}; an option is read as one type, so that a union may have one, and None or"
            " str beside it"
        )
    if bool in members:
        return bool
    other = NoneType if NoneType in members else str
    return members[0] if members[1] is other else members[1]
