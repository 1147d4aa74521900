"""A training that ends anywhere and goes on is, bit for bit, the training that did not end."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kit.training import assert_same_end, at_step, config, rows

import bestiary
from bestiary.core.errors import ArgumentError, SaveError
from bestiary.training import checkpoints
from bestiary.training.checkpoints import checkpoints_in, fault_of, get_last_checkpoint


class Killed(BaseException):
    """In place of a kill."""


def _kill() -> None:
    raise Killed


def _trainer(folder: Path, *callbacks: Any, **options: Any) -> Any:
    bestiary.set_seed(0)
    model_class, made = config(bestiary, "classifier", 0.1)
    values: dict[str, Any] = {"gradient_accumulation_steps": 2, "num_train_epochs": 2, "logging_steps": 3, "eval_steps": 4}
    values |= {"eval_strategy": "steps", "save_steps": 1, "learning_rate": 1e-2, "use_cpu": True, "disable_tqdm": True}
    args = bestiary.TrainingArguments(str(folder), per_device_train_batch_size=2, **values | options)
    data = rows("classifier", 11)
    return bestiary.Trainer(model_class(made), args, train_dataset=data, eval_dataset=data[:4], callbacks=list(callbacks))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    trainer = _trainer(tmp_path_factory.mktemp("whole"))
    trainer.train()
    assert trainer.state.global_step == 6
    return trainer


@pytest.mark.parametrize("event", ["on_step_end", "on_pre_optimizer_step", "on_substep_end"])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_killed_at_any_step(whole: Any, event: str, step: int, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _trainer(tmp_path, at_step(event, step, _kill)).train()
    resumed = _trainer(tmp_path)
    resumed.train(resume_from_checkpoint=True if checkpoints_in(tmp_path) else None)
    assert_same_end(whole, resumed)


def test_killed_twice_and_with_other_workers(whole: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _trainer(tmp_path, at_step("on_step_end", 2, _kill)).train()
    with pytest.raises(Killed):
        _trainer(tmp_path, at_step("on_step_end", 5, _kill), dataloader_num_workers=2).train(resume_from_checkpoint=True)
    resumed = _trainer(tmp_path)
    resumed.train(resume_from_checkpoint=True)
    assert_same_end(whole, resumed)


def test_killed_between_the_last_update_of_an_epoch_and_its_log(tmp_path: Path) -> None:
    unbroken = _trainer(tmp_path / "unbroken", logging_strategy="epoch", save_steps=3)
    unbroken.train()
    with pytest.raises(Killed):
        _trainer(tmp_path, at_step("on_save", 3, _kill), logging_strategy="epoch", save_steps=3).train()
    resumed = _trainer(tmp_path, logging_strategy="epoch", save_steps=3)
    resumed.train(resume_from_checkpoint=True)
    assert_same_end(unbroken, resumed)
    assert [entry["step"] for entry in resumed.state.log_history if "grad_norm" in entry] == [3, 6]


@pytest.mark.parametrize("event", ["on_step_begin", "on_prediction_step", "on_save", "on_log"])
def test_asked_to_end(whole: Any, event: str, tmp_path: Path) -> None:
    """SIGTERM in the middle of a step, an evaluation, a save: a checkpoint is written, though none is due, and it goes on."""
    save_steps = 4 if event == "on_save" else 100
    listened = signal.getsignal(signal.SIGTERM)
    trainer = _trainer(tmp_path, at_step(event, 4, lambda: os.kill(os.getpid(), signal.SIGTERM)), save_steps=save_steps)
    with pytest.raises(SystemExit) as ended:
        trainer.train()
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is listened
    assert trainer.state.global_step in (4, 5)
    resumed = _trainer(tmp_path)
    resumed.train(resume_from_checkpoint=True)
    assert_same_end(whole, resumed)


@pytest.mark.parametrize("call", range(0, 15, 3))
def test_save_that_fails_at_any_file(whole: Any, call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while a checkpoint is written: the former ones are whole, and the training goes on from these."""
    trainer = _trainer(tmp_path)
    flush, calls = os.fsync, [0]

    def full(descriptor: int) -> None:
        if trainer.state.global_step == 3:
            calls[0] += 1
            if calls[0] > call:
                raise OSError(28, "No space left on device")
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SaveError, match="disk is full"):
            trainer.train()
    assert not list(tmp_path.glob(".checkpoint*"))
    names = [path.name for path in checkpoints_in(tmp_path)]
    assert names in (["checkpoint-1", "checkpoint-2"], ["checkpoint-1", "checkpoint-2", "checkpoint-3"])
    assert all(fault_of(path) is None for path in checkpoints_in(tmp_path))
    resumed = _trainer(tmp_path)
    resumed.train(resume_from_checkpoint=True)
    assert_same_end(whole, resumed)


