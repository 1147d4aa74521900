"""The way back from tokens to words and characters, against the reference; columns, tensors, moving."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bestiary.core.errors import InputError
from bestiary.preprocess.text.batch_encoding import BatchEncoding, CharSpan, TokenSpan
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

TEXTS = (["Hello world, fibonacci", "  the 日本語 dog"], ["naïve café", "thanks, x"])


@pytest.fixture(scope="module", params=["generic", "llama3"])
def both(request: Any, folder: Callable[[str], Path]) -> tuple[BatchEncoding, Any]:
    path = folder(request.param)
    ours = PreTrainedTokenizerFast.from_pretrained(path)(*TEXTS)
    return ours, transformers.PreTrainedTokenizerFast.from_pretrained(path)(*TEXTS)


@pytest.mark.parametrize("row", [0, 1, -1])
@pytest.mark.parametrize("method", ["tokens", "word_ids", "sequence_ids"])
def test_whole_rows(both: Any, method: str, row: int) -> None:
    assert getattr(both[0], method)(row) == getattr(both[1], method)(row)


@pytest.mark.parametrize("method", ["token_to_word", "token_to_chars", "token_to_sequence"])
def test_from_tokens(both: Any, method: str) -> None:
    ours, theirs = (getattr(one, method) for one in both)
    for row in (0, 1):
        for token in range(len(both[0]["input_ids"][row])):
            assert ours(row, token) == theirs(row, token)
            assert ours(row, token - len(both[0]["input_ids"][row])) == theirs(row, token)
    assert ours(1) == theirs(1)
    assert ours(0, 999) is None


@pytest.mark.parametrize("method", ["word_to_tokens", "word_to_chars", "char_to_token", "char_to_word"])
@pytest.mark.parametrize("sequence", [0, 1])
def test_from_words_and_characters(both: Any, method: str, sequence: int) -> None:
    ours, theirs = (getattr(one, method) for one in both)
    for row in (0, 1):
        for index in range(12):
            try:
                expected = theirs(row, index, sequence_index=sequence)
            except TypeError:  # the reference unpacks None
                expected = None
            assert ours(row, index, sequence_index=sequence) == expected


def test_kinds_of_spans(both: Any) -> None:
    assert isinstance(both[0].word_to_tokens(0, 1), TokenSpan)
    assert isinstance(both[0].token_to_chars(0, 2), CharSpan)


def test_after_padding_and_cutting(folder: Callable[[str], Path]) -> None:
    path = folder("generic")
    ours, theirs = PreTrainedTokenizerFast.from_pretrained(path), transformers.PreTrainedTokenizerFast.from_pretrained(path)
    options = {"padding": True, "truncation": True, "max_length": 12, "padding_side": "left"}
    a, b = ours(TEXTS[0], **options), theirs(TEXTS[0], **options)
    for row in (0, 1):
        for method in ("tokens", "word_ids", "sequence_ids"):
            assert getattr(a, method)(row) == getattr(b, method)(row)


def test_reading(both: Any) -> None:
    ours = both[0]
    assert ours.input_ids is ours["input_ids"]
    assert dict(**ours) == dict(ours)
    assert ours[0].ids == ours["input_ids"][0]
    assert [row.ids for row in ours[0:2]] == ours["input_ids"]
    assert ours.is_fast
    assert ours.n_sequences == both[1].n_sequences == 2
    assert list(ours) == list(ours.data)
    with pytest.raises(AttributeError, match="labels"):
        _ = ours.labels


def _through_pickle(one: BatchEncoding) -> BatchEncoding:
    return pickle.loads(pickle.dumps(one))  # noqa: S301


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, _through_pickle, BatchEncoding.copy])
def test_copies(both: Any, duplicate: Callable[[BatchEncoding], BatchEncoding]) -> None:
    other = duplicate(both[0])
    assert dict(other) == dict(both[0])
    assert other.word_ids(0) == both[0].word_ids(0)
    assert other.dropped_tokens == both[0].dropped_tokens


def test_without_text() -> None:
    made = BatchEncoding({"input_ids": [[1, 2]]})
    assert not made.is_fast
    with pytest.raises(InputError, match="not made by encoding text"):
        made.tokens()
    with pytest.raises(KeyError):
        made[0]


def test_moving_casts_only_what_floats() -> None:
    made = BatchEncoding({"input_ids": [[1, 2]], "pixel_values": [[0.5, 1.0]], "name": "x"})
    made["input_ids"], made["pixel_values"] = torch.tensor(made["input_ids"]), torch.tensor(made["pixel_values"])
    assert made.to("cpu", torch.float16) is made
    assert made["input_ids"].dtype == torch.int64
    assert made["pixel_values"].dtype == torch.float16
    assert made["name"] == "x"


def test_tensors_later(both: Any) -> None:
    one = BatchEncoding({"input_ids": [1, 2]}).convert_to_tensors("pt", prepend_batch_axis=True)
    assert one["input_ids"].tolist() == [[1, 2]]
    with pytest.raises(InputError, match="rows differ"):
        BatchEncoding({"input_ids": [[1, 2], [1]]}, tensor_type="np")
