"""Models that look at images, in training: the same random numbers, and the same statistics of batches behind a step."""

import copy
from typing import Any

import torch
from kit.families import Pair, cases, close, each, every_row, kernel_of, seed
from torch import nn

LOOKING = {(name, head) for name, case in cases().items() for head in case.heads if "pixel_values" in case.heads[head].inputs()}
ROWS = [row for row in every_row() if row[:2] in LOOKING]


def in_training(model: Any) -> Any:
    """A copy in training mode, whose dropouts leave out much; how many branches it leaves out says its config."""
    model = copy.deepcopy(model).train()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.3
    return model


@each(ROWS)
@torch.no_grad()
def test_random_numbers_and_statistics(models: Pair) -> None:
    answers, buffers = [], []
    with kernel_of(models.ours, "eager"):
        for model in (in_training(models.ours), in_training(models.reference)):
            seed(3)
            answers.append(model(**models.inputs, **models.labels).to_tuple())
            buffers.append([(name, each) for name, each in model.named_buffers() if "running" in name])
    close(*answers)
    # Some modules of the reference are called otherwise than in its files, whose names are ours.
    assert [name.rpartition(".")[2] for name, _ in buffers[0]] == [name.rpartition(".")[2] for name, _ in buffers[1]]
    close([each for _, each in buffers[0]], [each for _, each in buffers[1]])
