"""Dataclasses filled from command lines and files, beside the published parser, over many types, defaults and lines."""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, List, Literal, Optional, Union  # noqa: UP035 (old spellings are read too)

import pytest
import transformers
from transformers import hf_argparser

from bestiary import HfArg, HfArgumentParser, TrainingArguments
from bestiary.core import argument_parser
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning


class Colour(Enum):
    RED = "red"
    BLUE = "blue"
    THIRD = 3


class Words(StrEnum):
    A = "a"
    B = "b"


# annotation, what `field` is called with
FIELDS: list[tuple[Any, dict[str, Any]]] = [
    (int, {}),
    (int, {"default": 3}),
    (int, {"default_factory": lambda: 4}),
    (float, {"default": 1e-3, "metadata": {"help": "how fast", "aliases": ["--rate", "-r"]}}),
    (float, {"metadata": {"help": "how fast", "aliases": "-r"}}),
    (float, {"default": 1.0, "metadata": {"choices": [1.0, 2.0], "metavar": "N"}}),
    (str, {"default": "text"}),
    ("int", {"default": 3}),
    (bool, {}),
    (bool, {"default": True}),
    (bool, {"default": True, "metadata": {"help": "whether", "aliases": ["-b"]}}),
    (bool, {"default": False}),
    (Optional[bool], {}),  # noqa: UP045
    (bool | None, {"default": None}),
    (bool | None, {"default": True}),
    (bool | None, {"default": False}),
    (bool | str, {"default": True}),
    (bool | str, {"default": "a"}),
    (Optional[int], {}),  # noqa: UP045
    (int | None, {"default": None}),
    (None | int, {"default": None}),
    (Optional["int"], {"default": None}),
    (str | None, {"default": None}),
    (int | str, {"default": 1}),
    (Union[str, int], {"default": 1}),  # noqa: UP007
    (int | str | None, {"default": None}),
    (dict | str | None, {"default": None}),
    (dict | str, {"default_factory": dict}),
    (List[int], {}),  # noqa: UP006
    (list[str], {"default_factory": lambda: ["a"]}),
    (list[float], {"default_factory": list}),
    (list[str] | None, {"default": None}),
    (list[Colour], {"default_factory": list}),
    (Literal["a", "b"], {}),
    (Literal["a", 1, None, 2.5], {"default": "a"}),
    (Optional[Literal["a", "b"]], {"default": None}),  # noqa: UP045
    (Colour, {}),
    (Colour, {"default": "red"}),
    (Colour, {"default": Colour.THIRD}),
    (Colour | None, {"default": None}),
    (Words, {"default": Words.A}),
    (Path, {"default": Path("here")}),
    (str, {"default": "kept", "init": False}),
]
LEFT_OVER = ["--y 1", "--x 1 --unknown 3", "--x 1 more"]
LINES = [
    *LEFT_OVER,
    "",
    "--x",
    "--no_x",
    "--no-x",
    "--x 1 --no_x",
    "--no_x --x yes",
    "-b false",
    *(
        f"--x {value}"
        for value in ["1", "0", "2.5", "a", "b", "red", "3", "None", "True", "false", "T", "n", "yes", "-1", "blue"]
    ),
    "--x=7",
    "--x=",
    "--x 1 2 3",
    "--x a b",
    "--x 1.5 nan",
    "-r 0.5",
    "--rate 2",
    "--x 1 --x 2",
]


def one_field(annotation: Any, name: str = "x", **keywords: Any) -> Any:
    """A dataclass with one field."""
    return dataclasses.make_dataclass("OneField", [(name, annotation, field(**keywords))])


def outcome(parse: Callable[[], tuple[Any, ...]]) -> Any:
    """The values of the dataclasses, and what else is returned, or the kind of failure."""
    try:
        values = parse()
    except SystemExit as error:
        return f"exit {error.code}"
    except ValueError as error:
        return str(error).partition(":")[0]
    return repr([vars(value) if dataclasses.is_dataclass(value) else value for value in values])


def both(parse: Callable[[Any], tuple[Any, ...]], dataclass_types: Any) -> tuple[Any, Any]:
    """The same parse by our parser and by the published one."""
    ours, theirs = (outcome(lambda parser=parser: parse(parser)) for parser in parsers(dataclass_types))
    return ours, theirs


