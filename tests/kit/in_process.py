"""A function that a test runs in a process of its own; this file imports nothing, so that the process begins at once."""

from typing import Any


def three(given: Any, results: Any, seconds: int) -> None:
    """Put an error into `results` unless 3 is given."""
    value = given.get(timeout=seconds)
    results.put({"error": None if value == 3 else f"found {value}"}, timeout=seconds)
    results.join()
