"""Filling masks, against the reference."""

import warnings
from typing import Any

import pytest
from kit import checkpoints
from kit.pipelines import ours, reference, same

from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning

ONE = "My name [MASK] Sarah"
TWO = "the [MASK] fox [MASK] over"


@pytest.mark.parametrize("inputs", [ONE, TWO, [ONE], [ONE, TWO, "the [MASK] dog and a lot of the world"]])
@pytest.mark.parametrize(
    "options",
    [{}, {"top_k": 2}, {"targets": ["london", "paris"]}, {"targets": "london"}, {"targets": ["paris", "dog"], "top_k": 1}],
)
def test_answers(inputs: Any, options: dict[str, Any]) -> None:
    folder = checkpoints.bert("BertForMaskedLM")
    same(ours("fill-mask", folder)(inputs, **options), reference("fill-mask", folder)(inputs, **options))


def test_the_probabilities_of_all_words_sum_to_one() -> None:
    found = ours("fill-mask", checkpoints.bert("BertForMaskedLM"))(ONE, top_k=10_000)
    assert len(found) == 200
    assert abs(sum(answer["score"] for answer in found) - 1) < 1e-5


def test_options_of_the_tokenizer() -> None:
    folder = checkpoints.bert("BertForMaskedLM")
    options = {"tokenizer_kwargs": {"truncation": True, "max_length": 7}}
    found = ours("fill-mask", folder)(f"{ONE} and so on", **options)
    same(found, reference("fill-mask", folder)(f"{ONE} and so on", **options))
    told = ours("fill-mask", folder)(f"{ONE} and so on", **options, return_details=True)
    assert {answer["dropped_tokens"] for answer in told} == {len(checkpoints.wordpiece()(f"{ONE} and so on")["input_ids"]) - 7}


def test_a_target_that_is_no_token() -> None:
    folder = checkpoints.bert("BertForMaskedLM")
    with pytest.warns(BestiaryWarning, match="'londonparis' is no single token"):
        found = ours("fill-mask", folder)(ONE, targets=["londonparis"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(found, reference("fill-mask", folder)(ONE, targets=["londonparis"]))


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        ("no mask", {}, InputError, r"no \[MASK\] was found in 'no mask'"),
        (ONE, {"tokenizer_kwargs": {"truncation": True, "max_length": 3}}, InputError, "tokens were cut off"),
        (ONE, {"targets": []}, ArgumentError, "targets is empty"),
        (ONE, {"targets": [""]}, ArgumentError, "holds no token"),
        (ONE, {"target": "x"}, ArgumentError, "Did you mean 'targets'"),
    ],
)
def test_wrong_use(inputs: str, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ours("fill-mask", checkpoints.bert("BertForMaskedLM"))(inputs, **options)
