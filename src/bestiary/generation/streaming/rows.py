"""The text of a whole batch while it is being generated, beams too: pieces with the number of their row.

The pieces of a row, joined, are the text of its tokens up to its end (padding is no part of it); none is taken back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.queue_iterators import AsyncQueueIterator, Cancellable, QueueIterator
from ...preprocess.text.text_decoder import TextDecoder


@dataclass(frozen=True)
class TextPiece:
    """New text of one row.

    row: its place in what `generate` returns. text: what follows the row's earlier pieces; may be empty. tokens: new ids that
    became certain with it. finish_reason: why the row ended, in its last piece only.
    """

    row: int
    text: str
    tokens: tuple[int, ...] = ()
    finish_reason: str | None = None


class RowStreamer(Cancellable, ABC):
    """What `generate` feeds row by row. Set `cancelled`, or call `cancel`, to stop after the next token.

    The rows are those that `generate` returns. With beams, a token comes when no beam can take it back; of several rows
    returned for a prompt, those after the best come at the end.
    """

    @abstractmethod
    def begin(self, prompts: list[list[int]]) -> None:
        """The prompt of each row, without padding. Called once, first."""

    @abstractmethod
    def take(self, row: int, tokens: list[int]) -> None:
        """New tokens of a row, an end token among them."""

    @abstractmethod
    def finish(self, row: int, reason: str) -> None:
        """A row has ended."""


class BatchTextStreamer(RowStreamer):
    """Hands the text of every row, in pieces that are certain, to a function.

    Args:
        tokenizer: None gives tokens without text.
        on_piece: gets each `TextPiece`, in the thread of `generate`; when it returns False, the generation is cancelled.
        skip_prompt: leave out the prompts.
        decode_kwargs: for `tokenizer.decode`, for example `skip_special_tokens=True`.
    """

    def __init__(
        self, tokenizer: Any, on_piece: Callable[[TextPiece], Any], skip_prompt: bool = False, **decode_kwargs: Any
    ) -> None:
        self.tokenizer = tokenizer
        self.on_piece = on_piece
        self.skip_prompt = skip_prompt
        self.decode_kwargs = decode_kwargs
        self._decoders: list[TextDecoder] = []

    def begin(self, prompts: list[list[int]]) -> None:
        """Start a decoder for each row; with their prompts, unless these are left out."""
        if self.tokenizer is not None:
            self._decoders = [TextDecoder(self.tokenizer, **self.decode_kwargs) for _ in prompts]
        for row, prompt in enumerate(prompts) if not self.skip_prompt else ():
            self.take(row, prompt)

    def take(self, row: int, tokens: list[int]) -> None:
        """Hand on the text that became certain, and the tokens."""
        text = self._decoders[row].push(tokens) if self._decoders else ""
        if text or tokens:
            self._hand(TextPiece(row, text, tuple(tokens)))

    def finish(self, row: int, reason: str) -> None:
        """Hand on what was held back, and why the row ended."""
        self._hand(TextPiece(row, self._decoders[row].flush() if self._decoders else "", (), reason))

    def end(self) -> None:
        """Be ready for another generation."""
        super().end()
        self._decoders = []

    def _hand(self, piece: TextPiece) -> None:
        if self.on_piece(piece) is False:
            self.cancelled = True


class BatchTextIteratorStreamer(QueueIterator[TextPiece], BatchTextStreamer):
    """An iterator over the pieces of all rows, for a reader in another thread than `generate`.

    Args:
        timeout: seconds to wait for a piece before `queue.Empty` is raised; None waits for ever.

    An error in `generate` is raised in the reader, after the pieces that came before it.
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, timeout: float | None = None, **decode_kwargs: Any) -> None:
        super().__init__(tokenizer, self.send, skip_prompt, **decode_kwargs)
        self.open(timeout)


class AsyncBatchTextIteratorStreamer(AsyncQueueIterator[TextPiece], BatchTextIteratorStreamer):
    """An asynchronous iterator over the pieces of all rows; made inside a running event loop, fed from any thread.

    Args:
        timeout: seconds to wait for a piece before `TimeoutError` is raised; None waits for ever.
    """
