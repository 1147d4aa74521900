"""Rows of about one length together: the published order, for any number of epochs."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers

import bestiary
from bestiary.training.samplers.length_grouped import LengthGroupedSampler

LENGTHS = [1 + number * 17 % 30 for number in range(40)]


class Noting(torch.nn.Module):
    """Notes the first token of each row."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(1, 1), list[int]()

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        self.seen += input_ids[:, 0].tolist()
        return (self.layer(input_ids[:, :1].float()).sum() * 0,)


def _collate(rows: list[Any]) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.tensor([row["input_ids"][:1] for row in rows]), "labels": torch.zeros(len(rows))}


def _order(library: ModuleType, folder: Path, accumulation: int) -> list[int]:
    model = Noting()
    args = library.TrainingArguments(
        str(folder),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=accumulation,
        num_train_epochs=3,
        train_sampling_strategy="group_by_length",
        seed=7,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    data = [{"input_ids": [number] * length, "labels": 0.0} for number, length in enumerate(LENGTHS)]
    library.Trainer(model, args, train_dataset=data, data_collator=_collate).train()
    return model.seen


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_order_is_the_published_one(accumulation: int, tmp_path: Path) -> None:
    assert _order(bestiary, tmp_path, accumulation) == _order(transformers, tmp_path, accumulation)


def test_each_epoch_is_another_order_whatever_was_drawn_before() -> None:
    orders = []
    for epoch in (0, 1, 2):
        sampler = LengthGroupedSampler(2, lengths=LENGTHS, seed=7)
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
        torch.rand(epoch)
        assert list(sampler) == orders[-1]
    assert len(set(map(tuple, orders))) == 3
    assert all(sorted(order) == list(range(40)) for order in orders)
