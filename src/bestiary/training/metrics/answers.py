"""Answers to questions (SQuAD): how far a text is one of those that are right, apart from case, marks and articles."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_MARKS = str.maketrans("", "", string.punctuation)


def normalize_answer(s: str) -> str:
    """In lower case, without punctuation, the words a, an and the, and more than one blank in a row."""
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", s.lower().translate(_MARKS)).split())


def compute_exact(a_gold: str, a_pred: str) -> int:
    """1 where both are the same but for what `normalize_answer` leaves out, else 0."""
    return int(normalize_answer(a_gold) == normalize_answer(a_pred))


def compute_f1(a_gold: str, a_pred: str) -> float:
    """F1 of the words of both; of an empty one 1 if the other is empty too, else 0."""
    gold, predicted = (normalize_answer(text).split() for text in (a_gold, a_pred))
    if not gold or not predicted:
        return float(gold == predicted)
    both = (Counter(gold) & Counter(predicted)).total()
    return 2 * both / (len(gold) + len(predicted))


def best_of(golds: Sequence[str], answer: str) -> tuple[int, float]:
    """The highest exact match and F1 of an answer with those that are right; without any, the empty answer is."""
    golds = golds or [""]
    return max(compute_exact(gold, answer) for gold in golds), max(compute_f1(gold, answer) for gold in golds)


def answer_scores(predictions: dict[str, str], answers: dict[str, Sequence[str]]) -> dict[str, float]:
    """Exact match and F1, 0..100, over questions: id -> prediction, id -> texts that are right.

    A question without a prediction counts 0.
    """
    scored = [best_of(golds, predictions[key]) if key in predictions else (0, 0.0) for key, golds in answers.items()]
    return {
        "exact_match": 100 * sum(exact for exact, _ in scored) / max(1, len(scored)),
        "f1": 100 * sum(score for _, score in scored) / max(1, len(scored)),
    }
