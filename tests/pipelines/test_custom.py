"""Pipelines of a checkpoint's own: built where the caller allows code, as in the published library, and saved along."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit import remote_code

import bestiary
from bestiary import AutoConfig, AutoModelForCausalLM
from bestiary.core.errors import ConfigError, UnknownArchitecture, UnsafeFile
from bestiary.pipelines import PIPELINE_REGISTRY

PAIR = {"impl": "pair_strange.PairPipeline", "pt": ["AutoModelForCausalLM"], "tf": [], "type": "text"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    remote_code.keep_apart(monkeypatch, tmp_path)
    folder = remote_code.write(tmp_path / "strange")
    remote_code.write_tokenizer(folder)
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    AutoModelForCausalLM.from_config(config, trust_remote_code=True).save_pretrained(folder)
    set_tasks(folder, {"pair": PAIR})
    (folder / "pair_strange.py").write_text(remote_code.PAIR)
    return folder


def set_tasks(folder: Path, tasks: Any) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "custom_pipelines": tasks}))


@pytest.mark.parametrize("task", ["pair", None])
def test_a_task_of_its_own(folder: Path, task: str | None) -> None:
    ours = bestiary.pipeline(task, model=str(folder), trust_remote_code=True)
    theirs = transformers.pipeline(task, model=str(folder), trust_remote_code=True)
    assert type(ours).__name__ == type(theirs).__name__ == "PairPipeline"
    assert ours("a", second="b") == theirs("a", second="b")


def test_it_does_not_run_unasked(folder: Path) -> None:
    with pytest.raises(UnsafeFile, match=r"which must be executed to open it \(pair_strange.PairPipeline\)"):
        bestiary.pipeline("pair", model=str(folder))


@pytest.mark.parametrize(
    ("tasks", "task", "error", "said"),
    [
        ({"pair": PAIR, "other": PAIR}, None, UnknownArchitecture, "for several tasks; pass task=, one of pair, other"),
        ({"pair": {**PAIR, "pt": ["AutoTokenizers"]}}, "pair", UnknownArchitecture, "names AutoTokenizers; expected automatic"),
        ({"pair": {**PAIR, "impl": "modeling_strange.StrangeModel"}}, "pair", UnsafeFile, "expected a Pipeline"),
        ({"pair": {**PAIR, "impl": "../up.Pipe"}}, "pair", UnsafeFile, "expected 'module.Class'"),
        ({"pair": {"pt": []}}, "pair", ConfigError, "custom_pipelines of config.json is"),
        ({"pair": PAIR}, "pear", UnknownArchitecture, "unknown task 'pear'"),
    ],
)
def test_what_is_refused(folder: Path, tasks: Any, task: str | None, error: type[Exception], said: str) -> None:
    set_tasks(folder, tasks)
    with pytest.raises(error, match=said):
        bestiary.pipeline(task, model=str(folder), trust_remote_code=True)


def test_it_is_saved_along(folder: Path, tmp_path: Path) -> None:
    bestiary.pipeline("pair", model=str(folder), trust_remote_code=True).save_pretrained(tmp_path / "again")
    values = json.loads((tmp_path / "again" / "config.json").read_text())
    assert values["custom_pipelines"]["pair"]["impl"] == PAIR["impl"]
    again = bestiary.pipeline(model=str(tmp_path / "again"), trust_remote_code=True)
    assert type(again).__name__ == "PairPipeline"


def test_a_registered_class_is_saved_along(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pair_of_mine.py").write_text(remote_code.PAIR.replace("transformers", "bestiary.pipelines"))
    monkeypatch.syspath_prepend(str(tmp_path))
    kind = __import__("pair_of_mine").PairPipeline
    monkeypatch.setattr(PIPELINE_REGISTRY, "_registered", {})
    PIPELINE_REGISTRY.register_pipeline("my-pair", kind, pt_model=AutoModelForCausalLM, type="text")
    set_tasks(folder, {})
    bestiary.pipeline("my-pair", model=str(folder), trust_remote_code=True).save_pretrained(tmp_path / "saved")
    stored = json.loads((tmp_path / "saved" / "config.json").read_text())["custom_pipelines"]
    assert stored == {"my-pair": {"impl": "pair_of_mine.PairPipeline", "pt": ["AutoModelForCausalLM"], "type": "text"}}
    again = bestiary.pipeline("my-pair", model=str(tmp_path / "saved"), trust_remote_code=True)
    assert (type(again).__name__, type(again).__module__.split(".")[0]) == ("PairPipeline", "bestiary_modules")
