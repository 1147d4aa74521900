"""Token classification, against the reference."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit import checkpoints
from kit.pipelines import ours, reference, same

import bestiary
from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.pipelines import AggregationStrategy, pipeline

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
    texts = TEXTS
    if family != "bert" and strategy in ("first", "average", "max"):
        # Where no prefix tells inner tokens, the reference cuts words at blanks alone: "London," is one word to it.
        texts = [re.sub(r"[.,;!]", "", text) for text in TEXTS]
    both(texts[:4], family, aggregation_strategy=strategy)
    both(texts[0], family, aggregation_strategy=AggregationStrategy(strategy))
    if strategy != "none":
        both([texts[5] * 2, texts[0]], family, aggregation_strategy=strategy, stride=5)


WORDS = {
    "comma": ("London,Paris", ["London", ",", "Paris"]),
    "line": ("Sarah\nLondon it", ["Sarah", "\n", "London", " it"]),
    "tab": ("Sarah\tLondon", ["Sarah", "\t", "London"]),
    "other white space": ("rain\u00a0the\u3000world", ["rain", "\u00a0", "the", "\u3000", "world"]),
    "brackets": ("(London)", ["(", "London", ")"]),
    "letters of many bytes": ("été naïve", ["été", " naïve"]),
}
# Letters whose normal form has another length than they have: what WordPiece makes of them is no sign of a beginning.
NORMALIZED = {
    "decomposed": ("e\u0301 te\u0301t i", ["e\u0301", "te\u0301t", "i"]),
    "line": ("Sarah\nLondon", ["Sarah", "London"]),
    "control": ("a\u200bb world", ["a\u200bb", "world"]),
    "comma": ("London,Paris", ["London", ",", "Paris"]),
}


@pytest.mark.parametrize("strategy", ["first", "average", "max"])
@pytest.mark.parametrize(
    ("family", "text", "words"),
    [(family, *case) for family in ("gpt2", "llama") for case in WORDS.values()]
    + [("bert", *case) for case in NORMALIZED.values()],
)
def test_whole_words_by_hand(family: str, text: str, words: list[str], strategy: str) -> None:
    """Every word has the label and the score of its tokens; the words themselves are given."""
    pipe = pipeline("token-classification", folder(family), device="cpu")
    names = [f"B-{index}" for index in range(pipe.model.config.num_labels)]  # each word begins an entity
    pipe.model.config.id2label = dict(enumerate(names))
    encoded = pipe.tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        scores = pipe.model(**encoded).logits[0].softmax(-1)
    expected, begin = [], 0
    for word in words:
        begin = text.index(word, begin)
        tokens = [scores[i] for i, (start, end) in enumerate(offsets) if begin <= start < begin + len(word) and end > start]
        begin += len(word)
        row = {"first": tokens[0], "average": torch.stack(tokens).mean(0), "max": max(tokens, key=lambda row: row.max())}
        expected.append((names[int(row[strategy].argmax())][2:], float(row[strategy].max())))
    answers = pipe(text, aggregation_strategy=strategy, ignore_labels=[])
    assert [text[one["start"] : one["end"]].strip("\u0301") for one in answers] == [word.strip("\u0301") for word in words]
    for one, (label, score) in zip(answers, expected, strict=True):
        assert one["entity_group"] == label
        assert abs(one["score"] - score) < 1e-6


def test_windows_of_tokens_and_names_in_capitals() -> None:
    both(TEXTS[5] * 2, stride=5)
    both(TEXTS[5] * 2, stride=5, ignore_labels=[])
    both(TEXTS[0], aggregation_strategy="SIMPLE")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_words_that_are_given_stay_words(family: str) -> None:
    words = ["London", "rains", "a", "lot"]
    pipe = ours("token-classification", folder(family))
    options = {"aggregation_strategy": "first", "ignore_labels": [], "is_split_into_words": True}
    (answers,) = pipe(words, **options, delimiter="--")
    assert {one["start"] for one in answers} <= {0, 8, 15, 18}


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
    found = ours("ner", folder())(TEXTS[5] * 2, ignore_labels=[], return_details=True)
    assert all(TEXTS[5].lower()[one["start"] : one["end"]] == one["word"].removeprefix("##") for one in found[:20])
    assert {one["dropped_tokens"] for one in found} == {len(checkpoints.wordpiece()(TEXTS[5] * 2)["input_ids"]) - 64}
    json.dumps(found)


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (TEXTS[0], {"aggregation_strategy": "mean"}, ArgumentError, "aggregation_strategy is 'mean'"),
        (TEXTS[0], {"stride": 64, "aggregation_strategy": "simple"}, ArgumentError, "less than the 62 tokens"),
        (TEXTS[0], {"stride": 4, "aggregation_strategy": "none"}, ArgumentError, "needs an aggregation_strategy"),
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


WHOLE_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "London", "is", "big", "Ada", "saw", "it"]


def in_python(library: Any) -> Any:
    """A tokenizer in Python, whose words are told by blanks."""

    class Words(library.PreTrainedTokenizer):  # type: ignore[misc]
        vocab_size = len(WHOLE_WORDS)

        def get_vocab(self) -> dict[str, int]:
            return {word: index for index, word in enumerate(WHOLE_WORDS)}

        def _tokenize(self, text: str) -> list[str]:
            return text.split()

        def _convert_token_to_id(self, token: str) -> int:
            return WHOLE_WORDS.index(token) if token in WHOLE_WORDS else 1

        def _convert_id_to_token(self, index: int) -> str:
            return WHOLE_WORDS[index]

    roles = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return Words(**roles, special_tokens_pattern="cls_sep")


def test_a_tokenizer_in_python_knows_no_places() -> None:
    answers = []
    for library in (bestiary, transformers):
        model = library.AutoModelForTokenClassification.from_pretrained(str(folder()))
        run = library.pipeline("token-classification", model=model, tokenizer=in_python(library), device="cpu")
        texts = ["London is big", "Ada saw nothing"]
        answers.append([run(texts, aggregation_strategy=strategy, ignore_labels=[]) for strategy in ("none", "simple")])
    same(answers[0], answers[1])
    assert answers[0][0][0][0]["start"] is None
    model = bestiary.AutoModelForTokenClassification.from_pretrained(folder())
    ner = pipeline("token-classification", model=model, tokenizer=in_python(bestiary))
    for options in ({"aggregation_strategy": "first"}, {"stride": 2, "aggregation_strategy": "simple"}):
        with pytest.raises(InputError, match="needs a tokenizer of the Rust package; Words is written in Python"):
            ner("London is big", **options)
    with pytest.raises(InputError, match="is_split_into_words=True needs a tokenizer of the Rust package"):
        ner(["London", "is"], is_split_into_words=True)
