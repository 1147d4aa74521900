"""The part of a terminal that is drawn anew while other output scrolls above it, by rich."""

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO, cast

# About this part of the time goes into drawing, at most and at least every so many seconds.
_SHARE, _LEAST, _MOST = 0.004, 0.1, 5.0
_drawing: "LiveTerminal | None" = None


def stream_to_draw_on() -> Any:
    """stderr if it is a terminal that can be drawn on, else stdout if that is one, else None."""
    return next((each for each in (sys.stderr, sys.stdout) if each is not None and _is_terminal(each)), None)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # ValueError: it is closed
        return False


class LiveTerminal:
    """Draws what `draw(width, height, ascii_only)` gives below all other output, as long as it is open.

    What is printed or logged meanwhile scrolls by above it. One terminal is drawn on by one of these: `open` of another gives
    False.

    Args:
        line: how what `print` gets is written, on one line.
    """

    def __init__(self, draw: Callable[[int, int, bool], Any], line: Callable[[Any], str] = str) -> None:
        self.draw, self.line = draw, line
        self._live: Any = None
        self._next = 0.0
        self._costs: deque[float] = deque(maxlen=8)
        self._waiting: list[Any] = []
        self._streams: tuple[Any, Any] = (None, None)
        self._handlers: list[tuple[logging.StreamHandler[Any], Any]] = []

    def open(self) -> bool:
        """Begin to draw; False where there is no terminal, or another one of these is open."""
        global _drawing
        stream = stream_to_draw_on()
        if stream is None or _drawing is not None:
            return False
        from rich.console import Console
        from rich.file_proxy import FileProxy
        from rich.live import Live

        console = Console(file=stream, highlight=False, markup=False, emoji=False)
        if not console.is_terminal or console.is_dumb_terminal:
            return False
        self._console = console
        self._streams = (sys.stdout, sys.stderr)
        self._live = Live(
            get_renderable=self._drawn, console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

        class Above(FileProxy):
            """A stream whose lines go above what is drawn, after those that wait for that."""

            def write(proxy, text: str) -> int:
                self._print_waiting()
                super().write(text)
                return len(text)

        _drawing = self
        self._live.start()
        # What goes into a file keeps going there.
        if _is_terminal(sys.stdout):
            sys.stdout = cast(TextIO, Above(console, sys.stdout))
        if _is_terminal(sys.stderr):
            sys.stderr = cast(TextIO, Above(console, sys.stderr))
        self._redirect_handlers()
        self.refresh()
        return True

    def close(self) -> None:
        """Draw a last time, which stays, and give the terminal back as it was."""
        global _drawing
        if self._live is None:
            return
        live, self._live = self._live, None
        try:
            self._print_waiting()
            live.stop()
        finally:
            self.let_go()
            _drawing = None

    def tick(self) -> None:
        """Draw, if it is time to."""
        if time.perf_counter() >= self._next:
            self.refresh()

    def refresh(self) -> None:
        """Draw now."""
        begin = time.perf_counter()
        self._print_waiting()
        self._live.refresh()
        now = time.perf_counter()
        self._costs.append(now - begin)
        self._next = now + min(_MOST, max(_LEAST, sorted(self._costs)[len(self._costs) // 2] / _SHARE))

    def print(self, value: Any) -> None:
        """Print a value to stdout: on the terminal at the next drawing, for each line draws everything anew."""
        if sys.stdout is self._streams[0]:
            print(self.line(value), flush=True)  # noqa: T201 (this is what it is for)
        else:
            self._waiting.append(value)

    def _print_waiting(self) -> None:
        if self._waiting:
            from rich.segment import Segment, Segments

            values, self._waiting = self._waiting, []
            # As it is: the terminal wraps lines itself, and rich would take longer for it than for all the rest.
            self._console.print(Segments([Segment(_printable("\n".join(map(self.line, values)))), Segment.line()]))

    def let_go(self) -> None:
        """Give streams and logging back what was there before."""
        for handler, stream in self._handlers:
            handler.setStream(stream)
        self._handlers = []
        if self._streams != (None, None):
            sys.stdout, sys.stderr = self._streams

    def _drawn(self) -> Any:
        size = self._console.size
        return self.draw(size.width, size.height, not self._console.encoding.lower().startswith("utf"))

    def _redirect_handlers(self) -> None:
        """Handlers of logging keep the stream that they were made with: they get the one that goes by above."""
        known = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
        for handler in {handler for logger in known for handler in getattr(logger, "handlers", ())}:
            for stream, now in zip(self._streams, (sys.stdout, sys.stderr), strict=True):
                if isinstance(handler, logging.StreamHandler) and handler.stream is stream and now is not stream:
                    self._handlers.append((handler, stream))
                    handler.setStream(now)
                    break


def _printable(text: str) -> str:
    """A text without letters that move the cursor."""
    return (
        text
        if text.isascii() and text.replace("\n", "").isprintable()
        else "".join(each for each in text if each == "\n" or each.isprintable())
    )


def _in_child() -> None:
    """A process that was forked, as one that loads data, writes to the terminal itself and draws nothing."""
    global _drawing
    if _drawing is not None:
        _drawing.let_go()
        _drawing = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
