"""Options are declared by the files that act on them."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from bestiary.core import plugins
from bestiary.generation import GenerationConfig
from bestiary.generation.options import PLACES, Option, declared, options
from bestiary.generation.processor import builders

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_option_fields.py"


def test_what_editors_see_is_what_is_declared():
    stubs = runpy.run_path(str(SCRIPT))["stubs"]()
    assert len(stubs) == 2
    for path, text in stubs.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python scripts/{SCRIPT.name}"


@pytest.mark.parametrize("package", PLACES)
def test_a_declaration_says_what_importing_the_file_says(package):
    for file, table in declared(package).items():
        assert vars(plugins.load(package, file, "file"))["OPTIONS"] == table


@pytest.mark.parametrize("name", options())
def test_what_an_option_needs_exists(name):
    arguments = {"assistant_model", "assistant_tokenizer"}
    assert set(options()[name].needs) <= options().keys() | arguments
    assert GenerationConfig().get(name) is None


@pytest.mark.parametrize("constant", ["CHOSEN_BY", "EXCLUDES"])
def test_what_asks_for_a_strategy_exists(constant):
    names = {name for package in PLACES for asking in plugins.literals(package, constant).values() for name in asking}
    assert names
    assert names <= options().keys() | {"assistant_model"}


def test_what_asks_for_a_processor_exists():
    names = {name for builder in builders() for name in builder.asked_by}
    assert names <= options().keys() | {"prefix_allowed_tokens_fn", "negative_prompt_ids"}


def test_values_that_ask_for_something():
    option = Option(int, default=50, off=0)
    assert [option.asks(value) for value in (None, 0, 1, 50)] == [False, False, True, True]
    assert [Option(float, default=1.0).asks(value) for value in (None, 1.0, 1, 0.5)] == [False, False, False, True]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package `zoo`; returns a function that writes a file of it."""
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name, text: (tmp_path / "zoo" / f"{name}.py").write_text(text)
    sys.modules.pop("zoo", None)
    for cached in (plugins.names, plugins.expressions, plugins.literals, options, builders):
        cached.cache_clear()


def test_a_declaration_must_stand_by_itself(folder):
    folder("ape", 'FIGS = 3\nOPTIONS = {"figs": Option(int, default=FIGS)}\n')
    with pytest.raises(ValueError, match=r"zoo\.ape: OPTIONS .* without importing .* 'FIGS'"):
        declared("zoo")


def test_two_declarations_of_one_option_are_told(folder, monkeypatch):
    folder("ape", 'OPTIONS = {"figs": Option(Whole)}\n')
    folder("bat", 'OPTIONS = {"figs": Option(Rate)}\n')
    monkeypatch.setattr("bestiary.generation.options.PLACES", ("zoo",))
    options.cache_clear()
    with pytest.raises(ValueError, match=r"'figs' is declared by zoo\.ape and by zoo\.bat"):
        options()


def test_a_processor_that_would_never_run_is_told(folder, monkeypatch):
    folder("ape", 'OPTIONS = {"figs": Option(Whole)}\n')
    monkeypatch.setattr("bestiary.generation.processor._FOLDER", "zoo")
    builders.cache_clear()
    with pytest.raises(ValueError, match=r"zoo\.ape: PLACE and OPTIONS"):
        builders()


def test_every_published_option_says_what_it_takes():
    published = {name for name in transformers.GenerationConfig().__dict__ if not name.startswith("_")}
    assert published - {"transformers_version"} <= options().keys()


def test_a_greedy_token_imports_only_what_it_uses():
    program = """
import sys, torch
from bestiary import LlamaConfig, LlamaForCausalLM
model = LlamaForCausalLM(LlamaConfig(vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                     num_attention_heads=2, eos_token_id=None)).eval()
model.generate(torch.tensor([[1, 2]]), max_new_tokens=1, do_sample=False)
folders = ("processors", "strategies", "older", "watermarks")
print(*(name for name in sys.modules if name.startswith(tuple(f"bestiary.generation.{folder}." for folder in folders))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["bestiary.generation.strategies.greedy"]
