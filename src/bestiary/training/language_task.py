"""Tasks on text alone: rows of one length, cut from texts that follow each other."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from .data_files import Rows
from .evaluation import EvalPrediction
from .metrics.classification import simple_accuracy
from .task import column_of, column_texts


def texts_of(rows: Rows, name: str | None) -> list[str]:
    """The column of texts, by default `text`, or the first."""
    return column_texts(rows, column_of(rows, name, ("text", *rows[0]), "texts"))


def grouped(rows: Iterable[list[int]], block_size: int) -> Iterator[list[int]]:
    """Tokens of texts one after the other, cut into rows of `block_size`; what is left at the end is dropped.

    Raises:
        ArgumentError: `block_size` is below 2.
    """
    if block_size < 2:
        raise ArgumentError(f"block_size is {block_size}; expected at least 2 tokens")
    tokens = chain.from_iterable(rows)
    while len(block := [token for _, token in zip(range(block_size), tokens, strict=False)]) == block_size:
        yield block


def block_size_of(asked: int | None, tokenizer: Any, config: Any, most: int = 1024) -> int:
    """The length of rows: as asked, but not longer than the tokenizer and the model take; by default these, up to `most`."""
    limits = [tokenizer.model_max_length, getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length]
    return int(min(asked or most, *limits))


def best_tokens(logits: Any, labels: Any) -> Any:
    """The token that is likeliest at each place, of logits (B, S, V)."""
    return (logits[0] if isinstance(logits, tuple) else logits).argmax(-1)


def token_accuracy(prediction: EvalPrediction, shift: int) -> dict[str, float]:
    """The share of labels that were foretold, `shift` places before theirs."""
    predicted, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    predicted, labels = predicted[:, : predicted.shape[1] - shift], labels[:, shift:]
    counted = labels != -100
    return {"accuracy": simple_accuracy(predicted[counted], labels[counted])}