def parsers(dataclass_types: Any) -> tuple[HfArgumentParser, transformers.HfArgumentParser]:
    """Ours and the published one."""
    return HfArgumentParser(dataclass_types, prog="p"), transformers.HfArgumentParser(dataclass_types, prog="p")


@pytest.mark.parametrize(("annotation", "keywords"), FIELDS, ids=lambda value: str(value)[:40])
def test_a_field_by_every_line(annotation: Any, keywords: dict[str, Any]) -> None:
    ours, theirs = parsers(one_field(annotation, **keywords))
    for line in LINES:
        outcomes = [
            outcome(
                lambda parser=parser, remaining=remaining, line=line: parser.parse_args_into_dataclasses(
                    line.split(), return_remaining_strings=remaining, look_for_args_file=False
                )
            )
            for remaining in ((False, True) if line in LEFT_OVER else (True,))
            for parser in (ours, theirs)
        ]
        assert outcomes[::2] == outcomes[1::2], line


@pytest.mark.parametrize(("annotation", "keywords"), FIELDS, ids=lambda value: str(value)[:40])
def test_help_is_the_published_one(annotation: Any, keywords: dict[str, Any]) -> None:
    kind = one_field(annotation, "two_words", **keywords)
    ours, theirs = parsers(kind)
    assert ours.format_help() == theirs.format_help()


@dataclass
class Model:
    """The first of two."""

    model_name: str = HfArg(help="which one", aliases=["-m"])
    width: int = HfArg(default=4, metadata={"metavar": "W"})
    layers: list[int] = HfArg(default_factory=lambda: [1, 2], help="sizes")
    computed: int = field(default=0, init=False)


@dataclass
class Run:
    """The second, in a group of its own."""

    rate: float = 0.1
    fp16: bool = False
    shuffle: bool = True

    def __post_init__(self) -> None:
        self.half = self.rate / 2


Run._argument_group_name = "of the run"  # type: ignore[attr-defined]


def test_several_dataclasses_and_further_options() -> None:
    def parse(parser: Any) -> tuple[Any, ...]:
        parser.add_argument("--seed", type=int)
        line = ["-m", "bert", "--layers", "3", "4", "--rate", "0.5", "--no_shuffle", "--seed", "1", "left"]
        values = parser.parse_args_into_dataclasses(line, return_remaining_strings=True)
        assert type(values[1]).__name__ == "Run"
        return tuple(values)

    ours, theirs = both(parse, [Model, Run])
    assert ours == theirs
    assert "'left'" in ours
    our_parser, their_parser = parsers((Model, Run))
    assert our_parser.format_help() == their_parser.format_help()
    assert "of the run:" in our_parser.format_help()
    assert our_parser.dataclass_types == list(their_parser.dataclass_types)


def test_none_and_further_options_alone() -> None:
    for parser in (HfArgumentParser(), transformers.HfArgumentParser()):
        parser.add_argument("--seed", type=int)
        assert parser.parse_args_into_dataclasses(["--seed", "3"])[0].seed == 3
    assert issubclass(HfArgumentParser, ArgumentParser)


def test_a_field_helper_makes_the_published_field() -> None:
    for keywords in (
        {"aliases": "-a", "help": "h", "default": 3, "repr": False},
        {"default_factory": list, "metadata": {"metavar": "M"}, "kw_only": True},
        {},
    ):
        ours, theirs = HfArg(**keywords), hf_argparser.HfArg(**keywords)
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("flag", [None, "--args_file"])
@pytest.mark.parametrize("beside", [True, False])
def test_files_of_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str | None, beside: bool) -> None:
    for name, text in {"script": "-m script --width 1", "first": "-m first\n--rate 2", "second": "--width\n9"}.items():
        (tmp_path / f"{name}.args").write_text(text)
    first, second = str(tmp_path / "first.args"), str(tmp_path / "second.args")
    flagged = [flag, second, flag, first] if flag else []
    for program in ("script.py", "absent.py"):
        for words in (["-m", "line"], []):
            for filename in (None, second):
                monkeypatch.setattr(sys, "argv", [str(tmp_path / program), *words, *flagged])
                for args in (None, [*words, *flagged]):
                    ours, theirs = both(
                        lambda parser, args=args, filename=filename: parser.parse_args_into_dataclasses(
                            args, look_for_args_file=beside, args_filename=filename, args_file_flag=flag
                        ),
                        (Model, Run),
                    )
                    assert ours == theirs


