"""Metrics equal what the packages that many take for them give: the figures below were computed with these."""

import random

import numpy as np
import pytest

from bestiary.core.errors import InputError
from bestiary.training.metrics import answers, bleu, classification, edit_distance, labelled_spans, rouge

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "it's",
    "3.5",
    "years",
    "old,",
    "don't-know",
    "U.S.",
    "co-op",
    "10-20",
    "&amp;",
    "Ümlaut",
]
ROUGE = {
    "rouge1": 0.8620414408050922,
    "rouge2": 0.709136728145422,
    "rougeL": 0.8424464062100577,
    "rougeLsum": 0.8583377371013883,
}
BLEU, SHORT_BLEU = 64.38547014561956, 15.5258992343772
ENTITIES = {
    "precision": 0.726962457337884,
    "recall": 0.7526501766784452,
    "f1": 0.7395833333333334,
    "accuracy": 0.7111111111111111,
}


def texts() -> tuple[list[str], list[str]]:
    draw = random.Random(0)
    pairs = []
    for _ in range(20):
        wanted = [draw.choice(WORDS) for _ in range(draw.randint(1, 20))]
        found = [word if draw.random() < 0.8 else draw.choice(WORDS) for word in wanted]
        pairs.append([" ".join(side[:5]) + "\n" + " ".join(side[5:9]) + ".\n" + " ".join(side[9:]) for side in (found, wanted)])
    return [found for found, _ in pairs], [wanted for _, wanted in pairs]


def test_rouge() -> None:
    """rouge_score 0.1.2, without stemming."""
    assert rouge.rouge(*texts()) == pytest.approx(ROUGE, abs=1e-12)
    assert rouge.rouge(["a b"], ["c d"]) == {"rouge1": 0, "rouge2": 0, "rougeL": 0, "rougeLsum": 0}
    with pytest.raises(InputError, match="1 predictions and 2 references"):
        rouge.rouge(["a"], ["a", "b"])


def test_bleu() -> None:
    """sacrebleu 2.6.0."""
    assert bleu.bleu(*texts()) == pytest.approx(BLEU, abs=1e-9)
    short = ["the cat sat on mats now", "a dog"], ["the cat sits on the mat, now", "a dog barks"]
    assert bleu.bleu(*short) == pytest.approx(SHORT_BLEU, abs=1e-9)  # smoothed, and shorter than it should be
    assert bleu.bleu(["x"], ["y"]) == 0
    with pytest.raises(InputError, match="0 predictions and 0 references"):
        bleu.bleu([], [])


def test_entities() -> None:
    """seqeval 1.2.2."""
    draw = random.Random(0)
    labels = ["O", *(f"{where}-{kind}" for where in "BIES" for kind in ("PER", "LOC"))]
    right = [[draw.choice(labels) for _ in range(12)] for _ in range(30)]
    found = [[label if draw.random() < 0.7 else draw.choice(labels) for label in row] for row in right]
    assert labelled_spans.span_scores(found, right) == pytest.approx(ENTITIES, abs=1e-12)
    assert list(labelled_spans.labelled_spans(["B-PER", "I-PER", "O", "LOC", "LOC"])) == [("PER", 0, 1), ("LOC", 3, 4)]
    assert labelled_spans.span_scores([["O"]], [["O"]]) == {"precision": 0, "recall": 0, "f1": 0, "accuracy": 1}
    with pytest.raises(InputError, match="differ in number"):
        labelled_spans.span_scores([["O"]], [["O", "O"]])


def test_error_rates() -> None:
    """jiwer 4.0.0."""
    found, right = ["a b c", "hello there"], ["a x c d", "hello"]
    assert edit_distance.word_error_rate(found, right) == pytest.approx(0.6)
    assert edit_distance.character_error_rate(found, right) == pytest.approx(0.75)
    assert edit_distance.edit_distance("kitten", "sitting") == 3
    with pytest.raises(InputError, match="empty"):
        edit_distance.word_error_rate(["a"], [""])


@pytest.mark.parametrize("seed", range(5))
def test_correlations(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 6, 20) * 0.3
    preds = np.round(labels + draw.normal(size=20), seed % 3)
    assert classification.pearson(preds, labels) == pytest.approx(stats.pearsonr(preds, labels)[0], abs=1e-12)
    assert classification.spearman(preds, labels) == pytest.approx(stats.spearmanr(preds, labels)[0], abs=1e-12)
    one, two = draw.integers(0, 2, 20), draw.integers(0, 2, 20)
    assert classification.matthews(one, two) == pytest.approx(stats.pearsonr(one, two)[0], abs=1e-12)  # the same of two classes
    assert np.isnan(classification.pearson([1, 1], [0, 1]))


def test_answers() -> None:
    right = {"a": ["The fox", "foxes"], "b": [], "c": ["Berlin"]}
    assert answers.answer_scores({"a": "a fox!", "b": "", "c": "in Berlin"}, right) == {
        "exact_match": pytest.approx(200 / 3),
        "f1": pytest.approx(100 * (2 + 2 / 3) / 3),
    }
    assert answers.answer_scores({"a": "fox"}, right)["exact_match"] == pytest.approx(100 / 3)
