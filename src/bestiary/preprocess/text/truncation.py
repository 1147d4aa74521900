"""Cutting encoded texts to a length, and counting what was cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenizers import Encoding

from ...core.errors import ArgumentError, InputError
from ...core.explicit_enum import ExplicitEnum
from ...core.kinds import fits
from ...core.logging import warn_once

STRATEGIES = ("longest_first", "only_first", "only_second")


class TruncationStrategy(ExplicitEnum):
    """What `truncation` of a tokenizer may be."""

    ONLY_FIRST = "only_first"
    ONLY_SECOND = "only_second"
    LONGEST_FIRST = "longest_first"
    DO_NOT_TRUNCATE = "do_not_truncate"


@dataclass(frozen=True)
class Truncation:
    """How to cut rows that are longer than `max_length` tokens, special tokens included.

    strategy: `longest_first` takes from the longer text of a pair until both are equal, then from both;
    `only_first` and `only_second` take from that text alone. stride: tokens that an overflowing row repeats from the row
    before. side: the end that is cut.
    """

    max_length: int
    strategy: str = "longest_first"
    stride: int = 0
    side: str = "right"

    def __post_init__(self) -> None:
        if self.side not in ("left", "right"):
            raise ArgumentError(f"truncation_side is {self.side!r}; expected 'left' or 'right'")
        for name, value in (("max_length", self.max_length), ("stride", self.stride)):
            if not fits(value, int):
                raise ArgumentError(f"{name} is {value!r:.60}; expected a whole number of tokens")
        if self.max_length < 0 or self.stride < 0:
            raise ArgumentError(f"max_length {self.max_length} and stride {self.stride} must be at least 0")

    def shares(self, lengths: Sequence[int], special: int) -> Sequence[int]:
        """The tokens that each of one or two texts of these lengths keeps, so that with `special` tokens they fit. Where those
        alone do not fit, nothing is cut, as published.

        Raises:
            InputError: the text that may be cut is too short for what has to go.
        """
        room = self.max_length - special
        if room < 0:
            warn_once(
                "no-room",
                f"max_length {self.max_length} leaves no room for text, for {special} special tokens are added: nothing is cut;"
                " raise max_length or pass add_special_tokens=False",
            )
        if room < 0 or sum(lengths) <= room:
            return lengths
        if room == 0:  # whatever the strategy, as published
            return (0,) * len(lengths)
        if len(lengths) == 1:
            if self.strategy == "only_second":
                raise InputError("truncation='only_second' needs a pair of texts, and there is one text")
            return (room,)
        first, second = lengths
        if self.strategy == "longest_first":
            shorter = min(first, second, room // 2)
            return (shorter, room - shorter) if first <= second else (room - shorter, shorter)
        other = second if self.strategy == "only_first" else first
        if other >= room:
            raise InputError(
                f"truncation={self.strategy!r} cannot help: the other text alone has {other} tokens and there is room for "
                f"{room}; use truncation='longest_first' or a larger max_length"
            )
        return (room - other, other) if self.strategy == "only_first" else (other, room - other)

    def shorten(self, encoding: Encoding, length: int) -> None:
        """Cut in place; what is cut hangs on the encoding as `overflowing`.

        Raises:
            InputError: overflowing rows of this stride would make no progress.
        """
        if self.stride and self.stride >= length:
            raise InputError(
                f"stride {self.stride} is not smaller than the {length} tokens of text that fit into a row of {self.max_length}"
            )
        encoding.truncate(length, stride=self.stride, direction=self.side)


def cut_ids(
    first: list[int], second: list[int] | None, excess: int, cut: Truncation
) -> tuple[list[int], list[int] | None, list[int]]:
    """One or two texts without `excess` of their ids, and what was cut of one text, with `stride` ids from before the cut."""
    if cut.strategy == "longest_first" and second is not None:
        more = min(abs(len(first) - len(second)), excess)  # the longer text loses these, then both the same
        lost = (excess - more) // 2
        if len(first) > len(second):
            return _without(first, more + lost, cut), _without(second, excess - more - lost, cut), []
        return _without(first, lost, cut), _without(second, excess - lost, cut), []
    text = second if cut.strategy == "only_second" else first
    if text is None:
        return first, second, []
    window = min(len(text), cut.stride + excess)
    over, rest = text[:window] if cut.side == "left" else text[len(text) - window :], _without(text, excess, cut)
    return (first, rest, over) if cut.strategy == "only_second" else (rest, second, over)


def _without(ids: list[int], count: int, cut: Truncation) -> list[int]:
    return ids[count:] if cut.side == "left" else ids[: max(0, len(ids) - count)]


def truncation_strategy(
    truncation: bool | str | None, max_length: int | None, padding: bool | str, warn: Callable[[str], None]
) -> str | None:
    """The truncation strategy that the call's options mean; None for none.

    `max_length` alone, with neither truncation nor padding said, truncates as in the published library, and says so.
    """
    value = getattr(truncation, "value", truncation)
    if value is None:
        if max_length is None or padding not in (False, "do_not_pad"):
            return None
        warn(f"max_length={max_length} without truncation= cuts longer texts; say truncation=True to mean it, False to not cut")
        return "longest_first"
    if value is True:
        return "longest_first"
    if value is False or value == "do_not_truncate":
        return None
    if value not in STRATEGIES:
        raise ArgumentError(f"truncation is {truncation!r}; expected True, False or one of {', '.join(STRATEGIES)}")
    return str(value)
