"""ROUGE (Lin 2004): how much of a reference a summary shares with it, as F1 of pieces, of texts in Latin letters and digits."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ...core.errors import InputError

_Tokens = list[str]


def tokens_of(text: str) -> _Tokens:
    """Runs of a-z and 0-9, in lower case; what is written otherwise counts nothing."""
    return re.findall(r"[a-z0-9]+", text.lower())


def rouge(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """rouge1, rouge2, rougeL and rougeLsum, each the mean F1 over texts, 0..1.

    rouge1 and rouge2 compare words and pairs of them, rougeL the longest common subsequence of a text, rougeLsum those of its
    lines: a word of a reference's line counts if it is in one with any line of the summary.

    Raises:
        InputError: texts differ in number, or there are none.
    """
    if len(predictions) != len(references) or not references:
        raise InputError(f"there are {len(predictions)} predictions and {len(references)} references; expected as many, from 1")
    scores = dict.fromkeys(("rouge1", "rouge2", "rougeL", "rougeLsum"), 0.0)
    for text, reference in zip(predictions, references, strict=True):
        predicted, wanted = tokens_of(text), tokens_of(reference)
        for size in (1, 2):
            scores[f"rouge{size}"] += _f1_of_counts(_pieces(predicted, size), _pieces(wanted, size))
        scores["rougeL"] += _f1(len(_common(wanted, predicted)), len(predicted), len(wanted))
        scores["rougeLsum"] += _by_lines(text, reference)
    return {name: score / len(references) for name, score in scores.items()}


def _pieces(tokens: _Tokens, size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1))


def _f1_of_counts(found: Counter[tuple[str, ...]], wanted: Counter[tuple[str, ...]]) -> float:
    return _f1((found & wanted).total(), found.total(), wanted.total())


def _f1(both: float, found: int, wanted: int) -> float:
    return 2 * both / (found + wanted) if both else 0.0


def _common(wanted: _Tokens, found: _Tokens) -> list[int]:
    """Places in `wanted` of a longest common subsequence."""
    table = [[0] * (len(found) + 1)]
    for word in wanted:
        above, row = table[-1], [0]
        for column, other in enumerate(found):
            row.append(above[column] + 1 if word == other else max(above[column + 1], row[-1]))
        table.append(row)
    places, down, across = [], len(wanted), len(found)
    while down and across:
        if wanted[down - 1] == found[across - 1]:
            places.append(down - 1)
            down, across = down - 1, across - 1
        elif table[down][across - 1] > table[down - 1][across]:
            across -= 1
        else:
            down -= 1
    return places[::-1]


def _lines(text: str) -> list[_Tokens]:
    return [tokens_of(line) for line in text.split("\n") if line]


def _by_lines(text: str, reference: str) -> float:
    lines, wanted = _lines(text), _lines(reference)
    left, left_wanted = _counted(lines), _counted(wanted)
    both = 0
    for line in wanted:
        for place in sorted({place for other in lines for place in _common(line, other)}):
            word = line[place]
            if left[word] and left_wanted[word]:  # a word counts as often as both texts have it
                both, left[word], left_wanted[word] = both + 1, left[word] - 1, left_wanted[word] - 1
    return _f1(both, sum(map(len, lines)), sum(map(len, wanted)))


def _counted(lines: Iterable[_Tokens]) -> Counter[str]:
    return Counter(word for line in lines for word in line)
