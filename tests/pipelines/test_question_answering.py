"""Question answering, against stored answers of the reference's last release that had it."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kit import checkpoints
from kit.pipelines import ours, same

from bestiary.core.errors import ArgumentError, InputError
from bestiary.pipelines import pipeline

GOLDEN = Path(__file__).parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
from make_pipelines import CONTEXT, LONG, QUESTIONS  # noqa: E402

STORED = json.loads((GOLDEN / "pipelines.json").read_text())["question-answering"]


def made() -> Any:
    return ours("question-answering", checkpoints.fixed_bert_qa())


def another(padding_side: str = "right", scale: float = 1.0) -> Any:
    """A pipeline that tests may change; logits are `scale` times as large."""
    answering = pipeline("question-answering", checkpoints.fixed_bert_qa(), device="cpu")
    answering.tokenizer.padding_side = padding_side
    answering.model.qa_outputs.weight.data *= scale
    answering.model.qa_outputs.bias.data *= scale
    return answering


def by_hand(answering: Any, question: str, context: str, longest: int) -> dict[tuple[int, int], float]:
    """Every span of tokens in one window -> the logarithm of its probability."""
    first = answering.tokenizer.padding_side == "right"
    texts = (question, context) if first else (context, question)
    encoded = answering.tokenizer(*texts, return_tensors="pt")
    with torch.no_grad():
        output = answering.model(**encoded)
    inside = [index for index, part in enumerate(encoded.sequence_ids(0)) if part == int(first)]
    allowed = [0, *inside]
    starts, ends = (logits[0, allowed].double().log_softmax(0)[1:] for logits in (output.start_logits, output.end_logits))
    spans = {}
    for i, start in enumerate(inside):
        for j, end in list(enumerate(inside))[i : i + longest]:
            place = encoded.token_to_chars(0, start).start, encoded.token_to_chars(0, end).end
            spans[place] = float(starts[i] + ends[j])
    return spans


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_answers(number: int) -> None:
    inputs, options = QUESTIONS[number]
    found, expected = made()(**inputs, **options), STORED[number]
    if isinstance(expected, list):
        # The reference repeats an answer whose words are reached by several spans of tokens.
        places = {(one["start"], one["end"]): one for one in reversed(expected)}
        kept = sorted(places.values(), key=lambda one: -one["score"])
        same(found[: len(kept)], kept)
    else:
        same(found, expected)


def test_many_questions_at_once() -> None:
    questions = [inputs for inputs, _ in QUESTIONS]
    same(made()(questions), [made()(inputs) for inputs in questions])
    asked = [inputs["question"] for inputs in questions]
    same(made()(question=asked, context=CONTEXT), [made()(question=one, context=CONTEXT) for one in asked])
    same(made()(question=asked[:2], context=[CONTEXT, LONG]), [made()(questions[0]), made()(question=asked[1], context=LONG)])
    assert isinstance(made()(question=[asked[0]], context=[CONTEXT]), list)


def test_scores_are_products_of_probabilities() -> None:
    """Over all spans of one window the scores sum to the share that the beginning token does not have."""
    inputs = {"question": "Where is Paris?", "context": CONTEXT}
    answers = made()(inputs, top_k=10_000, max_answer_len=1, align_to_words=False)
    encoded = made().tokenizer(inputs["question"], inputs["context"], return_tensors="pt")
    with torch.no_grad():
        output = made().model(**encoded)
    allowed = torch.tensor([part == 1 for part in encoded.sequence_ids(0)])
    allowed[0] = True
    starts = output.start_logits[0].masked_fill(~allowed, -torch.inf).softmax(0)
    ends = output.end_logits[0].masked_fill(~allowed, -torch.inf).softmax(0)
    expected = {tuple(encoded.token_to_chars(0, i)): float(starts[i] * ends[i]) for i in allowed.nonzero()[1:, 0].tolist()}
    assert {(one["start"], one["end"]) for one in answers} == set(expected)
    for one in answers:
        np.testing.assert_allclose(one["score"], expected[one["start"], one["end"]], atol=1e-6)
        assert one["answer"] == CONTEXT[one["start"] : one["end"]]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("scale", [1.0, 100_000.0])
def test_every_span_by_hand(side: str, scale: float) -> None:
    """Also where the text comes first (padding on the left), and where nearly every probability is too small for a number."""
    answering = another(side, scale)
    question = "Where is Paris?"
    expected = by_hand(answering, question, CONTEXT, 4)
    answers = answering(question=question, context=CONTEXT, top_k=1000, max_answer_len=4, align_to_words=False)
    ranked = sorted(expected, key=lambda place: -expected[place])
    assert [(one["start"], one["end"]) for one in answers] == ranked
    for one in answers:
        assert abs(one["score"] - np.exp(expected[one["start"], one["end"]])) < 1e-6
    assert (min(one["score"] for one in answers) == 0) == (scale > 1)
    assert answering(question=question, context=CONTEXT, max_answer_len=4, align_to_words=False)["start"] == ranked[0][0]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("scale", [1.0, 100_000.0])
@pytest.mark.parametrize(
    "options",
    [{}, {"handle_impossible_answer": True}, {"align_to_words": False}, {"max_seq_len": 36, "doc_stride": 5}],
    ids=str,
)
def test_as_many_answers_as_asked_for(side: str, scale: float, options: dict[str, Any]) -> None:
    answering = another(side, scale)
    inputs = {"question": "Where is Paris?", "context": LONG}
    everything = answering(inputs, top_k=100_000, **options)
    for top_k in (2, 5, 40):
        answers = answering(inputs, top_k=top_k, **options)
        assert answers == everything[:top_k]
        assert len({(one["start"], one["end"]) for one in answers}) == top_k
        assert all(one["answer"] == LONG[one["start"] : one["end"]] for one in answers)
    assert ("" in {one["answer"] for one in everything}) == bool(options.get("handle_impossible_answer"))
    many = answering([inputs, {**inputs, "context": CONTEXT}], top_k=5, **options)
    same(many[0], everything[:5])


def test_a_text_without_a_token_has_no_answer() -> None:
    answer = made()(question="Where is Paris?", context="  \n ")
    assert (answer["answer"], answer["start"], answer["end"]) == ("", 0, 0)


def test_logits_that_are_no_numbers() -> None:
    with pytest.raises(InputError, match="NaN"):
        another(scale=float("nan"))(question="Where is Paris?", context=CONTEXT)


def test_a_long_question_is_cut_and_counted() -> None:
    found = made()(question="Where is Paris in the world of people?", context=CONTEXT, max_question_len=3, return_details=True)
    assert found["dropped_tokens"] > 0


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (None, {"question": "a"}, ArgumentError, "pass question= and context="),
        ("a", {}, InputError, "expected {'question'"),
        ({"question": "a", "context": ""}, {}, InputError, "context must be a text"),
        (None, {"question": ["a", "b"], "context": ["c"]}, InputError, "2 questions and 1 contexts"),
        ({"question": "a", "context": "b"}, {"max_answer_len": 0}, InputError, "max_answer_len is 0"),
        ({"question": "a", "context": "b"}, {"max_anser_len": 3}, ArgumentError, "Did you mean 'max_answer_len'"),
    ],
)
def test_wrong_use(inputs: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made()(inputs, **options)
