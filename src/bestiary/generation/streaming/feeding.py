"""From the steps of a generation to whoever wants to see its tokens at once."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ArgumentError
from ..decoding import Decoding
from ..loop import Step
from ..strategy import Strategy
from .rows import BatchTextStreamer, RowStreamer
from .text import BaseStreamer


def as_streamer(streamer: Any, tokenizer: Any) -> Any:
    """`streamer`; a plain function becomes a streamer that hands it each `TextPiece` of new text.

    Raises:
        ArgumentError: it is neither.
    """
    if isinstance(streamer, type):
        raise ArgumentError(f"streamer is the class {streamer.__name__}; expected an object of it: {streamer.__name__}(...)")
    # The caller's object need not be of a class of ours.
    puts = all(callable(getattr(streamer, name, None)) for name in ("put", "end"))
    if isinstance(streamer, RowStreamer) or puts:
        return streamer
    if not callable(streamer):
        raise ArgumentError(
            f"streamer is a {type(streamer).__name__}; expected one with put() and end(), or a function of pieces"
        )
    return BatchTextStreamer(tokenizer, streamer, skip_prompt=True, skip_special_tokens=True)


def fail(streamer: Any, error: BaseException) -> None:
    """Bring the error, or at least the end, to a streamer; what it raises itself is not what went wrong first."""
    try:
        if isinstance(streamer, RowStreamer | BaseStreamer):
            streamer.error(error)
        elif streamer is not None:
            streamer.end()
    except Exception as its:  # noqa: BLE001 (somebody's streamer)
        error.add_note(f"{type(streamer).__name__} could not be told of it: {type(its).__name__}: {its}")


class Feed(ABC):
    """Follows one generation for one streamer."""

    def __init__(self, streamer: Any, run: Decoding, strategy: Any) -> None:
        self.streamer, self.run, self.strategy = streamer, run, strategy

    @abstractmethod
    def add(self, step: Step) -> None:
        """After each step."""

    @abstractmethod
    def end(self, sequences: Tensor) -> None:
        """After the last one, with what is returned."""

    @property
    def cancelled(self) -> bool:
        """Whether the reader has had enough."""
        return isinstance(self.streamer, RowStreamer | BaseStreamer) and self.streamer.cancelled


class TokenFeed(Feed):
    """For streamers with `put`: the prompts (R, T), then each step's tokens (R,)."""

    def __init__(self, streamer: Any, run: Decoding, strategy: Strategy) -> None:
        super().__init__(streamer, run, strategy)
        streamer.put(run.ids.clone().cpu())  # theirs to change

    def add(self, step: Step) -> None:
        self.streamer.put(step.tokens.cpu())

    def end(self, sequences: Tensor) -> None:
        self.streamer.end()


class RowFeed(Feed):
    """For streamers by row, where a token that is chosen stays."""

    def __init__(self, streamer: RowStreamer, run: Decoding, strategy: Strategy) -> None:
        super().__init__(streamer, run, strategy)
        self._going = [True] * run.ids.shape[0]
        streamer.begin(_prompts(run))

    def add(self, step: Step) -> None:
        running = step.running.tolist()
        for row, token in enumerate(step.tokens.tolist()):
            if self._going[row]:
                self.streamer.take(row, [token])
        if running != self._going:
            self._finish([row for row, going in enumerate(running) if self._going[row] and not going])
            self._going = running

    def end(self, sequences: Tensor) -> None:
        self._finish([row for row, going in enumerate(self._going) if going])
        self.streamer.end()

    def _finish(self, rows: list[int]) -> None:
        reasons = self.strategy.reasons(self.run) if rows else []
        for row in rows:
            self.streamer.finish(row, reasons[row])


class AgreedRowFeed(Feed):
    """For streamers by row, with beams: what they have agreed on. The rows are those that are returned."""

    def __init__(self, streamer: Any, run: Decoding, strategy: Any) -> None:
        super().__init__(streamer, run, strategy)
        beams = strategy.rows(run.settings)
        self._copies = run.settings.effective("num_return_sequences")
        self._sent = [run.length] * (run.ids.shape[0] // beams * self._copies)
        self._begin([prompt for prompt in _prompts(run)[::beams] for _ in range(self._copies)])

    def add(self, step: Step) -> None:
        ids, counts = self.strategy.agreed(self.run)
        for prompt, (row, count) in enumerate(zip(ids.tolist(), counts.tolist(), strict=True)):
            best = prompt * self._copies
            if count > self._sent[best]:
                self._take(best, row[self._sent[best] : count])
                self._sent[best] = count

    def end(self, sequences: Tensor) -> None:
        chosen = self.strategy.extras(self.run)["beam_indices"]
        lengths = (sequences.shape[1] - chosen.shape[1] + (chosen >= 0).sum(1)).tolist()  # without padding
        for row, (tokens, sent, length) in enumerate(zip(sequences.tolist(), self._sent, lengths, strict=True)):
            if length > sent:
                self._take(row, tokens[sent:length])
        self._finish()
        self.streamer.end()

    def _begin(self, prompts: list[list[int]]) -> None:
        self.streamer.begin(prompts)

    def _take(self, row: int, tokens: list[int]) -> None:
        self.streamer.take(row, tokens)

    def _finish(self) -> None:
        for row, reason in enumerate(self.strategy.reasons(self.run)):
            self.streamer.finish(row, reason)


class AgreedTokenFeed(AgreedRowFeed):
    """For streamers with `put`, of a single prompt with beams: its tokens (1,) as they become certain."""

    def _begin(self, prompts: list[list[int]]) -> None:
        if len(prompts) != 1:
            raise ArgumentError(
                f"a {type(self.streamer).__name__} follows beams of one answer, not of {len(prompts)}; a BatchTextStreamer does"
            )
        self.streamer.put(self.run.ids[:1].clone().cpu())

    def _take(self, row: int, tokens: list[int]) -> None:
        for token in tokens:
            self.streamer.put(torch.tensor([token]))

    def _finish(self) -> None:
        """Nothing: `put` has no word for it."""


def _prompts(run: Decoding) -> list[list[int]]:
    """The prompt of each row, without padding."""
    rows, mask = run.ids.tolist(), run.prompt.mask
    if mask is None or not run.prompt.padded:
        return rows
    mask_rows = mask[:, mask.shape[1] - run.ids.shape[1] :].tolist()
    return [[token for token, real in zip(*both, strict=True) if real] for both in zip(rows, mask_rows, strict=True)]


def feed(streamer: Any, run: Decoding, strategy: Strategy) -> Feed:
    """What feeds `streamer` from a generation of this strategy; gives it the prompt."""
    by_row = isinstance(streamer, RowStreamer)
    if strategy.final:
        return RowFeed(streamer, run, strategy) if by_row else TokenFeed(streamer, run, strategy)
    return AgreedRowFeed(streamer, run, strategy) if by_row else AgreedTokenFeed(streamer, run, strategy)
