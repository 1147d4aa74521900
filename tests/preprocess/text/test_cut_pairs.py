"""The way from tokens back to words and characters in rows that were cut and joined, against the reference."""

import itertools
from typing import Any

import pytest
import transformers
from kit.tokenizer_files import byte_level, wordpiece
from tokenizers import Tokenizer, processors

from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

FIRST = ["the dog", "Hello world, how are you", ""]
SECOND = ["fine", "fine thanks, the quick brown fox", "", None]
ENDS = (("[SEP]", 3), ("[CLS]", 2))


def template(single: str, pair: str) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=list(ENDS))


BEGIN = processors.TemplateProcessing(single="x $A", pair="x $A x:1 $B:1", special_tokens=[("x", 87)])
WORD_PIECES: dict[str, Any] = {
    "none": None,
    "around and between": template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    "at the end": template("$A [SEP]", "$A [SEP] $B [SEP]"),
    "many, second text first": template("$A [SEP]", "[CLS] $B:1 [SEP] [SEP] $A:0 [CLS]"),
    "bert": processors.BertProcessing(*ENDS),
    "roberta": processors.RobertaProcessing(*ENDS, trim_offsets=False),
}
BYTES: dict[str, Any] = {
    "trimmed": processors.ByteLevel(trim_offsets=True),
    "trimmed, at the beginning": processors.Sequence([processors.ByteLevel(trim_offsets=True), BEGIN]),
}


def both(kind: str, side: str, padding: str) -> tuple[Any, Any]:
    rust = Tokenizer.from_str((byte_level() if kind in BYTES else wordpiece()).to_str())
    rust.post_processor = {**WORD_PIECES, **BYTES}[kind]
    options = {"truncation_side": side, "padding_side": padding, "pad_token": "<|endoftext|>" if kind in BYTES else "[PAD]"}
    kinds = (PreTrainedTokenizerFast, transformers.PreTrainedTokenizerFast)
    ours, theirs = (kind(tokenizer_object=rust, **options) for kind in kinds)
    return ours, theirs


def maps(encoded: Any, row: int) -> dict[str, Any]:
    """Everything that a row knows, by name."""
    rust = encoded.encodings[row]
    names = ("ids", "tokens", "type_ids", "offsets", "attention_mask", "special_tokens_mask", "word_ids", "n_sequences")
    tokens = range(len(rust))
    return {
        **{name: getattr(rust, name) for name in names},
        "sequence_ids": encoded.sequence_ids(row),
        "token_to_sequence": [encoded.token_to_sequence(row, index) for index in tokens],
        "token_to_word": [encoded.token_to_word(row, index) for index in tokens],
        "token_to_chars": [encoded.token_to_chars(row, index) for index in tokens],
        "word_to_tokens": [encoded.word_to_tokens(row, word, text) for text in (0, 1) for word in range(8)],
        "char_to_token": [encoded.char_to_token(row, place, text) for text in (0, 1) for place in range(33)],
        "char_to_word": [encoded.char_to_word(row, place, text) for text in (0, 1) for place in range(33)],
    }


CALLS: list[dict[str, Any]] = [
    {"max_length": 6, "padding": "max_length"},
    {"max_length": 10},
    {"max_length": 9, "add_special_tokens": False, "padding": "max_length"},
]


def answer(tokenizer: Any, texts: tuple[Any, ...], options: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The maps of each row; None where the call is refused."""
    try:
        encoded = tokenizer(*texts, **options)
    except BaseException as error:  # a panic of the Rust package is no `Exception`
        if isinstance(error, KeyboardInterrupt):
            raise
        return None
    return [maps(encoded, row) for row in range(len(encoded["input_ids"]))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
@pytest.mark.parametrize("kind", [*WORD_PIECES, *BYTES])
@pytest.mark.parametrize(("side", "padding"), [("right", "left"), ("left", "right")])
def test_every_map_of_every_row(kind: str, strategy: str, side: str, padding: str) -> None:
    ours, theirs = both(kind, side, padding)
    compared = 0
    for options, windows in itertools.product(CALLS, ({}, {"stride": 0}, {"stride": 1})):
        options = {**options, "truncation": strategy, "return_overflowing_tokens": bool(windows), **windows}
        for first, second in itertools.product(FIRST, SECOND):
            texts = ([first],) if second is None else ([first], [second])
            expected = answer(theirs, texts, options)
            assert answer(ours, texts, options) == expected, (texts, options)
            compared += len(expected or ())
    assert compared > 40
