"""Token classification, against the reference."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from kit import checkpoints
from kit.pipelines import ours, reference, same

from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.pipelines import AggregationStrategy

TEXTS = checkpoints.TEXTS
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC")
STRATEGIES = ["none", "simple", "first", "average", "max"]


def folder(family: str = "bert") -> Path:
    if family == "bert":
        return checkpoints.bert("BertForTokenClassification", LABELS)
    name = {"gpt2": "GPT2ForTokenClassification", "llama": "LlamaForTokenClassification"}[family]
    return getattr(checkpoints, family)(name, num_labels=6)


def both(inputs: Any, family: str = "bert", **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference("token-classification", folder(family))(inputs, **options)
    same(ours("token-classification", folder(family))(inputs, **options), expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_strategies(strategy: str, family: str) -> None:
    both(TEXTS[:4], family, aggregation_strategy=strategy)
    both(TEXTS[0], family, aggregation_strategy=AggregationStrategy(strategy))
    if strategy != "none":
        both([TEXTS[5] * 2, TEXTS[0]], family, aggregation_strategy=strategy, stride=5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_words(strategy: str) -> None:
    both(["My", "name", "is", "Sarah", "qqq"], is_split_into_words=True, aggregation_strategy=strategy)
    words = [["My", "name", "is"], ["Hello", "worldlet"]]
    both(words, is_split_into_words=True, aggregation_strategy=strategy, delimiter="--")


@pytest.mark.parametrize("inputs", [TEXTS[0], TEXTS[:1], TEXTS[5] * 2])
@pytest.mark.parametrize("options", [{}, {"ignore_labels": []}, {"ignore_labels": ["PER"], "aggregation_strategy": "simple"}])
def test_inputs_and_ignored_labels(inputs: Any, options: dict[str, Any]) -> None:
    both(inputs, **options)


def test_places_and_what_was_cut() -> None:
    found = ours("ner", folder())(TEXTS[5] * 2, ignore_labels=[])
    assert all(TEXTS[5].lower()[one["start"] : one["end"]] == one["word"].removeprefix("##") for one in found[:20])
    assert {one.dropped_tokens for one in found} == {len(checkpoints.wordpiece()(TEXTS[5] * 2)["input_ids"]) - 64}
    json.dumps(found)


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (TEXTS[0], {"aggregation_strategy": "mean"}, ArgumentError, "aggregation_strategy is 'mean'"),
        (TEXTS[0], {"stride": 64, "aggregation_strategy": "simple"}, ArgumentError, "less than the 62 tokens"),
        (TEXTS[0], {"stride": 4}, ArgumentError, "needs an aggregation_strategy"),
        (["a", ["b"]], {}, InputError, "is_split_into_words=True"),
        (TEXTS[0], {"is_split_into_words": True}, InputError, "expected a list of words"),
        (TEXTS[0], {"ignore_label": []}, ArgumentError, "Did you mean 'ignore_labels'"),
    ],
)
def test_wrong_use(inputs: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ours("token-classification", folder())(inputs, **options)


@pytest.mark.parametrize(
    ("older", "strategy"),
    [
        ({"grouped_entities": True}, "simple"),
        ({"grouped_entities": True, "ignore_subwords": True}, "first"),
        ({"grouped_entities": False, "ignore_subwords": True}, "none"),
        ({"ignore_subwords": False}, "none"),
    ],
    ids=str,
)
def test_older_names(older: dict[str, bool], strategy: str) -> None:
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=f"is now aggregation_strategy='{strategy}'"):
        found = ours("ner", folder())(TEXTS[0], **older)
    assert found == ours("ner", folder())(TEXTS[0], aggregation_strategy=strategy)
    with pytest.raises(ArgumentError, match="pass aggregation_strategy alone"):
        ours("ner", folder())(TEXTS[0], aggregation_strategy="max", **older)
