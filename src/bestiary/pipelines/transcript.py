"""Tokens of speech with their times: windows that overlap become one transcript, which is then cut into segments and words."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

# Thai, Lao, Burmese, the Japanese syllabaries, Chinese characters.
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")

_APART = 2.0  # seconds by which two windows may differ about when a token is spoken


@dataclass(frozen=True)
class Token:
    """A token of text, and when it is spoken, in seconds from the start of the recording.

    start, end: its own, or its segment's where the times of tokens are not known. first, last: whether it is the first or the
    last of its segment. language: the English name of what is spoken, None where the model knows one language only.
    """

    id: int
    start: float
    end: float
    first: bool
    last: bool
    language: str | None = None


class Span(NamedTuple):
    """Tokens that are shown together, with their times in seconds."""

    ids: list[int]
    start: float
    end: float
    language: str | None


def join(windows: list[list[Token]], timed: bool = False) -> list[Token]:
    """The tokens of windows that overlap, as one transcript; `timed` says that their times tell when each is spoken.

    Without times, of all ways to lay the beginning of a window's tokens over the end of the one before, the best is that with
    the largest share of equal tokens, at least two of them; there both are cut in the middle, as published. Without one, they
    follow each other. With times, both are cut at a token that they have in common; see `_meeting_in_time`.
    """
    whole: list[Token] = []
    tail = windows[0] if windows else []
    moments = _moments(tail)
    for window in windows[1:]:
        later = _moments(window)
        if timed:
            leave, enter = _meeting_in_time(tail, window, moments, later)
        else:
            leave, enter = _meeting([token.id for token in tail], [token.id for token in window])
        whole += tail[:leave]
        tail, moments = window[enter:], later[enter:]
    return whole + tail


def _moments(tokens: list[Token]) -> list[float]:
    """About when each token is spoken, in seconds; those that share the times of their segment are spread over it evenly."""
    moments: list[float] = []
    for (start, end), sharing in groupby(tokens, key=lambda token: (token.start, token.end)):
        count = len(list(sharing))
        moments += [start + (end - start) * (place + 0.5) / count for place in range(count)]
    return moments


def _meeting_in_time(before: list[Token], after: list[Token], moments: list[float], later: list[float]) -> tuple[int, int]:
    """Where to leave `before` and to enter `after`, whose tokens are spoken at `moments` and `later`.

    A window hears badly at its edges. So of the tokens that both heard at about the same time, with an equal neighbour, the
    one next to the middle of what both heard. Without any, they follow each other: one of the two heard nothing of use.
    """
    pairs = _common(before, after, moments, later)
    beside = {(i + step, j + step) for i, j in pairs for step in (-1, 1)}
    middle = (later[0] + moments[-1]) / 2 if pairs else 0.0
    certain = [pair for pair in pairs if pair in beside]
    return min(certain, key=lambda pair: abs(moments[pair[0]] + later[pair[1]] - 2 * middle), default=(len(before), 0))


def _common(before: list[Token], after: list[Token], moments: list[float], later: list[float]) -> list[tuple[int, int]]:
    """The places of the longest common sequence, of equal tokens at about the same time; unbroken and simultaneous wins."""
    if not before or not after:
        return []
    first = next((i for i, moment in enumerate(moments) if moment >= later[0] - _APART), len(before))
    past = next((j for j, moment in enumerate(later) if moment > moments[-1] + _APART), len(after))
    # best[i, j]: the worth of the best sequence from the places i and j on, and its next pair of places.
    best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {}
    nothing = (0.0, None)
    for i in range(len(before) - 1, first - 1, -1):
        for j in range(past - 1, -1, -1):
            choices = [best.get((i + 1, j), nothing), best.get((i, j + 1), nothing)]
            apart = abs(moments[i] - later[j])
            if before[i].id == after[j].id and apart <= _APART:
                worth, following = best.get((i + 1, j + 1), nothing)
                choices.append((worth + 1 - 0.4 * apart / _APART + 0.5 * (following == (i + 1, j + 1)), (i, j)))
            best[i, j] = max(choices, key=lambda choice: choice[0])
    pairs: list[tuple[int, int]] = []
    pair = best.get((first, 0), nothing)[1]
    while pair is not None:
        pairs.append(pair)
        pair = best.get((pair[0] + 1, pair[1] + 1), nothing)[1]
    return pairs


def _meeting(before: list[int], after: list[int]) -> tuple[int, int]:
    """Where to leave `before` and to enter `after`."""
    best, place = 0.0, (len(before), 0)
    for shift in range(1, len(before) + len(after)):
        a, b = max(0, len(before) - shift), max(0, shift - len(before))
        size = min(len(before) - a, len(after) - b)
        equal = sum(x == y for x, y in zip(before[a : a + size], after[b : b + size], strict=True))
        # Longer overlaps win against equally good shorter ones.
        quality = equal / shift + shift / 10_000
        if equal > 1 and quality > best:
            best, place = quality, (a + size // 2, b + size // 2)
    return place


def segments(tokens: list[Token]) -> list[Span]:
    """The segments of a transcript: where one window's is left in the middle and the next one's entered there, they are one."""
    runs = _runs(tokens)
    edges = [[run[0].start, run[-1].end] for run in runs]
    for place, (left, right) in enumerate(pairwise(edges)):
        if left[1] > right[0]:  # only a segment that is shown in part can reach into its neighbour
            left[1] = right[0] = right[0] if not runs[place][-1].last else left[1]
    return [_span(run, *edge) for run, edge in zip(runs, edges, strict=True)]


def _runs(tokens: list[Token]) -> list[list[Token]]:
    """The tokens of each segment."""
    runs: list[list[Token]] = []
    for token in tokens:
        if not runs or token.first or runs[-1][-1].last or token.language != runs[-1][-1].language:
            runs.append([])
        runs[-1].append(token)
    return runs


def words(tokens: list[Token], decode: Callable[[list[int]], str]) -> list[Span]:
    """The words of a transcript, from the times of their tokens. A space begins a word, and so does a segment, and a character
    of a script that is written without spaces."""
    runs: list[list[Token]] = []
    for segment in _runs(tokens):
        first = len(runs)
        for characters in _characters(segment, decode):
            text = decode([token.id for token in characters])
            if len(runs) > first and not text.startswith(" ") and not _WITHOUT_SPACES.match(text):
                runs[-1] += characters
            else:
                runs.append(characters)
    spans: list[Span] = []
    for run in runs:
        start = max(run[0].start, spans[-1].end if spans else 0.0)  # the times of two windows may differ a little
        spans.append(_span(run, start, max(start, run[-1].end)))
    return spans


def _characters(tokens: list[Token], decode: Callable[[list[int]], str]) -> Iterator[list[Token]]:
    """The shortest runs of tokens that are whole characters."""
    first = 0
    for after in range(1, len(tokens) + 1):
        # A character has at most four bytes, so four tokens that are none will never be one.
        text = decode([token.id for token in tokens[first:after]])
        if "\ufffd" not in text or after - first == 4 or after == len(tokens):
            yield tokens[first:after]
            first = after


def _span(tokens: list[Token], start: float, end: float) -> Span:
    return Span([token.id for token in tokens], round(start, 2), round(end, 2), tokens[0].language)


def languages(tokens: list[Token]) -> list[Span]:
    """The stretches of one language."""
    runs: list[list[Token]] = []
    for token in tokens:
        if not runs or token.language != runs[-1][-1].language:
            runs.append([])
        runs[-1].append(token)
    return [_span(run, run[0].start, run[-1].end) for run in runs]
