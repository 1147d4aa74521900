"""Error rates of transcriptions: the fewest words or characters to change, of all that were said."""

from collections.abc import Sequence
from typing import Any

from ...core.errors import InputError


def edit_distance(one: Sequence[Any], other: Sequence[Any]) -> int:
    """The fewest items to put in, leave out or change that make one sequence the other (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for place, item in enumerate(one):
        corner, row[0] = row[0], place + 1
        for column, against in enumerate(other):
            change = corner + (item != against)
            corner = row[column + 1]
            row[column + 1] = min(change, corner + 1, row[column] + 1)
    return row[-1]


def word_error_rate(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Words to change, of those of the references, over all texts.

    Raises:
        InputError: the texts differ in number, or nothing was said.
    """
    return _rate([text.split() for text in predictions], [text.split() for text in references])


def character_error_rate(predictions: Sequence[str], references: Sequence[str]) -> float:
    """The same, of characters."""
    return _rate(predictions, references)


def _rate(predictions: Sequence[Any], references: Sequence[Any]) -> float:
    if len(predictions) != len(references):
        raise InputError(f"there are {len(predictions)} predictions and {len(references)} references; expected as many")
    whole = sum(map(len, references))
    if not whole:
        raise InputError("the references are empty; an error rate is a part of what was said")
    return sum(edit_distance(*texts) for texts in zip(predictions, references, strict=True)) / whole
