"""Text classification, against the reference."""

from typing import Any

import pytest
import yaml
from kit import checkpoints
from kit.pipelines import ours, reference, same

from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.pipelines import TextClassificationPipeline, pipeline

TEXTS = checkpoints.TEXTS
PAIR = {"text": TEXTS[0], "text_pair": TEXTS[1]}


def folder() -> Any:
    return checkpoints.bert("BertForSequenceClassification", ("A", "B", "C"))


@pytest.mark.parametrize("inputs", [TEXTS[0], TEXTS[:1], TEXTS[:5], PAIR, [PAIR, PAIR], [[[TEXTS[0], TEXTS[1]]]], ""])
@pytest.mark.parametrize("options", [{}, {"top_k": 1}, {"top_k": 2}, {"top_k": None}])
def test_answers(inputs: Any, options: dict[str, Any]) -> None:
    same(
        ours("text-classification", folder())(inputs, **options), reference("text-classification", folder())(inputs, **options)
    )


@pytest.mark.parametrize("function", ["default", "softmax", "sigmoid", "none"])
def test_function_to_apply(function: str) -> None:
    options = {"top_k": None} if function == "default" else {"top_k": None, "function_to_apply": function}
    found = ours("text-classification", folder())(TEXTS[0], top_k=None, function_to_apply=function)
    same(found, reference("text-classification", folder())(TEXTS[0], **options))


@pytest.mark.parametrize(
    ("labels", "problem"),
    [(("A",), None), (("A",), "regression"), (("A", "B"), "regression"), (("A", "B", "C"), "multi_label_classification")],
)
def test_the_function_suits_the_model(labels: tuple[str, ...], problem: str | None) -> None:
    where = checkpoints.bert("BertForSequenceClassification", labels, problem_type=problem)
    same(
        ours("text-classification", where)(TEXTS[:2], top_k=None),
        reference("text-classification", where)(TEXTS[:2], top_k=None),
    )


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_decoders_in_batches(family: str) -> None:
    name = {"gpt2": "GPT2ForSequenceClassification", "llama": "LlamaForSequenceClassification"}[family]
    where = getattr(checkpoints, family)(name, pad_token_id=0)
    expected = [reference("text-classification", where)(text, top_k=None) for text in TEXTS]
    same(ours("text-classification", where)(TEXTS, top_k=None), expected)


def test_answers_are_plain_dictionaries() -> None:
    """Of that type itself: YAML writes nothing else, and JSON and data sets ask for it."""
    made = ours("text-classification", folder())
    for answer in (*made(TEXTS[0]), *made(iter(TEXTS[:1])), *made(TEXTS[0], top_k=None), *made(TEXTS[0], return_details=True)):
        assert type(answer) is dict
    assert yaml.safe_load(yaml.safe_dump(made(TEXTS[:2]))) == made(TEXTS[:2])


def test_cut_tokens_are_counted() -> None:
    found = ours("text-classification", folder())([TEXTS[5] * 2, TEXTS[4]], truncation=True)
    same(found, reference("text-classification", folder())([TEXTS[5] * 2, TEXTS[4]], truncation=True))
    whole = checkpoints.wordpiece()(TEXTS[5] * 2)["input_ids"]
    found = ours("text-classification", folder())([TEXTS[5] * 2, TEXTS[4]], truncation=True, return_details=True)
    assert [answer["dropped_tokens"] for answer in found] == [len(whole) - 64, 0]


def test_construction_without_pipeline() -> None:
    made = ours("text-classification", folder())
    direct = TextClassificationPipeline(model=made.model, tokenizer=made.tokenizer, top_k=2)
    same(direct(TEXTS[:2]), made(TEXTS[:2], top_k=2))
    assert direct.task == ""


def test_defaults_hold_for_calls_that_say_nothing() -> None:
    made = pipeline("sentiment-analysis", folder(), top_k=2)
    assert [len(made(TEXTS[0])), len(made(TEXTS[0], top_k=3)), len(made(TEXTS[0]))] == [2, 3, 2]


def test_what_else_a_row_of_a_data_set_holds() -> None:
    classify = ours("text-classification", folder())
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="hold label too"):
        answer = classify({"text": TEXTS[0], "label": 1})
    same(answer, reference("text-classification", folder())({"text": TEXTS[0], "label": 1}))


@pytest.mark.parametrize("options", [{"top_k": 0}, {"function_to_apply": "SOFTMAX"}, {"function_to_apply": "None", "top_k": 2}])
def test_odd_options_as_published(options: dict[str, Any]) -> None:
    expected = reference("text-classification", folder())(TEXTS[0], **options)
    same(ours("text-classification", folder())(TEXTS[0], **options), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topk": 2}, "Did you mean 'top_k'"),
        ({"truncaton": True}, "Did you mean 'truncation'"),
        ({"top_k": -1}, "top_k is -1"),
        ({"function_to_apply": "soft"}, "function_to_apply is 'soft'"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_wrong_keywords(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, InputError), match=message):
        ours("text-classification", folder())(TEXTS[:2], **options)


@pytest.mark.parametrize("inputs", [3, {"txt": "a"}, [3]])
def test_wrong_inputs(inputs: Any) -> None:
    with pytest.raises(InputError, match="found"):
        ours("text-classification", folder())(inputs)


@pytest.mark.filterwarnings("ignore:return_all_scores")
def test_return_all_scores_answers_as_it_did() -> None:
    """Releases of that option answered one text like a list of one; the shapes are those of 4.46.3."""
    made, built = ours("text-classification", folder()), pipeline("text-classification", folder(), return_all_scores=True)
    everything = made(TEXTS[0], top_k=None)
    for found in (made(TEXTS[0], return_all_scores=True), built(TEXTS[0]), built(TEXTS[:1])):
        assert found == [everything]
    assert made(PAIR, return_all_scores=True) == made(PAIR, top_k=None)
    assert built(TEXTS[0], top_k=None) == everything
    assert built(TEXTS[0], return_all_scores=False) == made(TEXTS[0])
