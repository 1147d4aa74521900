"""BLEU (Papineni 2002) of whole collections of translations, as sacreBLEU reports it: its tokens (13a) and smoothing."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from ...core.errors import InputError

_LONGEST = 4
_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
# Each puts blanks around marks: punctuation; a dot or comma that is not between digits; a dash after a digit.
_MARKS = [
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
]


def tokens_of(text: str) -> list[str]:
    """The tokens of a text (mteval-v13a): words and marks."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for name, mark in _ENTITIES.items():
        text = text.replace(name, mark)
    text = f" {text} "
    for pattern, spaced in _MARKS:
        text = pattern.sub(spaced, text)
    return text.split()


def bleu(predictions: Sequence[str], references: Sequence[str]) -> float:
    """BLEU, 0..100: the geometric mean of the precisions of 1 to 4 tokens in a row, less where the whole is too short.

    A precision of 0 counts as half, a quarter, ... of one piece.

    Raises:
        InputError: texts differ in number, or there are none.
    """
    if len(predictions) != len(references) or not references:
        raise InputError(f"there are {len(predictions)} predictions and {len(references)} references; expected as many, from 1")
    right, whole = [0] * _LONGEST, [0] * _LONGEST
    length, wanted_length = 0, 0
    for text, reference in zip(predictions, references, strict=True):
        predicted, wanted = tokens_of(text.rstrip()), tokens_of(reference.rstrip())
        length, wanted_length = length + len(predicted), wanted_length + len(wanted)
        for size in range(1, _LONGEST + 1):
            ours, theirs = (
                Counter(tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)) for tokens in (predicted, wanted)
            )
            right[size - 1] += (ours & theirs).total()
            whole[size - 1] += ours.total()
    if not right[0] or not all(whole):
        return 0.0
    logs, smoothing = 0.0, 1.0
    for both, number in zip(right, whole, strict=True):
        if not both:
            smoothing *= 2
        logs += math.log(both / number if both else 1 / (smoothing * number))
    penalty = min(0.0, 1 - wanted_length / length)
    return 100 * math.exp(penalty + logs / _LONGEST)
