"""Rows of an iterable data set are each seen once in an epoch, for any workers and processes; epochs reach workers (B12)."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kit.forked import run_forked

import bestiary

ROOT = Path(__file__).parents[2]
COUNT, EPOCHS = 23, 3
CASES = [(processes, workers) for processes in (1, 2) for workers in (0, 1, 3)]


class Stream(torch.utils.data.IterableDataset[Any]):
    """Rows that know their number and the epoch they are read in."""

    epoch = -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Any:
        for number in range(COUNT):
            yield {"input_ids": torch.tensor([number, self.epoch]), "labels": torch.tensor([0])}


class Noting(bestiary.Trainer):
    """Keeps what it was given."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        self.noted = [*getattr(self, "noted", []), *(inputs["input_ids"].tolist() if self.share else [])]
        return model(torch.zeros(1, 1)).sum()


def train(rank: int, workers: int, folder: Path) -> None:
    args = bestiary.TrainingArguments(
        str(folder),
        per_device_train_batch_size=2,
        num_train_epochs=EPOCHS,
        lr_scheduler_type="constant",
        dataloader_num_workers=workers,
        dataloader_persistent_workers=workers > 0,
        remove_unused_columns=False,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Noting(torch.nn.Linear(1, 1), args, train_dataset=Stream())
    trainer.train()
    (folder / f"{rank}.json").write_text(json.dumps(trainer.noted))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streamed")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize(("processes", "workers"), CASES)
def test_each_row_is_seen_once_in_each_epoch(processes: int, workers: int, seen: Path) -> None:
    parts = [json.loads((seen / f"{processes}-{workers}" / f"{rank}.json").read_text()) for rank in range(processes)]
    assert sorted(row for part in parts for row in part) == sorted(
        [row, epoch] for row in range(COUNT) for epoch in range(EPOCHS)
    )


if __name__ == "__main__":
    import torch._dynamo  # which DDP imports: once here, for all that are forked

    for count, several in CASES:
        target = Path(sys.argv[1]) / f"{count}-{several}"
        target.mkdir()
        ends = run_forked(partial(train, workers=several, folder=target), count, target)
        assert [status for status, _ in ends] == [0] * count, ends
