"""Perplexity in windows: equal to token by token, with every token counted once."""

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from kit import checkpoints

from bestiary import AutoModelForCausalLM

N, WINDOW = 150, 32


@pytest.fixture(scope="module")
def perplexity(program: Callable[[str], ModuleType]) -> Callable[..., tuple[float, int]]:
    found: Callable[..., tuple[float, int]] = program("perplexity").perplexity
    return found


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(3, 400, (1, N), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def token_by_token(ids: torch.Tensor, stride: int, window: int) -> tuple[float, int]:
    """Every token but the first, foretold by the reference from what its window holds before it."""
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoints.gpt2())
    losses = []
    for place in range(1, ids.shape[1]):
        first = 0 if place < window else math.ceil((place - window + 1) / stride) * stride
        if place == first:
            continue  # the beginning of a window that shares nothing with the one before
        scores = model(input_ids=ids[:, first:place]).logits[0, -1].log_softmax(-1)
        losses.append(-float(scores[ids[0, place]]))
    return math.exp(sum(losses) / len(losses)), len(losses)


@pytest.mark.parametrize("stride", [32, 16, 7, 1])
def test_equal_to_token_by_token(perplexity: Any, ids: torch.Tensor, stride: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoints.gpt2())
    found, count = perplexity(model, ids, stride, WINDOW)
    expected, expected_count = token_by_token(ids, stride, WINDOW)
    assert found == pytest.approx(expected, rel=1e-5)
    assert count == expected_count == (N - 1 if stride < WINDOW else N - 5)  # 5 windows, each with a first token


@pytest.mark.parametrize("length", [WINDOW - 1, WINDOW, WINDOW + 1, 2])
def test_edges(perplexity: Any, ids: torch.Tensor, length: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoints.gpt2())
    found, count = perplexity(model, ids[:, :length], 16, WINDOW)
    assert count == length - 1
    assert found == pytest.approx(token_by_token(ids[:, :length], 16, WINDOW)[0], rel=1e-5)


def test_a_model_that_knows_nothing(perplexity: Any, ids: torch.Tensor) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoints.llama())
    with torch.no_grad():
        model.lm_head.weight.zero_()
    assert perplexity(model, ids, 8, WINDOW)[0] == pytest.approx(400, rel=1e-5)


def test_what_cannot_be_measured_is_refused(perplexity: Any, ids: torch.Tensor) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoints.gpt2())
    with pytest.raises(ValueError, match="stride is 33; expected 1 to the window of 32"):
        perplexity(model, ids, 33, WINDOW)
    with pytest.raises(ValueError, match="has 1 token"):
        perplexity(model, ids[:, :1], 1, WINDOW)
    masked = transformers.BertForMaskedLM.from_pretrained(checkpoints.bert("BertForMaskedLM"))
    masked.context_length = lambda: 64
    with pytest.raises(ValueError, match="sees the tokens it should foretell"):
        perplexity(masked, ids % 200, 8, WINDOW)


def test_program(output: Callable[..., str], perplexity: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("The quick brown fox jumps over the lazy dog. " * 40)
    shown = output("perplexity", tmp_path / "text.txt", "--model", checkpoints.llama(), "--stride", 100)
    ids = checkpoints.bytelevel()(((tmp_path / "text.txt").read_text()), return_tensors="pt", verbose=False)["input_ids"]
    value, count = perplexity(AutoModelForCausalLM.from_pretrained(checkpoints.llama()), ids, 100)
    assert shown == f"perplexity {value:.3f} over {count} tokens\n"
    assert count == ids.shape[1] - 1 > 256
