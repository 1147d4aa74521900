"""From the steps of a generation to whoever wants to see its tokens at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from ...core.errors import ArgumentError
from ..decoding import Decoding
from ..loop import Step
from ..strategy import Strategy
from .rows import BatchTextStreamer, RowStreamer
from .text import BaseStreamer

Tensor = torch.Tensor


def as_streamer(streamer: Any, tokenizer: Any) -> Any:
    """`streamer`; a plain function becomes a streamer that hands it each `TextPiece` of new text.

    Raises:
        ArgumentError: it is neither.
    """
    if isinstance(streamer, type):
        raise ArgumentError(f"streamer is the class {streamer.__name__}; expected an object of it: {streamer.__name__}(...)")
    if (
        streamer is None
        or isinstance(streamer, RowStreamer | BaseStreamer)
        or (_has(streamer, "put") and _has(streamer, "end"))
    ):
        return streamer
    if not callable(streamer):
        raise ArgumentError(
            f"streamer is a {type(streamer).__name__}; expected one with put() and end(), or a function of pieces"
        )
    function: Callable[..., Any] = streamer
    return BatchTextStreamer(tokenizer, function, skip_prompt=True, skip_special_tokens=True)


def _has(streamer: Any, name: str) -> bool:
    return callable(getattr(streamer, name, None))  # the caller's object, which need not be of a class of ours


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

    def __init__(self, streamer: Any, run: Decoding, strategy: Strategy) -> None:
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


class AgreedTokenFeed(Feed):
    """For streamers with `put`, of a single prompt with beams: its tokens (1,) as they become certain."""

    def __init__(self, streamer: Any, run: Decoding, strategy: Strategy) -> None:
        super().__init__(streamer, run, strategy)
        agreed = _Agreed(run, strategy)
        if agreed.rows != 1:
            raise ArgumentError(
                f"a {type(streamer).__name__} follows beams of one answer, not of {agreed.rows}; a BatchTextStreamer does"
            )
        self._agreed = agreed
        streamer.put(run.ids[:1].clone().cpu())

    def add(self, step: Step) -> None:
        self._put(self._agreed.newly())

    def end(self, sequences: Tensor) -> None:
        self._put(self._agreed.rest(sequences))
        self.streamer.end()

    def _put(self, new: list[list[int]]) -> None:
        for token in new[0]:
            self.streamer.put(torch.tensor([token]))


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
    """For streamers by row, with beams."""

    def __init__(self, streamer: RowStreamer, run: Decoding, strategy: Strategy) -> None:
        super().__init__(streamer, run, strategy)
        self._agreed = _Agreed(run, strategy)
        first = _prompts(run)[:: strategy.rows(run.settings)]
        streamer.begin([prompt for prompt in first for _ in range(self._agreed.copies)])

    def add(self, step: Step) -> None:
        self._take(self._agreed.newly())

    def end(self, sequences: Tensor) -> None:
        self._take(self._agreed.rest(sequences))
        for row, reason in enumerate(self.strategy.reasons(self.run)):
            self.streamer.finish(row, reason)
        self.streamer.end()

    def _take(self, new: list[list[int]]) -> None:
        for row, tokens in enumerate(new):
            if tokens:
                self.streamer.take(row, tokens)


class _Agreed:
    """What beams have agreed on and was not given out yet; rows are those that are returned."""

    def __init__(self, run: Decoding, strategy: Any) -> None:
        self._run, self._strategy = run, strategy
        self.copies = run.settings.effective("num_return_sequences")
        self.rows = run.ids.shape[0] // strategy.rows(run.settings) * self.copies
        self._sent = [run.length] * self.rows

    def newly(self) -> list[list[int]]:
        """Tokens of each row that became certain in the last step."""
        ids, counts = self._strategy.agreed(self._run)
        new: list[list[int]] = [[] for _ in range(self.rows)]
        for prompt, (row, count) in enumerate(zip(ids.tolist(), counts.tolist(), strict=True)):
            best = prompt * self.copies
            new[best] = row[self._sent[best] : count]
            self._sent[best] = max(self._sent[best], count)
        return new

    def rest(self, sequences: Tensor) -> list[list[int]]:
        """What is left of the rows that are returned, without padding."""
        chosen = self._strategy.extras(self._run)["beam_indices"]
        lengths = (sequences.shape[1] - chosen.shape[1] + (chosen >= 0).sum(1)).tolist()
        return [row[sent:length] for row, sent, length in zip(sequences.tolist(), self._sent, lengths, strict=True)]


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
