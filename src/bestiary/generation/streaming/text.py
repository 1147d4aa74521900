"""Text while it is being generated. `put` takes tokens, `end` the end; joined pieces are exactly the decoded text."""

from abc import ABC, abstractmethod
from typing import Any

import torch

from ...core.errors import InputError
from ...core.queue_iterators import AsyncQueueIterator, Cancellable, QueueIterator
from ...preprocess.text.text_decoder import WordDecoder


class BaseStreamer(Cancellable, ABC):
    """What `generate` feeds: first the prompt, then every new token, then the end or the error.

    With beams, of one prompt, a token comes when no beam can take it back.
    """

    @abstractmethod
    def put(self, value: Any) -> None:
        """Take the prompt (B, T), later the new tokens (B,), on the CPU."""


class TextStreamer(BaseStreamer):
    """Prints the text of one row as it comes, in whole words.

    Args:
        skip_prompt: leave out the prompt.
        decode_kwargs: for `tokenizer.decode`, for example `skip_special_tokens=True`.

    Raises:
        InputError: the batch has more than one row.
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, **decode_kwargs: Any) -> None:
        self.tokenizer = tokenizer
        self.skip_prompt = skip_prompt
        self.decode_kwargs = decode_kwargs
        self._decoder = WordDecoder(tokenizer, **decode_kwargs)
        self._prompt_is_next = True

    def put(self, value: Any) -> None:
        """Take tokens (T,) or (1, T); the first call brings the prompt."""
        value = torch.as_tensor(value)
        if value.dim() > 1 and value.shape[0] > 1:
            raise InputError(f"{type(self).__name__} streams one row; the batch has {value.shape[0]}")
        prompt, self._prompt_is_next = self._prompt_is_next, False
        if prompt and self.skip_prompt:
            return
        self.on_finalized_text(self._decoder.push(value.reshape(-1).tolist()))

    def end(self) -> None:
        """Bring out what was held back; the streamer can then be used again."""
        super().end()
        self._prompt_is_next = True
        self.on_finalized_text(self._decoder.flush(), stream_end=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Called after every token with the words that it made whole, none or some; at the end with the rest."""
        print(text, flush=True, end="\n" if stream_end else "")  # noqa: T201


class TextIteratorStreamer(QueueIterator[str], TextStreamer):
    """An iterator over the pieces of text, whole words or empty, for a reader in another thread than `generate`.

    Args:
        timeout: seconds to wait for a piece before `queue.Empty` is raised; None waits for ever.

    An error in `generate` is raised in the reader, after the pieces that came before it.
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, timeout: float | None = None, **decode_kwargs: Any) -> None:
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.open(timeout)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Hand a piece to the reader."""
        self.send(text)


class AsyncTextIteratorStreamer(AsyncQueueIterator[str], TextIteratorStreamer):
    """An asynchronous iterator over the pieces of text; made inside a running event loop, fed from any thread.

    Args:
        timeout: seconds to wait for a piece before `TimeoutError` is raised; None waits for ever.
    """
