"""`bestiary train`: tells what it would do, does it, goes on with it, and does not do it twice."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from kit import example_rows

from bestiary import Trainer
from bestiary.training.processes import Processes

pytestmark = pytest.mark.filterwarnings(r"ignore:[\s\S]*new, to be trained")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for seed, part in enumerate(("train", "dev")):
        example_rows.write_jsonl(tmp_path / f"{part}.jsonl", example_rows.labelled(16, seed))
    (tmp_path / "recipe.yaml").write_text(
        f"""task: text-classification
model: {{model_name_or_path: {example_rows.encoder()}}}
data: {{train_file: train.jsonl, validation_file: dev.jsonl}}
arguments: {{output_dir: out, use_cpu: true, disable_tqdm: true, num_train_epochs: 2, logging_steps: 1}}
"""
    )
    return "recipe.yaml"


def test_a_dry_run(command: Any, recipe: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    code, out, err = command("train", recipe, "--dry-run")
    assert (code, err) == (0, "")
    told = dict(line.split("\t") for line in out.splitlines())
    assert told["updates"] == "4, 2 an epoch, of 8 rows each"
    assert told["rows"] == "train 16, validation 16"
    assert told["begins"] == "anew"
    assert told["optimizer"] == "adamw_torch_fused, learning rate 5e-05, schedule linear"
    assert "activations" in told["memory, about"]
    code, out, err = command("train", recipe, "--dry-run", "--json", "--set", "max_steps=3")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["updates"], found["rows"], found["problems"]) == (3, 16, [])
    assert found["memory"]["total"] == sum(value for name, value in found["memory"].items() if name != "total")
    assert sorted(tmp_path.iterdir()) == before


def test_only_a_training_s_folder_is_moved_aside(command: Any, recipe: str, tmp_path: Path) -> None:
    """A stranger's recipe may name any folder: one that holds more than a training is not moved by --restart."""
    (tmp_path / "config.json").write_text("{}")
    code, _, err = command("train", recipe, "--restart", "--set", f"output_dir={tmp_path}")
    assert code == 2
    assert "it holds where you are" in err
    assert (tmp_path / recipe).is_file()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letters").write_text("of years")
    code, _, _ = command("train", recipe, "--restart", "--set", "output_dir=mine", "--set", "max_steps=1")
    assert (code, (tmp_path / "mine" / "letters").read_text()) == (0, "of years")


def test_what_would_fail_is_exit_code_2(command: Any, recipe: str, tmp_path: Path) -> None:
    wrong = ("--set", "per_device_train_batch_size=32", "--set", "dataloader_drop_last=yes")
    code, out, err = command("train", recipe, "--dry-run", *wrong)
    assert code == 2
    assert "problem: 16 rows are no full batch of 32" in out
    assert err.startswith("bestiary: error: recipe.yaml: 16 rows are no full batch")
    code, out, err = command("train", recipe, "--dry-run", "--json", *wrong)
    assert (code, err) == (2, "")
    assert json.loads(out)["problems"]
    assert command("train", recipe, *wrong)[0] == 2
    assert not (tmp_path / "out").exists()
    for arguments, said in {
        ("none.yaml",): "none.yaml is not there; expected a recipe",
        (recipe, "--set", "learning_rate"): "expected KEY=VALUE",
        (recipe, "--set", "learning_rat=1"): "Did you mean 'learning_rate'",
    }.items():
        code, out, err = command("train", *arguments)
        assert (code, out) == (2, "")
        assert said in err


def test_a_training_goes_on_and_ends(command: Any, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.training_step

    def stopped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "training_step", stopped)
    code, out, err = command("train", recipe, "--set", "seed=1")
    assert code == 128 + signal.SIGTERM
    assert err.splitlines()[-1] == "stopped; to go on: bestiary train recipe.yaml --set seed=1"
    monkeypatch.setattr(Trainer, "training_step", step)
    assert "begins\twhere checkpoint-3 ended" in command("train", recipe, "--dry-run", "--set", "seed=1")[1]
    code, out, err = command("train", recipe)
    assert (code, out) == (2, "")
    assert "differs in seed: 1 there, 42 here" in err
    code, out, err = command("train", recipe, "--set", "seed=1", "--json")
    assert code == 0
    metrics = json.loads(out)
    assert metrics["epoch"] == 2
    assert (tmp_path / "out" / "training_report.html").is_file()
    code, out, err = command("train", recipe, "--set", "seed=1")
    assert code == 0
    assert err == "out holds this training, which ended at step 4; --restart trains anew\n"
    assert f"eval_loss\t{metrics['eval_loss']:.6g}" in out.splitlines()
    code, out, err = command("train", recipe, "--restart")
    assert code == 0
    assert "what out held is now in out-1" in err
    assert (tmp_path / "out-1" / "model.safetensors").is_file()
    assert json.loads((tmp_path / "out" / "recipe.json").read_text())["arguments"]["seed"] == 42


def test_only_the_first_process_tells(command: Any, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Processes, "is_first", lambda self, each_machine=False: False)
    for more in (("--dry-run",), ("--dry-run", "--json"), (), ("--json",)):
        code, out, _ = command("train", recipe, *more)
        assert (code, out) == (0, "")
    assert not (tmp_path / "out").exists()
