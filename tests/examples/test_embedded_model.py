"""The model inside the package is what its card says, and the script that made it still runs."""

import json
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tokenizers import Tokenizer

from bestiary import AutoModelForCausalLM, AutoTokenizer, pipeline
from bestiary.core.errors import InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.pipelines.defaults import embedded_model_path


@pytest.fixture(scope="module")
def script(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("train_embedded_model")


@pytest.fixture(scope="module")
def measures(script: ModuleType) -> ModuleType:
    return sys.modules["embedded_model.measures"]


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(embedded_model_path())


@pytest.fixture(scope="module")
def model(folder: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32")


@pytest.fixture(scope="module")
def held_out(script: ModuleType, folder: Path) -> list[str]:
    trained_on = re.search(r"CPython (\S+)", (folder / "README.md").read_text()).group(1)
    if platform.python_version() != trained_on:
        pytest.skip(f"needs the standard library of CPython {trained_on}, whose files were held out")
    files = script.files(script.Settings(out=folder).source)
    return script.read(path for name, path in files.items() if script.is_held_out(name))


def test_size(folder: Path, model: torch.nn.Module) -> None:
    assert (folder / "model.safetensors").stat().st_size <= 8_000_000
    assert 3_000_000 <= model.num_parameters() <= 5_000_000
    assert sum(path.stat().st_size for path in folder.iterdir()) < 9_000_000


def test_padding_is_a_token_of_its_own(folder: Path, model: torch.nn.Module) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config, settings = model.config, model.generation_config
    assert config.pad_token_id == settings.pad_token_id == tokenizer.pad_token_id
    assert tokenizer.pad_token_id not in (config.bos_token_id, config.eos_token_id)
    assert len(tokenizer) == config.vocab_size
    assert tokenizer.decode(tokenizer("\xff \u00c3\u00bf").input_ids) == "\xff \u00c3\u00bf"
    batch = tokenizer(["def mean(values):", "def f"], padding=True, return_tensors="pt")
    assert (batch["input_ids"] == tokenizer.pad_token_id).any()
    with pytest.raises((InputError, BestiaryWarning), match="padding"):  # without a mask it is noticed
        model(batch["input_ids"])
    batch = tokenizer(["def mean(values):", "def f"], padding=True, padding_side="left", return_tensors="pt")
    new = model.generate(**batch, max_new_tokens=6, do_sample=False)
    alone = tokenizer("def f", return_tensors="pt")
    assert torch.equal(new[1, -6:], model.generate(**alone, max_new_tokens=6, do_sample=False)[0, -6:])


def test_it_says_that_it_is_a_demonstration() -> None:
    with pytest.warns(BestiaryWarning, match="no model was named, so the embedded one writes: a demonstration"):
        pipeline("text-generation")


def test_bits_per_byte_are_those_of_the_card(
    script: ModuleType, folder: Path, model: torch.nn.Module, held_out: list[str]
) -> None:
    """All held-out text takes half a minute: a quarter of its files gives what it gave when all gave the figure of the card."""
    stated = json.loads((folder / "training.json").read_text())["figures"]["held_out_bits_per_byte"]
    assert f"{stated:.3f}" in (folder / "README.md").read_text()
    assert stated == 1.0171, "measure the figure below anew"
    quarter = script.bits_per_byte(model, held_out[1::4], Tokenizer.from_file(str(folder / "tokenizer.json")), 512)
    assert abs(quarter - 1.0485) < 0.001


def test_completions_parse_more_often_than_not(
    measures: ModuleType, folder: Path, model: torch.nn.Module, held_out: list[str]
) -> None:
    prompts = measures.prompts(held_out, 20)
    assert len(prompts) >= 15
    assert measures.parse_rate(model, prompts, AutoTokenizer.from_pretrained(folder)) > 0.5


@pytest.mark.parametrize(
    ("text", "ended", "expected"),
    [
        ("def f():\n    return 1\n", True, True),
        ("def f():\n", True, False),
        ("def f():\n    return (1\n", True, False),
        ("def f():\n    a = 1\n    b = (2,\n    3,\n    4", False, True),
        ("def f():\n    a = 1\n    if a:\n        ret", False, True),
        ("def f():\n    a b\n    c = 1\n    ret", False, False),
        ("def f():\n    ret", False, False),  # nothing of it is whole
    ],
)
def test_what_is_python(measures: ModuleType, text: str, ended: bool, expected: bool) -> None:
    assert measures.is_python(text, ended) == expected


def test_what_is_cut_from_a_file(script: ModuleType) -> None:
    method = "    def size(self) -> int:\n        'Say it.'\n        return self._size\n"
    text = f"class A:\n{method}\ndef last(row: list): return row[-1]\n"
    kinds = script.by_kind([text])
    assert kinds["files"] == [text]
    assert kinds["one_line"] == ["def last(row): return row[-1]\n"]
    assert "def size(self): return self._size\n" in kinds["short"]
    assert "def size(self) -> int:\n    'Say it.'\n    return self._size\n" in kinds["pieces"]


def test_the_training_script_runs_and_resumes(
    script: ModuleType, measures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "CHOICES", measures.CHOICES[:2])
    monkeypatch.setattr(sys.modules["embedded_model.text"], "PACKAGES", {"mpmath": ("mpmath", "BSD")})
    few = ["--out", str(tmp_path), "--files", "70", "--vocab", "400", "--batch", "2", "--context", "64", "--save-every", "1"]
    first = script.main([*few, "--steps", "1"])
    again = script.main([*few, "--steps", "3"])
    assert (first["steps"], again["steps"]) == (1, 3)
    assert again["held_out_bits_per_byte"] != first["held_out_bits_per_byte"]
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert model.dtype == torch.bfloat16
    assert model.num_parameters() == again["parameters"]
    assert AutoTokenizer.from_pretrained(tmp_path).eos_token == script.END
    assert "held-out bits per byte" in (tmp_path / "README.md").read_text()