def test_not_enough_room_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = checkpoints.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(SaveError, match=r"needs about [\d,]+ bytes, and 1,000 are free"):
        _trainer(tmp_path).train()
    assert [path.name for path in tmp_path.iterdir()] == ["training_report.html"]  # which says how it ended


def test_broken_checkpoints_are_passed_over(whole: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Killed):
        _trainer(tmp_path, at_step("on_step_end", 5, _kill)).train()
    newest = tmp_path / "checkpoint-4" / "model.safetensors"
    damaged = bytearray(newest.read_bytes())
    damaged[-1] ^= 1
    newest.write_bytes(damaged)
    (tmp_path / "checkpoint-3" / "optimizer.pt").unlink()
    (tmp_path / ".checkpoint-9.partial").mkdir()
    assert get_last_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-2")
    with pytest.raises(ArgumentError, match="model.safetensors is not what was written"):
        _trainer(tmp_path).train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    resumed = _trainer(tmp_path)
    resumed.train(resume_from_checkpoint=True)
    assert_same_end(whole, resumed)
    assert not list(tmp_path.glob(".*"))


def test_another_batch_size_sees_each_remaining_row_once(tmp_path: Path) -> None:
    seen: list[int] = []

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        seen.extend(row["number"] for row in batch)
        return {"input_ids": torch.stack([row["input_ids"] for row in batch]), "labels": torch.tensor([0] * len(batch))}

    def trainer(size: int, *callbacks: Any) -> Any:
        model_class, made = config(bestiary, "classifier", 0.0)
        data = [{**row, "number": number} for number, row in enumerate(rows("classifier", 12))]
        args = bestiary.TrainingArguments(
            str(tmp_path), per_device_train_batch_size=size, num_train_epochs=1, save_steps=1, use_cpu=True, disable_tqdm=True
        )
        return bestiary.Trainer(model_class(made), args, collate, data, callbacks=list(callbacks))

    with pytest.raises(Killed):
        trainer(2, at_step("on_save", 3, _kill)).train()
    assert len(seen) == 6
    trainer(3).train(resume_from_checkpoint=True)
    assert sorted(seen) == list(range(12))


def test_a_million_rows_are_not_read_again(tmp_path: Path) -> None:
    from bestiary.training.samplers.sharded import Sharded
    from bestiary.training.samplers.shuffled import Shuffled

    order = Sharded(Shuffled(range(1_000_000), seed=1), batch_size=8)
    order.set_epoch(1)
    all_rows = list(order)
    order.skip([(10, 90_000)])
    assert list(order) == all_rows[900_000:]
    assert sorted(all_rows) == list(range(1_000_000))


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.training.test_trainer_resume import _trainer
trainer = _trainer(Path({folder!r}))
print("begin", flush=True)
trainer.train()
"""


def test_kill_9(whole: Any, tmp_path: Path) -> None:
    """A process that is really killed, at whatever it was doing when the third checkpoint appeared."""
    root = str(Path(__file__).parents[2])
    program = PROGRAM.format(root=root, folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    while process.poll() is None and not (tmp_path / "checkpoint-3").exists():
        pass
    process.kill()
    process.communicate()
    resumed = _trainer(tmp_path)
    resumed.train(resume_from_checkpoint=True)
    assert_same_end(whole, resumed)
