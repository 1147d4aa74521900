"""What cannot be trained with is named in words, before anything is lost."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kit.training import config, rows

import bestiary
from bestiary.core.errors import ArgumentError, BestiaryError, CorruptFile, InputError, LoadError, SaveError
from bestiary.core.logging import BestiaryWarning
from bestiary.training.checkpoints import DIGESTS_NAME


def _trainer(folder: Path, hidden_size: int = 16, **given: Any) -> Any:
    model_class, made = config(bestiary, "classifier", 0.0)
    made.hidden_size = hidden_size
    options = {"max_steps": 2, "save_steps": 2, "use_cpu": True, "disable_tqdm": True} | given.pop("options", {})
    args = bestiary.TrainingArguments(str(folder), per_device_train_batch_size=4, **options)
    return bestiary.Trainer(**{"model": model_class(made), "args": args, "train_dataset": rows("classifier")} | given)


def _junk(self: Any, *args: Any, **kwargs: Any) -> int:
    return 7


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"train_dataset": [1, 2]}, InputError, "a row of the data is a int; expected a mapping"),
        ({"data_collator": lambda rows: None}, ArgumentError, "the collator returned None"),
        ({"model": "a name"}, ArgumentError, "model is a str"),
        ({"model": torch.nn.Linear(2, 2, device="meta")}, ArgumentError, "on the meta device"),
        ({"args": {"output_dir": "x"}}, ArgumentError, "args is a builtins.dict"),
        ({"optimizers": None}, ArgumentError, "expected an optimizer and a schedule"),
        ({"data_collator": "pad"}, ArgumentError, "data_collator is a str"),
        ({"train_dataset": 5}, ArgumentError, "train_dataset is a int; expected rows"),
        ({"eval_dataset": "folder"}, ArgumentError, "eval_dataset is a str; expected rows"),
        ({"train_dataset": {"a": [1]}}, ArgumentError, "train_dataset is a dict; expected rows"),
        ({"callbacks": [type("Junk", (bestiary.TrainerCallback,), {"on_step_end": _junk})]}, ArgumentError, "Junk.on_step_end"),
    ],
)
def test_odd_arguments(given: dict[str, Any], kind: type[BestiaryError], words: str, tmp_path: Path) -> None:
    with pytest.raises(kind, match=words):
        _trainer(tmp_path, **given).train()


def test_an_evaluation_without_labels_that_count_is_told(tmp_path: Path) -> None:
    data = [{**row, "labels": torch.full_like(row["labels"], -100)} for row in rows("causal")]
    model_class, made = config(bestiary, "causal", 0.0)
    with pytest.warns(BestiaryWarning, match="the loss of an evaluation is NaN"):
        _trainer(tmp_path, model=model_class(made), eval_dataset=data).evaluate()


def test_metrics_that_are_no_dict(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="compute_metrics returned a float"):
        _trainer(tmp_path, eval_dataset=rows("classifier"), compute_metrics=lambda found: 0.5).evaluate()


def test_a_folder_that_cannot_be_written_is_told_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trainer = _trainer(tmp_path / "file")
    with pytest.raises(SaveError, match="cannot write into the folder"):
        trainer.train()
    assert trainer.state.global_step == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, content) for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth") for content in (b"", b"{}", b"\x80\x04junk")]
    + [("trainer_state.json", content) for content in (b"", b"[1]", b"{}", b"\x80", json.dumps({"rows": 1}).encode())],
)
def test_damaged_files_of_a_checkpoint_without_digests(name: str, content: bytes, tmp_path: Path) -> None:
    _trainer(tmp_path).train()
    (tmp_path / "checkpoint-2" / DIGESTS_NAME).unlink()
    (tmp_path / "checkpoint-2" / name).write_bytes(content)
    with pytest.raises(CorruptFile, match=name):
        _trainer(tmp_path, options={"max_steps": 4}).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))


def test_a_checkpoint_of_other_shapes_or_of_another_optimizer(tmp_path: Path) -> None:
    _trainer(tmp_path).train()
    checkpoint = str(tmp_path / "checkpoint-2")
    with pytest.raises(LoadError, match="other shapes"):
        _trainer(tmp_path, hidden_size=32).train(resume_from_checkpoint=checkpoint)
    with pytest.raises(LoadError, match="optimizer.pt"):
        _trainer(tmp_path, options={"optim": "sgd", "max_steps": 4}).train(resume_from_checkpoint=checkpoint)


def test_a_choice_is_named_by_its_word(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="eval_strategy is 'steps' and the trainer has no eval_dataset"):
        _trainer(tmp_path, options={"eval_strategy": "steps"})
