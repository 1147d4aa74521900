"""What a log says of epochs whose length nobody knows before, and of updates that were left out."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kit.search import ROWS, Regression
from torch.utils.data import IterableDataset

import bestiary
from bestiary.core.logging import BestiaryWarning


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(ROWS[:8])


def _arguments(folder: Path, **options: Any) -> bestiary.TrainingArguments:
    fixed: dict[str, Any] = {"per_device_train_batch_size": 2, "logging_steps": 1, "save_strategy": "no", "use_cpu": True}
    return bestiary.TrainingArguments(str(folder), disable_tqdm=True, **fixed | options)


def test_epochs_of_a_stream_rise_once_their_length_is_known(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "num_train_epochs": 2,
        "lr_scheduler_type": "constant",
        "save_strategy": "steps",
        "save_steps": 5,
    }
    whole = bestiary.Trainer(Regression(), _arguments(tmp_path, **options), train_dataset=Stream())
    assert whole.train().metrics["epoch"] == 2.0
    assert whole.state.epoch == 2.0
    logged = [entry["epoch"] for entry in whole.state.log_history if "loss" in entry]
    assert logged == [0.0, 0.0, 0.0, 0.0, 1.25, 1.5, 1.75, 2.0]
    later = bestiary.Trainer(Regression(), _arguments(tmp_path, **options), train_dataset=Stream())
    later.train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))
    assert [entry["epoch"] for entry in later.state.log_history if "loss" in entry] == logged


def test_an_update_that_is_left_out_has_its_epoch_and_no_loss(tmp_path: Path) -> None:
    class Broken(bestiary.Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            loss = super().compute_loss(model, inputs, return_outputs)
            return loss * math.nan if self.state.global_step == 2 else loss

    made = Broken(Regression(), _arguments(tmp_path, num_train_epochs=1), train_dataset=torch.utils.data.Subset(ROWS, range(8)))
    with pytest.warns(BestiaryWarning, match="step 3"):
        made.train()
    (skipped,) = (entry for entry in made.state.log_history if entry["step"] == 3)
    assert skipped["skipped"]
    assert math.isnan(skipped["loss"])
    assert skipped["epoch"] == 0.75
    assert [entry["step"] for entry in made.state.log_history if "loss" in entry and "skipped" not in entry] == [1, 2, 4]
