"""A training on a stream that goes on from a checkpoint sees the rows of one that did not stop, for any workers."""

import json
import shutil
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch

import bestiary
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.training.checkpoints import DIGESTS_NAME, PROGRESS_NAME
from bestiary.training.samplers.streamed import Streamed

SHARDS = [3, 11, 6, 7]  # rows of each
ALL = [100 * shard + row for shard in range(4) for row in range(SHARDS[shard])]


def _rows(shards: list[int]) -> Iterator[dict[str, Any]]:
    for shard in shards:
        for number in range(SHARDS[shard]):
            yield {"input_ids": [100 * shard + number], "labels": 0}


class Plain(torch.utils.data.IterableDataset[Any]):
    """Rows that no worker has a part of."""

    def __iter__(self) -> Any:
        return _rows(list(range(len(SHARDS))))


def _stream(kind: str) -> Any:
    if kind == "plain":
        return Plain()
    made = datasets.IterableDataset.from_generator(_rows, gen_kwargs={"shards": list(range(len(SHARDS)))})
    assert made.num_shards == len(SHARDS)
    return made if kind == "datasets" else made.shuffle(seed=1, buffer_size=5)


class Noting(bestiary.Trainer):
    """Keeps the rows of each batch."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        self.noted = [*getattr(self, "noted", []), inputs["input_ids"].flatten().tolist()]
        return model(torch.zeros(1, 1)).sum()


def _run(folder: Path, kind: str, workers: int, resume: Path | None = None, **options: Any) -> list[list[int]]:
    values = {"per_device_train_batch_size": 2, "num_train_epochs": 2, "save_steps": 3, "report_to": "none"} | options
    args = bestiary.TrainingArguments(
        str(folder),
        lr_scheduler_type="constant",
        dataloader_num_workers=workers,
        remove_unused_columns=False,
        use_cpu=True,
        disable_tqdm=True,
        **values,
    )
    trainer = Noting(torch.nn.Linear(1, 1), args, train_dataset=_stream(kind))
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return trainer.noted


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Any]:
    runs = {}
    for kind, workers in [("plain", 0), ("datasets", 0), ("datasets", 2), ("shuffled", 2)]:
        folder = tmp_path_factory.mktemp(f"{kind}-{workers}")
        runs[kind, workers] = folder, _run(folder, kind, workers)
    return runs


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [("plain", 0, 2), *(("datasets", *pair) for pair in [(0, 2), (2, 0), (2, 2), (2, 3)]), ("shuffled", 2, 0)],
)
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_rows_after_a_stop(whole: Any, kind: str, before: int, after: int, tmp_path: Path) -> None:
    """Before and after the first shards ended, and in the second epoch."""
    folder, seen = whole[kind, before]
    for step in (3, 9, 18):
        forget_warnings()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            resumed = _run(tmp_path, kind, after, folder / f"checkpoint-{step}", save_strategy="no")
        assert resumed == seen[step:]
        said = [str(each.message) for each in told if "other-workers" in str(each.message)]
        assert len(said) == (kind != "plain" and after > 1 and after != before)


@pytest.mark.parametrize("before", [0, 2])
def test_rows_after_a_stop_with_larger_batches(whole: Any, before: int, tmp_path: Path) -> None:
    folder, seen = whole["datasets", before]
    resumed = _run(tmp_path, "datasets", 0, folder / "checkpoint-9", per_device_train_batch_size=3, max_steps=20)
    rows, before_it = list(chain(*resumed)), list(chain(*seen[:9]))
    assert sorted(before_it + rows[: len(ALL) - len(before_it)]) == ALL


def test_a_checkpoint_that_does_not_say_who_read(whole: Any, tmp_path: Path) -> None:
    """One of an earlier version, or of another library."""
    folder, _ = whole["datasets", 2]
    shutil.copytree(folder / "checkpoint-9", tmp_path / "checkpoint-9")
    file = tmp_path / "checkpoint-9" / PROGRESS_NAME
    progress = json.loads(file.read_text())
    assert progress.pop("lanes") == 2
    assert progress.pop("taken") == [[2, 9]]
    file.write_text(json.dumps(progress))
    (file.parent / DIGESTS_NAME).unlink()
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="does not say how many workers"):
        _run(tmp_path, "datasets", 0, tmp_path / "checkpoint-9", save_strategy="no")


def test_each_worker_has_rows_of_its_own(whole: Any) -> None:
    """Else the tests above would compare one order with itself."""
    assert whole["datasets", 0][1] != whole["datasets", 2][1]
    for _, seen in whole.values():
        rows = list(chain(*seen))
        assert sorted(rows[: len(ALL)]) == sorted(rows[len(ALL) :]) == ALL


def test_workers_do_not_tell_a_data_set_its_epoch_at_once() -> None:
    """The epoch of `datasets` is shared by all workers, and telling it is a read and a write."""
    rows = _stream("datasets")
    stream = Streamed(rows, 2, 0, 1, False, 0, workers=2)
    stream.set_epoch(1)
    assert rows.epoch == 1
    told: list[int] = []
    rows.set_epoch = told.append
    list(stream)
    assert told == []
