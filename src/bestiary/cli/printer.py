"""A streamer that prints the new text as it comes."""

import time
from typing import Any

from ..generation.streaming.text import TextStreamer
from .streams import write


class Printer(TextStreamer):
    """Prints what is written, keeps it as `text`, and counts its tokens and seconds; `has_printed` once anything is out.

    Args:
        before: printed before the first piece, so that nothing is printed when the work cannot begin.
    """

    def __init__(self, tokenizer: Any, before: str = "") -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.text = ""
        self.has_printed = False
        self._before = before
        self._tokens = 0
        self._began = self._first = self._last = time.monotonic()

    def put(self, value: Any) -> None:
        """Take tokens; the first call brings the prompt."""
        if not self._prompt_is_next:
            self._last = time.monotonic()
            self._first = self._first if self._tokens else self._last
            self._tokens += value.numel()
        super().put(value)

    def error(self, error: BaseException) -> None:
        """Bring out what was held back, unless nothing was printed."""
        if self.has_printed:
            self.end()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Print a piece."""
        write(self._before + text)
        self.has_printed = self.has_printed or bool(self._before + text)
        self._before = ""
        self.text += text

    def stats(self) -> str:
        """Tokens, seconds to the first of them (reading the prompt), and the speed of those that follow."""
        rate = (self._tokens - 1) / (self._last - self._first) if self._tokens > 1 else 0.0
        after = f", {rate:.1f} tokens/s after it" if rate else ""
        return f"{self._tokens} tokens, the first after {self._first - self._began:.2f} s{after}"
