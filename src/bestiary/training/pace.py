"""`Pace`: how fast a training goes, counted without its evaluations and saves."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Places that are remembered; when there are more, every second one is dropped.
_MOST = 2000


class Pace:
    """Seconds of training alone, and tokens of this process.

    Fields:
        seconds: without the stretch that is running. tokens: input tokens, padding among them.
    """

    def __init__(self, seconds: float = 0.0, tokens: float = 0.0) -> None:
        self.seconds, self.tokens = seconds, tokens
        self._since: float | None = None

    def start(self) -> None:
        """From here on time counts."""
        self._since = time.perf_counter()

    def go_on(self, places: list[list[float]], processes: int) -> None:
        """Count on from the last of the places of a training that was stopped."""
        if places:
            _, self.seconds, tokens = places[-1]
            self.tokens += tokens / processes

    def stop(self) -> None:
        """From here on it does not."""
        self.seconds, self._since = self.now(), None

    def now(self) -> float:
        """Seconds of training so far."""
        return self.seconds if self._since is None else self.seconds + time.perf_counter() - self._since

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Time does not count within this block; one within another changes nothing."""
        running = self._since is not None
        if running:
            self.stop()
        try:
            yield
        finally:
            if running:
                self.start()

    def mark(self, places: list[list[float]], step: int, tokens_of_all: float) -> None:
        """Add (step, seconds until it, tokens of all processes until it) to the places of a training, which stay few."""
        places.append([step, round(self.now(), 4), tokens_of_all])
        if len(places) > _MOST:
            del places[-2 : -_MOST - 1 : -2]
