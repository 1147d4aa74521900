"""A plug-in's file that lacks what its folder asks for, or contradicts itself, is told in one sentence that names it."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from kit import checkpoints

from bestiary import AutoModelForCausalLM, GenerationConfig, cli
from bestiary.cache import building, naming
from bestiary.core import plugins
from bestiary.core.errors import InputError, PluginError
from bestiary.generation import choice, config, options, processor, strategy
from bestiary.loading import format as formats
from bestiary.pipelines import registry

CACHED = (
    plugins.names, plugins.expressions, plugins.literals, plugins.published, plugins.in_order,
    options.options, processor.builders,
    choice._constants, formats.formats, naming.aliases,
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
        monkeypatch.setattr(module, constant, ("zoo.pens",) if constant in ("FOLDERS", "PLACES") else "zoo.pens")
        for cached in CACHED:
            cached.cache_clear()

    yield put
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo"]:
        del sys.modules[name]
    for cached in CACHED:
        cached.cache_clear()


def test_a_strategy_without_its_class(folder):
    folder(choice, "FOLDERS", ape="Strategy = 1\n")
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape has no STRATEGY, which a file in zoo\.pens must define"):
        strategy.strategy_class("ape")


@pytest.mark.parametrize(
    ("constant", "text"),
    [("CHOSEN_BY", 'CHOSEN_BY = ("top_kk",)\n'), ("EXCLUDES", 'CHOSEN_BY = ("top_k",)\nEXCLUDES = ("top_kk",)\n')],
)
def test_a_strategy_that_no_option_asks_for(folder, constant, text):
    folder(choice, "FOLDERS", ape=text)
    with pytest.raises(PluginError, match=rf"^zoo\.pens\.ape: {constant} names 'top_kk', .*Did you mean 'top_k'"):
        choice.strategy_name(GenerationConfig(top_k=5))


def test_a_task_without_its_pipeline(folder):
    folder(registry, "_TASKS", ape="")
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape has no PIPELINE"):
        registry.PIPELINE_REGISTRY.find("ape")


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
    folder(naming, "KINDS", ape=text)
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


OPTION = 'OPTIONS = {"food": Option(int)}\n'
FORMAT = 'FILE_NAME = "weights.ape"\nSUFFIXES = (".ape",)\nPLACE = 1\n'
TASKS = registry.PIPELINE_REGISTRY


def drawing() -> str:
    return choice.strategy_name(GenerationConfig(do_sample=True))


def names_of_options() -> None:
    options.options.cache_clear()
    config.check_option_names()


@pytest.mark.parametrize(
    ("module", "constant", "use", "text", "sentence"),
    [
        (processor, "_FOLDER", processor.builders, OPTION + 'PLACE = "early"', "PLACE is 'early'; expected a whole number"),
        (processor, "_FOLDER", processor.builders, OPTION + "PLACE = [1]", r"PLACE is \[1\]; expected a whole number"),
        (processor, "_FOLDER", processor.builders, OPTION + "PLACE = 100 + 17", r"PLACE is '100 \+ 17' and must be a literal"),
        (processor, "_FOLDER", processor.builders, 'OPTIONS = ["mine"]\nPLACE = 1', r"OPTIONS is \['mine'\]; expected a table"),
        (processor, "_FOLDER", processor.builders, 'OPTIONS = {"mine": 3}\nPLACE = 1', "OPTIONS is {'mine': 3}; expected a"),
        (
            processor, "_FOLDER", processor.builders, 'OPTIONS = {"mine": Option(Natural, default="x")}\nPLACE = 1',
            "OPTIONS: the default of 'mine' is 'x'; expected a whole number",
        ),
        (processor, "_FOLDER", processor.builders, "OPTIONS = {}[1]\nPLACE = 1", "OPTIONS is read without importing"),
        (options, "PLACES", names_of_options, 'OPTIONS = {"to_dict": Option(int)}', "OPTIONS has 'to_dict', a method of Gen"),
        (options, "PLACES", names_of_options, 'OPTIONS = {"explain": Option(int)}', "OPTIONS has 'explain', a method of Gen"),
        (choice, "FOLDERS", drawing, 'CHOSEN_BY = "mine"', r"CHOSEN_BY is 'mine'; expected a tuple of texts"),
        (choice, "FOLDERS", drawing, "WHEN_DRAWING = 3", r"WHEN_DRAWING is 3; expected text"),
        (choice, "FOLDERS", lambda: strategy.strategy_class("ape"), "STRATEGY = 3", "STRATEGY is 3; expected a class"),
        (naming, "KINDS", naming.aliases, "ALIASES = 5", "ALIASES is 5; expected a table of text"),
        (naming, "KINDS", lambda: building.build("ape", None, 8), "build = 5", "build is 5; expected a function"),
        (
            naming, "KINDS", lambda: building.build("ape", None, 8), "def build(config, length): ...",
            "build returned None; expected an empty Cache",
        ),
        (formats, "_FORMATS", formats.formats, FORMAT.replace('"weights.ape"', "5"), "FILE_NAME is 5; expected text"),
        (formats, "_FORMATS", formats.formats, FORMAT.replace('(".ape",)', '".ape"'), "SUFFIXES is '.ape'; expected a tuple"),
        (registry, "_TASKS", TASKS.get_supported_tasks, 'ALIASES = "ab"', "ALIASES is 'ab'; expected a tuple of texts"),
        (registry, "_TASKS", lambda: TASKS.find("ape"), 'PATTERN = "(a"', r"PATTERN is '\(a'; expected a regular"),
        (registry, "_TASKS", lambda: TASKS.find("ape"), "PIPELINE = 4", "PIPELINE is 4; expected a class derived from"),
        (registry, "_TASKS", lambda: TASKS.find("ape"), "def", "cannot be imported: SyntaxError: "),
        (registry, "_TASKS", lambda: TASKS.find("ape"), "1 / 0", "cannot be imported: ZeroDivisionError: "),
    ],
)  # fmt: skip
def test_a_file_that_says_something_else(folder, module, constant, use, text, sentence):
    folder(module, constant, ape=text)
    with pytest.raises(PluginError, match=rf"^zoo\.pens\.ape:? {sentence}"):
        use()


@pytest.mark.parametrize(
    ("module", "constant", "use", "text", "sentence"),
    [
        (choice, "FOLDERS", drawing, 'CHOSEN_BY = ("top_k",)', "CHOSEN_BY with 'top_k'"),
        (naming, "KINDS", naming.aliases, 'ALIASES = {"bat": {}}', "the name 'bat'"),
        (naming, "KINDS", naming.aliases, 'ALIASES = {"flier": {}}', "the name 'flier'"),
        (registry, "_TASKS", TASKS.get_supported_tasks, 'ALIASES = ("bat",)', "the name 'bat'"),
        (registry, "_TASKS", TASKS.get_supported_tasks, 'ALIASES = ("flier",)', "the name 'flier'"),
        (formats, "_FORMATS", formats.formats, FORMAT, "FILE_NAME = 'weights.ape'"),
    ],
)
def test_two_files_that_claim_the_same(folder, module, constant, use, text, sentence):
    folder(module, constant, ape=text, bat=text.replace("bat", "flea"))
    with pytest.raises(
        PluginError, match=rf"^zoo\.pens\.(ape|bat) and zoo\.pens\.(ape|bat) both have {sentence}; choose another"
    ):
        use()


@pytest.mark.parametrize("files", [{"ape": "Ape"}, {"ape": "Bat", "bat": "Bat"}, {"ape": "Cat"}])
def test_a_public_name_has_one_home(folder, files):
    folder(registry, "_TASKS", **{name: f'__all__ = ["{public}"]\n{public} = 3\n' for name, public in files.items()})
    public_name, public_names = plugins.lazy("zoo", {"cats": ["Cat"]}, ["pens"])
    if files == {"ape": "Ape"}:
        assert public_names() == ["Ape", "Cat"]
        assert public_name("Ape") == 3
        return
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape and zoo\.(pens\.bat|cats) both have the public name '(Bat|Cat)'"):
        public_name("Dog")


def test_a_file_that_is_no_text(folder, tmp_path):
    (tmp_path / "zoo" / "pens" / "ape.py").write_bytes(b"ALIASES = {'\xff': {}}\n")
    folder(naming, "KINDS")
    with pytest.raises(PluginError, match=r"pens/ape\.py cannot be read; expected a file of Python in UTF-8"):
        naming.aliases()


def test_a_processor_that_builds_something_else(folder):
    folder(processor, "_FOLDER", ape="def build(context):\n    return 5\n")
    with pytest.raises(PluginError, match=r"^zoo\.pens\.ape: build returned 5; expected a LogitsProcessor or None"):
        processor.Builder("ape", 7, (), ()).build(None)


PARAMETERS = [f"def run({parameters}): ..." for parameters in ("x: NoSuchKind", "x: int | str", "*x", "x, /", "**x")]


@pytest.mark.parametrize("text", ["def", "1 / 0", "", "run = 4", *PARAMETERS])
def test_a_broken_command_leaves_the_others(folder, monkeypatch, capsys, text):
    folder(cli, "_COMMANDS", ape=text, bat='def run() -> None:\n    """Fly."""\n    print("flown")\n')
    monkeypatch.setattr("warnings.showwarning", None)
    for arguments, code in (["--help"], 0), (["bat"], 0), (["ape", "--swing", "far"], 1):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == code
    captured = capsys.readouterr()
    assert "(broken; running it says why)" in captured.out
    assert "flown" in captured.out
    assert captured.err.startswith("bestiary: error: zoo.pens.ape")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(("result", "sentence"), [(None, "a NoneType"), (torch.zeros(1, 3), r"shape \(1, 3\)")])
def test_a_processor_that_returns_something_else(result, sentence):
    class Ape(processor.LogitsProcessor):
        def __call__(self, input_ids, scores):
            return result

    with pytest.raises(InputError, match=rf"Ape'> returned {sentence}; expected scores of 5 tokens"):
        processor.LogitsProcessorList([Ape()])(torch.zeros(1, 2), torch.zeros(1, 5))


def test_a_strategy_that_chooses_something_else(folder):
    text = "import bestiary.generation.strategy as s\nclass STRATEGY(s.Strategy):\n    def choose(self, run, scores): ..."
    model = AutoModelForCausalLM.from_pretrained(checkpoints.llama())
    folder(choice, "FOLDERS", greedy=text)
    with pytest.raises(PluginError, match=r"^zoo\.pens\.greedy: choose gave a NoneType; expected NextTokens"):
        model.generate(torch.tensor([[5, 6]]), max_new_tokens=1, do_sample=False)
