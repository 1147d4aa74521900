"""Entities that labels of words mark, in the schemes IOB1, IOB2, IOE, IOBES and BILOU: B-PER, I-PER, O, ..."""

from collections.abc import Iterator, Sequence
from itertools import chain

from ...core.errors import InputError

Span = tuple[str, int, int]
_BEGINS, _ENDS = "BSU", "ELSU"


def labelled_spans(labels: Sequence[str]) -> Iterator[Span]:
    """(kind, first word, last word) of the entities of a text.

    One begins where a label says so, where the kind changes, and after an end or O. A label without a dash is a kind by
    itself, whose words are in one entity while they follow each other.
    """
    kind, start, before = "", 0, "O"
    for place, label in enumerate(chain(labels, ("O",))):
        where, _, named = label.partition("-")
        named = named if "-" in label else ("" if label == "O" else label)
        where = "O" if label == "O" else where if "-" in label else "I"
        new = where in _BEGINS or before in _ENDS or named != kind
        if kind and (where == "O" or new):
            yield kind, start, place - 1
            kind = ""
        if where != "O" and not kind:
            kind, start = named, place
        before = where


def span_scores(predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 of whole entities, over all texts, and the accuracy of labels.

    Raises:
        InputError: texts or their labels differ in number.
    """
    if [len(row) for row in predictions] != [len(row) for row in references]:
        raise InputError("the texts of predictions and references, or the labels of a text, differ in number")
    predicted, right = (
        {(row, *span) for row, labels in enumerate(side) for span in labelled_spans(labels)}
        for side in (predictions, references)
    )
    both = len(predicted & right)
    words = [
        one == other
        for row, wanted in zip(predictions, references, strict=True)
        for one, other in zip(row, wanted, strict=True)
    ]
    return {
        "precision": both / len(predicted) if predicted else 0.0,
        "recall": both / len(right) if right else 0.0,
        "f1": 2 * both / (len(predicted) + len(right)) if predicted or right else 0.0,
        "accuracy": sum(words) / len(words) if words else 0.0,
    }
