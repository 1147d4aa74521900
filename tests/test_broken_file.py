"""A plug-in's file that lacks what its folder asks for, or contradicts itself, is told in one sentence that names it."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bestiary import GenerationConfig, cli
from bestiary.cache import building
from bestiary.core import plugins
from bestiary.core.errors import PluginError
from bestiary.generation import options, processor, strategy
from bestiary.loading import format as formats
from bestiary.pipelines import registry

CACHED = (
    plugins.names, plugins.expressions, plugins.literals, plugins.in_order, options.options, processor.builders,
    strategy._constants, formats.formats, building.aliases,
)  # fmt: skip
PLACE = """
OPTIONS = {"%s": Option(int)}
PLACE = 7
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Callable[..., None]]:
    """A package `zoo.pens`; returns a function that puts files into it, and makes it the folder of one kind of plug-ins."""
    pens = tmp_path / "zoo" / "pens"
    pens.mkdir(parents=True)
    for package in (pens.parent, pens):
        (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    def put(module: Any, constant: str, **files: str) -> None:
        for name, text in files.items():
            (pens / f"{name}.py").write_text(text)
        monkeypatch.setattr(module, constant, ("zoo.pens",) if constant == "_FOLDERS" else "zoo.pens")
        for cached in CACHED:
            cached.cache_clear()

    yield put
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo"]:
        del sys.modules[name]
    for cached in CACHED:
        cached.cache_clear()


def test_a_strategy_without_its_class(folder):
    folder(strategy, "_FOLDERS", ape="Strategy = 1\n")
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape has no STRATEGY, which a file in zoo\.pens must define"):
        strategy.strategy_class("ape")


@pytest.mark.parametrize(
    ("constant", "text"),
    [("CHOSEN_BY", 'CHOSEN_BY = ("top_kk",)\n'), ("EXCLUDES", 'CHOSEN_BY = ("top_k",)\nEXCLUDES = ("top_kk",)\n')],
)
def test_a_strategy_that_no_option_asks_for(folder, constant, text):
    folder(strategy, "_FOLDERS", ape=text)
    with pytest.raises(PluginError, match=rf"^zoo\.pens\.ape: {constant} names 'top_kk', .*Did you mean 'top_k'"):
        strategy.strategy_name(GenerationConfig(top_k=5))


def test_a_task_without_its_pipeline(folder):
    folder(registry, "_TASKS", ape="")
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape has no PIPELINE"):
        registry.PIPELINE_REGISTRY.check_task("ape")


def test_a_command_without_a_function(folder, monkeypatch, capsys):
    folder(cli, "_COMMANDS", ape="")
    monkeypatch.setattr("warnings.showwarning", None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["ape"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("bestiary: error: zoo.pens.ape has no run, which a file in zoo.pens must define")


@pytest.mark.parametrize(("text", "sentence"), [("", "has no build"), ("from kinds_of_others import build\n", "is 'dynamic'")])
def test_a_cache_that_is_called_otherwise(folder, text, sentence):
    text = text.replace("kinds_of_others", "bestiary.cache.kinds.dynamic")
    folder(building, "_KINDS", ape=text)
    with pytest.raises(PluginError, match=rf"^zoo\.pens\.ape .*{sentence}"):
        building.build("ape", None, 8)


def test_processors_in_the_same_place(folder):
    folder(processor, "_FOLDER", ape=PLACE % "food", bat=PLACE % "room")
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape and zoo\.pens\.bat both have PLACE = 7"):
        processor.builders()


def test_a_processor_that_no_option_asks_for(folder):
    folder(processor, "_FOLDER", ape='ASKED_BY = ("top_kk",)\nPLACE = 7\n')
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape: ASKED_BY names 'top_kk'"):
        processor.builders()


@pytest.mark.parametrize("missing", ["FILE_NAME", "SUFFIXES", "PLACE"])
def test_a_format_that_does_not_say_all(folder, missing):
    lines = {"FILE_NAME": '"weights.ape"', "SUFFIXES": '(".ape",)', "PLACE": "1"}
    folder(formats, "_FORMATS", ape="\n".join(f"{name} = {value}" for name, value in lines.items() if name != missing))
    with pytest.raises(PluginError, match=rf"^zoo\.pens\.ape has no {missing}"):
        formats.formats()
