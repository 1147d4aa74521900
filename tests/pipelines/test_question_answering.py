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

GOLDEN = Path(__file__).parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
from make_pipelines import CONTEXT, LONG, QUESTIONS  # noqa: E402

STORED = json.loads((GOLDEN / "pipelines.json").read_text())["question-answering"]


def made() -> Any:
    return ours("question-answering", checkpoints.fixed_bert_qa())


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


def test_a_long_question_is_cut_and_counted() -> None:
    found = made()(question="Where is Paris in the world of people?", context=CONTEXT, max_question_len=3)
    same(found, made()(question="Where is", context=CONTEXT)) if found.dropped_tokens == 0 else None
    assert found.dropped_tokens > 0


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
