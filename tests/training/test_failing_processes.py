"""Where one of two processes fails, or has less data, both end within seconds and say the first error (pains B14)."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kit.forked import run_forked
from tests.kit.training import config, rows

import bestiary
from bestiary.training.watch import heard_by_others

ROOT = Path(__file__).parents[2]
PLACES = (
    "data",
    "forward",
    "evaluate",
    "compute_metrics",
    "save",
    "callback",
    "before",
    "loaders",
    "stream",
    "evaluated",
    "term",
    "memory",
    "no_memory",
    "shown",
    "fsdp_forward",
    "fsdp_shown",
)
# Those at which both go on to an end of their own.
OTHERS = ("term", "memory")
# What the first error is, and which process has it; None: both say it.
FIRST = {
    "loaders": (None, "the number of training batches is not the same in all processes (4 in process 0, 2 in process 1)"),
    "stream": (None, "the number of batches for an update of an iterable data set is not the same in all processes"),
    "evaluated": (None, "the number of batches to evaluate is not the same in all processes (2 in process 0, 1 in process 1)"),
    "save": (0, "bang in save"),
    "no_memory": (1, "OutOfMemoryError: bang in no_memory"),
}


class Rows(list[Any]):
    """Rows of which one cannot be read."""

    def __getitem__(self, index: Any) -> Any:
        if index == 12:
            raise ValueError("bang in data")
        return super().__getitem__(index)


class Stream(torch.utils.data.IterableDataset[Any]):
    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Any:
        return iter(rows("classifier", self.count))


class Failing(bestiary.Trainer):
    # Of this process: where to fail, and its number.
    place, rank = "", 0

    def bang(self, place: str, rank: int = 1) -> None:
        if self.place == place and self.rank == rank:
            raise ValueError(f"bang in {place}")

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        is_training = self.is_in_train and self.model.training
        self.bang("forward" if is_training else "evaluate")
        self.bang("shown")
        if is_training and self.rank and self.place.endswith("memory"):
            rows_now = len((args[1] if len(args) > 1 else kwargs["inputs"])["input_ids"])
            if rows_now > 1 or self.place == "no_memory":
                raise torch.OutOfMemoryError(f"bang in {self.place}")
        return super().compute_loss(*args, **kwargs)

    def _save(self, *args: Any, **kwargs: Any) -> None:
        self.bang("save", 0)
        super()._save(*args, **kwargs)

    def get_train_dataloader(self) -> Any:
        if self.place != "loaders":
            return super().get_train_dataloader()
        order = range(4 if self.rank else 8)
        return torch.utils.data.DataLoader(
            self.train_dataset, batch_size=2, sampler=order, collate_fn=bestiary.default_data_collator
        )


class Bang(bestiary.TrainerCallback):
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if Failing.place == "callback" and Failing.rank == 1:
            raise ValueError("bang in callback")
        if Failing.place == "term" and Failing.rank == 1 and state.global_step == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def metrics(prediction: Any) -> dict[str, Any]:
    if Failing.place == "compute_metrics" and Failing.rank == 1:
        raise ValueError("bang in compute_metrics")
    return {}


def shown(place: str, rank: int, folder: Path) -> None:
    """The same as a program that shows an error itself and exits, so that no `excepthook` sees it."""
    try:
        with heard_by_others():
            train(place, rank, folder)
    except Exception as error:  # noqa: BLE001 (as the command does)
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


def train(place: str, rank: int, folder: Path) -> None:
    """What each of two processes does; with their weights shared out, where `place` begins so."""
    fsdp, place = place.startswith("fsdp_"), place.removeprefix("fsdp_")
    Failing.place, Failing.rank = place, rank
    bestiary.set_seed(rank)  # training begins with the weights of the first process
    model_class, made = config(bestiary, "classifier", 0.0)
    args = bestiary.TrainingArguments(
        str(folder),
        per_device_train_batch_size=2,
        per_device_eval_batch_size=2,
        max_steps=6,
        save_steps=3,
        eval_strategy="steps",
        eval_steps=2,
        auto_find_batch_size=place.endswith("memory"),
        fsdp=fsdp,
        use_cpu=True,
        disable_tqdm=True,
    )
    data: Any = Rows(rows("classifier", 16)) if place == "data" and rank else rows("classifier", 16)
    data = Stream(4 if rank else 16) if place == "stream" else data
    evaluated = rows("classifier", 3 if rank and place == "evaluated" else 5)
    trainer = Failing(
        model_class(made), args, train_dataset=data, eval_dataset=evaluated, compute_metrics=metrics, callbacks=[Bang()]
    )
    if place == "before" and rank:
        raise ValueError("bang in before")
    trainer.train()
    if place == "memory":
        torch.save([trainer.progress.parts, trainer.model.state_dict()], folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("failing")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, str(folder)], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "ends.json").read_text())


@pytest.mark.parametrize("place", [each for each in PLACES if each not in OTHERS])
def test_both_end_with_the_first_error(place: str, ends: dict[str, Any]) -> None:
    rank, message = FIRST.get(place, (1, f"bang in {place.removeprefix('fsdp_')}"))
    for index, (status, errors) in enumerate(ends[place]["processes"]):
        assert status == 1, (ends[place]["seconds"], errors)
        assert message in errors
        if rank is not None and index != rank:
            assert "Traceback" not in errors
            assert f"process {index} ends, because process {rank} failed" in errors


def test_both_end_after_one_update_when_one_is_asked_to(ends: dict[str, Any]) -> None:
    assert [status for status, _ in ends["term"]["processes"]] == [128 + signal.SIGTERM] * 2
    assert ends["term"]["checkpoints"] == ["checkpoint-2"]


def test_both_cut_their_batches_when_one_has_no_memory(ends: dict[str, Any], tmp_path: Path) -> None:
    assert [status for status, _ in ends["memory"]["processes"]] == [0, 0], ends["memory"]
    model_class, made = config(bestiary, "classifier", 0.0)
    args = bestiary.TrainingArguments(
        str(tmp_path), per_device_train_batch_size=4, max_steps=6, use_cpu=True, disable_tqdm=True, save_strategy="no"
    )
    bestiary.set_seed(0)
    alone = bestiary.Trainer(model_class(made), args, train_dataset=rows("classifier", 16))
    alone.train()
    for rank in (0, 1):
        parts, weights = torch.load(Path(ends["memory"]["folder"]) / f"{rank}.pt")
        assert parts == 2
        for name, value in alone.model.state_dict().items():
            torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-6)


def test_batches_that_fit_are_not_found_while_weights_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_class, made = config(bestiary, "classifier", 0.0)
    args = bestiary.TrainingArguments(str(tmp_path), use_cpu=True, fsdp=True, auto_find_batch_size=True)
    monkeypatch.setattr(type(args), "world_size", 2)
    with pytest.raises(bestiary.ArgumentError, match="weights are shared out.*gradient_accumulation_steps"):
        bestiary.Trainer(model_class(made), args)


if __name__ == "__main__":
    import torch._dynamo  # which DDP imports: once here, for all that are forked

    target = Path(sys.argv[1])
    found: dict[str, Any] = {}
    for name in sys.argv[2:] or PLACES:
        (target / name).mkdir()
        start = time.monotonic()
        work = shown if name.endswith("shown") else train
        processes = run_forked(lambda rank, name=name, work=work: work(name, rank, target / name), 2, target / name)  # type: ignore[misc]
        checkpoints = sorted(path.name for path in (target / name).glob("checkpoint-*"))
        found[name] = {"processes": processes, "seconds": time.monotonic() - start}
        found[name] |= {"checkpoints": checkpoints, "folder": str(target / name)}
    (target / "ends.json").write_text(json.dumps(found))
