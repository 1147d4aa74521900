"""Several texts behind each other in one row: where they begin, and what keeps them apart."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from .values import may_look


class PackedTexts:
    """Which text each token of a call belongs to.

    Attributes:
        numbers: (B, T), rising along a row; tokens of one number are a text.
    """

    def __init__(self, seq_idx: Tensor) -> None:
        begins = torch.ones_like(seq_idx, dtype=torch.bool)
        begins[:, 1:] = seq_idx[:, 1:] != seq_idx[:, :-1]
        self.numbers, self._begins = begins.cumsum(-1), begins
        self.lengths = lengths_of(self.numbers)

    @property
    def places(self) -> Tensor:
        """(B, T): how many tokens of its text stand before each token."""
        slots = torch.arange(self.numbers.shape[1], device=self.numbers.device).expand_as(self.numbers)
        return slots - (slots * self._begins).cummax(-1).values

    def fits(self, tokens: int) -> bool:
        """Whether a row of so many tokens is one of these."""
        return self.numbers.shape[1] == tokens


class _Running(threading.local):
    """The call that runs in this thread; torch's compiler knows no context variables."""

    texts: PackedTexts | None = None


_RUNNING = _Running()


def packed_texts(tokens: int) -> PackedTexts | None:
    """The texts of the call that runs, where its rows have so many tokens; None where each row is one text."""
    texts = _RUNNING.texts
    return texts if texts is not None and texts.fits(tokens) else None


def rows_are_packed() -> bool:
    """Whether the rows of the call that runs hold several texts."""
    return _RUNNING.texts is not None


@contextmanager
def with_packed_texts(texts: PackedTexts) -> Iterator[None]:
    """The masks and positions that are made while the body runs keep these texts apart."""
    before, _RUNNING.texts = _RUNNING.texts, texts
    try:
        yield
    finally:
        _RUNNING.texts = before


def lengths_of(numbers: Tensor) -> tuple[int, ...] | None:
    """The lengths of the texts numbered (B, T), of all rows one after the other; None where the numbers are not at hand."""
    return counted(numbers) if may_look(numbers) else None


def counted(numbers: Tensor) -> tuple[int, ...]:
    """The same, where an accelerator is waited for."""
    begins = numbers.diff(dim=-1, prepend=numbers[:, :1] - 1).flatten().nonzero().flatten()
    return tuple(begins.diff(append=begins.new_tensor([numbers.numel()])).tolist())


def text_at_a_time(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Make a mixer forget at the end of a packed text: each text becomes a row of its own, padded behind.

    Right for what looks back only: a recurrence, a convolution. `forward(module, x (B, T, D), mask, cache)` gives (B, T, ...).
    """

    @wraps(forward)
    def run(module: Any, x: Tensor, mask: Any, cache: Any, **further: Any) -> Tensor:
        if mask is None or mask.packed is None:
            return forward(module, x, mask, cache, **further)
        lengths = torch.tensor(mask.packed.lengths or counted(mask.packed.numbers), device=x.device)
        real = torch.arange(int(lengths.max()), device=x.device) < lengths[:, None]
        rows = x.new_zeros(*real.shape, x.shape[-1])
        rows = rows.index_put(tuple(real.nonzero().unbind(1)), x.flatten(0, 1))
        mixed = forward(module, rows, mask.of_rows(real), None, **further)
        output: Tensor = mixed[real].unflatten(0, x.shape[:2])
        return output

    return run
