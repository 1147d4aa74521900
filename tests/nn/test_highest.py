"""The place of the highest score, equal to torch's own."""

import pytest
import torch

from bestiary.nn.highest import BLOCK, WORTH, highest


@pytest.mark.parametrize("size", [1, 5, WORTH - 1, WORTH, WORTH + 1, 2 * WORTH + BLOCK - 1])
@pytest.mark.parametrize("kind", ["random", "equals", "nan", "banned", "last", "half"])
def test_as_argmax(size: int, kind: str) -> None:
    torch.manual_seed(size)
    scores = torch.randn(3, size)
    if kind == "equals":
        scores = scores.round()
    elif kind == "nan":
        scores[1, [size // 2, size - 1]] = torch.nan
    elif kind == "banned":
        scores[0], scores[1, : size // 2] = -torch.inf, -torch.inf
    elif kind == "last":
        scores[:, -1] = 100
    elif kind == "half":
        scores = scores.bfloat16()
    assert highest(scores).equal(scores.argmax(-1))


def test_rows_that_lie_apart() -> None:
    scores = torch.randn(WORTH + 7, 4, generator=torch.Generator().manual_seed(0)).t()
    assert highest(scores).equal(scores.argmax(-1))
