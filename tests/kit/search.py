"""A small regression and trainers of it, for searches."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from bestiary import Trainer, TrainingArguments

ROWS = [{"x": torch.tensor([index / 16 - 1.0]), "labels": torch.tensor([index / 8 - 1.0])} for index in range(32)]


class Regression(nn.Module):
    """y = a x + b, with dropout, so that random numbers matter."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.drop = nn.Linear(1, 1), nn.Dropout(0.1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.line(self.drop(x))
        return {"loss": (y - labels).square().mean(), "logits": y}


def arguments(folder: Path, **options: Any) -> TrainingArguments:
    chosen: dict[str, Any] = {"num_train_epochs": 2, "logging_strategy": "no", "save_strategy": "no", "learning_rate": 0.1}
    return TrainingArguments(str(folder), **chosen | {"use_cpu": True, "disable_tqdm": True} | options)


def trainer(folder: Path, model_init: Any = Regression, callbacks: Any = (), **options: Any) -> Trainer:
    """A trainer for a search."""
    kinds = {name: options.pop(name) for name in ("compute_metrics",) if name in options}
    args = arguments(folder, **options)
    return Trainer(model_init=model_init, args=args, train_dataset=ROWS, eval_dataset=ROWS[:8], callbacks=callbacks, **kinds)


def space(trial: Any) -> dict[str, Any]:
    """A learning rate, and a batch size as a text."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1.0, log=True),
        "per_device_train_batch_size": trial.suggest_categorical("per_device_train_batch_size", ["4", "8"]),
    }
