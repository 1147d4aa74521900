"""Zero-shot classification, against the reference."""

from typing import Any

import pytest
import torch
from kit import checkpoints
from kit.pipelines import ours, reference, same

from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning

TEXTS = checkpoints.TEXTS
NLI = ("contradiction", "neutral", "entailment")


@pytest.mark.parametrize("inputs", [TEXTS[0], TEXTS[:1], TEXTS[:4], TEXTS[5] * 3])
@pytest.mark.parametrize(
    "options",
    [
        {"candidate_labels": ["a", "b city", "london"]},
        {"candidate_labels": "a, london"},
        {"candidate_labels": ["a"]},
        {"candidate_labels": "a,, london,"},
        {"candidate_labels": ["a", "", 2]},
        {"candidate_labels": ["a", "london"], "multi_label": True},
        {"candidate_labels": ["a", "london"], "hypothesis_template": "It is about {}."},
    ],
)
@pytest.mark.parametrize("labels", [NLI, ("ENTAILMENT", "other")])
def test_answers(inputs: Any, options: dict[str, Any], labels: tuple[str, ...]) -> None:
    folder = checkpoints.bert("BertForSequenceClassification", labels)
    same(
        ours("zero-shot-classification", folder)(inputs, **options),
        reference("zero-shot-classification", folder)(inputs, **options),
    )


@pytest.mark.parametrize("labels", [("neutral", "Contradiction", "entailment"), ("entailment", "contradicts", "neutral")])
def test_contradiction_is_found_by_its_name(labels: tuple[str, ...]) -> None:
    pipe = ours("zero-shot-classification", checkpoints.bert("BertForSequenceClassification", labels))
    answer = pipe(TEXTS[0], ["a", "london", "rain"], multi_label=True)
    order = [next(i for i, label in enumerate(labels) if label.lower().startswith(name)) for name in ("contradict", "entail")]
    for label, score in zip(answer["labels"], answer["scores"], strict=True):
        encoded = pipe.tokenizer(TEXTS[0], f"This example is {label}.", return_tensors="pt")
        with torch.no_grad():
            logits = pipe.model(**encoded).logits[0]
        assert abs(float(logits[order].softmax(0)[1]) - score) < 1e-6


def test_scores_of_one_label_alone_sum_to_one() -> None:
    folder = checkpoints.bert("BertForSequenceClassification", NLI)
    found = ours("zero-shot-classification", folder)(TEXTS[:3], ["a", "b", "c"], return_details=True)
    assert all(abs(sum(answer["scores"]) - 1) < 1e-6 for answer in found)
    (cut,) = ours("zero-shot-classification", folder)([TEXTS[5] * 3], ["a"], return_details=True)
    assert cut["dropped_tokens"] > 0
    assert found[0]["dropped_tokens"] == 0


def test_a_model_that_knows_no_entailment() -> None:
    folder = checkpoints.bert("BertForSequenceClassification", ("A", "B", "C"))
    with pytest.warns(BestiaryWarning, match="no label of the model is called entailment"):
        found = ours("zero-shot-classification", folder)(TEXTS[0], ["a", "london"])
    same(found, reference("zero-shot-classification", folder)(TEXTS[0], ["a", "london"]))


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (TEXTS[0], {}, ArgumentError, "pass candidate_labels="),
        (TEXTS[0], {"candidate_labels": []}, InputError, "at least one label"),
        (TEXTS[0], {"candidate_labels": ["a"], "hypothesis_template": "It is"}, InputError, "where the label belongs"),
        ("", {"candidate_labels": ["a"]}, InputError, "a text was expected"),
        (TEXTS[0], {"candidate_label": ["a"]}, ArgumentError, "Did you mean 'candidate_labels'"),
    ],
)
def test_wrong_use(inputs: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ours("zero-shot-classification", checkpoints.bert("BertForSequenceClassification", NLI))(inputs, **options)
