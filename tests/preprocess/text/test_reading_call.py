"""What a call says is read once, and yet each call gets its warnings and the tokenizer's options of the moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from bestiary import AutoTokenizer, BertTokenizer
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning, forget_warnings

TEXT = "Hello world, fibonacci and the quick brown fox"


@pytest.fixture
def tokenizer(folder: Callable[[str], Path]) -> Any:
    return BertTokenizer.from_pretrained(folder("bert"), model_max_length=512)


def test_every_call_deserves_its_warning(tokenizer: Any) -> None:
    for _ in range(2):
        with pytest.warns(BestiaryWarning, match="cuts longer texts"):
            tokenizer(TEXT, max_length=4)
        forget_warnings()


def test_options_of_the_tokenizer_count_when_they_change(tokenizer: Any) -> None:
    whole = tokenizer(TEXT, truncation=True)["input_ids"]
    tokenizer.model_max_length = 6
    assert tokenizer(TEXT, truncation=True)["input_ids"] == [*whole[:5], whole[-1]]
    tokenizer.truncation_side = "left"
    assert tokenizer(TEXT, truncation=True)["input_ids"] == [whole[0], *whole[-5:]]
    tokenizer.padding_side = "left"
    assert tokenizer("Hello", padding="max_length")["attention_mask"][0] == 0
    tokenizer.model_input_names = ["input_ids"]
    assert list(tokenizer("Hello")) == ["input_ids"]


def test_one_is_no_true(tokenizer: Any) -> None:
    tokenizer(TEXT, padding=True, truncation=True)
    with pytest.raises(ArgumentError, match="padding is 1"):
        tokenizer(TEXT, padding=1, truncation=True)


def test_what_no_key_can_hold_is_told_as_ever(tokenizer: Any) -> None:
    with pytest.raises(ArgumentError, match=r"padding is \['longest'\]"):
        tokenizer(TEXT, padding=["longest"])


@pytest.mark.parametrize("length", [3, 5, 8, 12, 100])
@pytest.mark.parametrize("pairs", [False, True])
def test_short_texts_among_long_ones_are_cut_as_published(folder: Callable[[str], Path], length: int, pairs: bool) -> None:
    """A text that may fit is tried whole first."""
    texts = ["fox", TEXT, "日本語", "x" * 30, "", TEXT * 3]
    both = [kind.from_pretrained(folder("bert")) for kind in (BertTokenizer, transformers.BertTokenizerFast)]
    options = {"truncation": True, "max_length": length, "padding": True, "return_special_tokens_mask": True}
    ours, theirs = (each(texts, texts[::-1] if pairs else None, **options) for each in both)
    assert dict(ours) == dict(theirs)
    for row in range(len(texts)):
        assert ours.sequence_ids(row) == theirs.sequence_ids(row)
        assert ours[row].offsets == theirs[row].offsets
    kept = both[0](texts, truncation=True, max_length=length)
    lost = [len(a) - len(b) for a, b in zip(both[0](texts)["input_ids"], kept["input_ids"], strict=True)]
    assert kept.dropped_tokens == lost


def test_the_beginning_that_is_there_twice_is_told(folder: Callable[[str], Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder("llama3"))
    with pytest.warns(BestiaryWarning, match="encoding added another"):
        tokenizer([TEXT, f"{tokenizer.bos_token}{TEXT}"], padding=False)