def test_a_file_of_arguments_that_is_not_there(tmp_path: Path) -> None:
    """The published parser says nothing."""
    parser = HfArgumentParser(Run)
    with pytest.warns(BestiaryWarning, match="there is no file of arguments"):
        assert parser.parse_args_into_dataclasses([], args_filename=tmp_path / "absent.args") == (Run(),)


VALUES: list[dict[str, Any]] = [
    {"model_name": "a", "rate": 1, "layers": [5]},
    {"model_name": "a", "width": "not read as a number"},
    {"model_name": "a", "wdith": 3, "other": 1},
    {"model_name": "a", "computed": 3},
]


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("extra", [True, False])
def test_dictionaries_and_files(tmp_path: Path, values: dict[str, Any], extra: bool) -> None:
    (tmp_path / "a.json").write_text(json.dumps(values))
    (tmp_path / "a.yaml").write_text("\n".join(f"{name}: {json.dumps(value)}" for name, value in values.items()))
    by_dict = both(lambda parser: parser.parse_dict(values, allow_extra_keys=extra), (Model, Run))
    by_json = both(lambda parser: parser.parse_json_file(tmp_path / "a.json", extra), (Model, Run))
    by_yaml = both(lambda parser: parser.parse_yaml_file(str(tmp_path / "a.yaml"), allow_extra_keys=extra), (Model, Run))
    assert len({*by_dict, *by_json, *by_yaml}) == 1


@pytest.mark.parametrize("annotation", [int | float, int | float | None, bool | int | None])
def test_unions_of_several_types_are_refused(annotation: Any) -> None:
    kind = one_field(annotation, default=1)
    with pytest.raises(ValueError, match="Problem encountered in field 'x'"):
        transformers.HfArgumentParser(kind)
    with pytest.raises(ArgumentError, match=r"the field 'x' has the type int.*|the field 'x' has the type bool"):
        HfArgumentParser(kind)


def test_what_is_no_dataclass_is_refused() -> None:
    with pytest.raises(ArgumentError, match="fills dataclasses; found <class 'int'>"):
        HfArgumentParser(int)
    with pytest.raises(ArgumentError, match="'NoSuchType' is not defined"):
        HfArgumentParser(one_field("NoSuchType"))


def test_where_ours_reads_more() -> None:
    """The published parser cannot read these, or forgets their default."""
    cases: list[tuple[Any, dict[str, Any], str, Any]] = [
        (bool, {"default_factory": lambda: True}, "", True),
        (list[str] | str, {"default": "a"}, "", "a"),
        (list, {"default_factory": list}, "--x a b", ["a", "b"]),
        (list[Literal["a", 1]], {"default_factory": list}, "--x a 1", ["a", 1]),
        (list[int | None], {"default_factory": list}, "--x 1 2", [1, 2]),
        (str | bool | None, {"default": None}, "--x yes", True),
    ]
    for annotation, keywords, line, value in cases:
        [ours] = HfArgumentParser(one_field(annotation, **keywords)).parse_args_into_dataclasses(line.split())
        assert ours.x == value


@pytest.mark.parametrize("text", ["yes", "TRUE", "t", "1", "No", "f", "0", "n", "maybe", "", True, False])
def test_texts_of_booleans(text: Any) -> None:
    answers = []
    for read in (argument_parser.string_to_bool, hf_argparser.string_to_bool):
        try:
            answers.append(read(text))
        except Exception as error:  # noqa: BLE001 (compared)
            answers.append(type(error))
    assert answers[0] == answers[1]


@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")  # each is told once a process
def test_options_of_older_scripts() -> None:
    """The line of an older script parses, also with options that leave no choice any more."""
    line = "--output_dir out --overwrite_output_dir --evaluation_strategy epoch --per_gpu_train_batch_size 4 --no_cuda True"
    words = [*line.split(), "--remove_unused_columns=False", "--fp16_backend", "auto"]
    (args,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses(words, look_for_args_file=False)
    assert (args.eval_strategy, args.per_device_train_batch_size, args.use_cpu) == ("epoch", 4, True)
    assert args.remove_unused_columns is False
