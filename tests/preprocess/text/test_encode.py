"""Every option of a call, against the reference."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit.tokenizer_files import SAMPLES, TEXT, byte_level, wordpiece

import bestiary
from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

LONG = "the quick brown fox jumps over the lazy dog today"
PAIR = ("Hello world, how are you", "fine, thanks")
EVERYTHING = {
    "return_offsets_mapping": True,
    "return_special_tokens_mask": True,
    "return_token_type_ids": True,
    "return_length": True,
}


@pytest.fixture(scope="module", params=["generic", "llama3"])
def both(request: Any, folder: Callable[[str], Path]) -> tuple[Any, Any]:
    path = folder(request.param)
    ours, theirs = PreTrainedTokenizerFast.from_pretrained(path), transformers.PreTrainedTokenizerFast.from_pretrained(path)
    if request.param == "llama3":
        ours.pad_token = theirs.pad_token = "<|end_of_text|>"
    return ours, theirs


def same(both: tuple[Any, Any], *args: Any, **options: Any) -> None:
    ours, theirs = both[0](*args, **options), both[1](*args, **options)
    assert set(ours) == set(theirs)
    for name in ours:
        a, b = ours[name], theirs[name]
        if isinstance(b, np.ndarray | torch.Tensor):
            assert type(a) is type(b)
            assert a.dtype == b.dtype
            a, b = a.tolist(), b.tolist()
        assert a == b, name


@pytest.mark.filterwarnings("ignore:max_length 0 leaves no room")
@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
def test_a_length_of_zero_is_a_length(both: tuple[Any, Any], strategy: str) -> None:
    for arguments in ((LONG,), PAIR, ([LONG, "a", ""],)):
        for further in ({}, {"return_overflowing_tokens": True}, {"padding": "max_length"}):
            same(both, *arguments, truncation=strategy, max_length=0, add_special_tokens=False, **further)
        same(both, *arguments, padding="max_length", max_length=0)
    answers = [each.pad({"input_ids": [[1, 2], [3]]}, padding="max_length", max_length=0) for each in both]
    assert dict(answers[0]) == dict(answers[1])
    assert both[0](LONG, truncation=True, max_length=0, add_special_tokens=False)["input_ids"] == []


INPUTS = {
    "one": (LONG,),
    "pair": PAIR,
    "batch": ([LONG, "a", ""],),
    "batch of pairs": ([LONG, "a"], ["b", LONG]),
    "list of pairs": ([(LONG, "b"), ("a", LONG)],),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no special": {"add_special_tokens": False},
    "no mask": {"return_attention_mask": False},
    "longest": {"padding": True},
    "longest by name": {"padding": "longest"},
    "not padded": {"padding": "do_not_pad"},
    "max_length": {"padding": "max_length", "max_length": 40},
    "max_length of the model": {"padding": "max_length", "max_length": 64},
    "both": {"padding": "max_length", "truncation": True, "max_length": 12},
    "multiple": {"padding": True, "pad_to_multiple_of": 8},
    "multiple of max_length": {"padding": "max_length", "max_length": 16, "truncation": True, "pad_to_multiple_of": 8},
    "multiple over max_length": {"padding": "max_length", "max_length": 13, "pad_to_multiple_of": 8},
    "left": {"padding": True, "padding_side": "left"},
    "cut": {"truncation": True, "max_length": 9},
    "cut by name": {"truncation": "longest_first", "max_length": 10},
    "not cut": {"truncation": "do_not_truncate", "max_length": 10},
    "cut to specials": {"truncation": True, "max_length": 3},
    "windows": {"truncation": True, "max_length": 9, "return_overflowing_tokens": True},
    "windows with stride": {
        "truncation": True,
        "max_length": 10,
        "stride": 2,
        "return_overflowing_tokens": True,
        "padding": True,
    },
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
def test_options(both: tuple[Any, Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    same(both, *inputs, **EVERYTHING, **options)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_cutting_on_the_left(both: tuple[Any, Any], options: dict[str, Any]) -> None:
    for tokenizer in both:
        tokenizer.truncation_side = "left"
    try:
        same(both, [LONG, PAIR[0]], [PAIR[1], LONG], **EVERYTHING, **options)
    finally:
        for tokenizer in both:
            tokenizer.truncation_side = "right"


@pytest.mark.parametrize("strategy", ["only_first", "only_second"])
@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("stride", [0, 1])
def test_cutting_one_of_a_pair(both: tuple[Any, Any], strategy: str, windows: bool, stride: int) -> None:
    texts = ("a b", LONG) if strategy == "only_second" else (LONG, "a b")
    options = {"truncation": strategy, "max_length": 12, "stride": stride, "return_overflowing_tokens": windows}
    same(both, *texts, **EVERYTHING, **options)


@pytest.mark.parametrize("max_length", range(6, 40))
def test_shares_of_a_pair(both: tuple[Any, Any], max_length: int) -> None:
    for first, second in ((LONG, PAIR[1]), (PAIR[1], LONG), (LONG, LONG)):
        same(both, first, second, truncation=True, max_length=max_length)


@pytest.mark.parametrize("kind", ["pt", "np"])
@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
def test_tensors(both: tuple[Any, Any], inputs: tuple[Any, ...], kind: str) -> None:
    same(both, *inputs, return_tensors=kind, padding=True, **EVERYTHING)


def test_words(both: tuple[Any, Any]) -> None:
    words = ["Hello", "world", "fibonacci"]
    same(both, words, is_split_into_words=True, **EVERYTHING)
    same(both, [words, ["a"]], is_split_into_words=True, padding=True, truncation=True, max_length=6)
    same(both, words, ["x", "y"], is_split_into_words=True, truncation=True, max_length=8)
    assert both[0](words, is_split_into_words=True).word_ids(0) == both[1](words, is_split_into_words=True).word_ids(0)


def test_targets(both: tuple[Any, Any]) -> None:
    same(both, "Hello", text_target="the dog")
    same(both, ["Hello", "a"], text_target=["the dog", "b"], padding=True, return_tensors="pt")
    same(both, text_target="the dog", text_pair_target="x")


@pytest.mark.parametrize("text", SAMPLES)
def test_other_doors(both: tuple[Any, Any], text: str) -> None:
    ours, theirs = both
    assert ours.encode(text) == theirs.encode(text)
    assert ours.encode(text, "b", add_special_tokens=False) == theirs.encode(text, "b", add_special_tokens=False)
    assert torch.equal(ours.encode(text, return_tensors="pt"), theirs.encode(text, return_tensors="pt"))
    assert ours.tokenize(text) == theirs.tokenize(text)
    assert ours.tokenize(text, add_special_tokens=True) == theirs.tokenize(text, add_special_tokens=True)
    ids = theirs.encode(text)
    for skip in (False, True):
        for clean in (None, False):
            options = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
            assert ours.decode(ids, **options) == theirs.decode(ids, **options)
    assert ours.convert_ids_to_tokens(ids, skip_special_tokens=True) == theirs.convert_ids_to_tokens(
        ids, skip_special_tokens=True
    )
    assert ours.convert_tokens_to_string(ours.tokenize(text)) == theirs.convert_tokens_to_string(theirs.tokenize(text))


@pytest.mark.parametrize("wrap", [list, np.array, torch.tensor])
def test_decode_takes_arrays(both: tuple[Any, Any], wrap: Any) -> None:
    rows = [[40, 41, 42], [43, 44, 45]]
    ours, theirs = both
    assert ours.decode(wrap(rows[0])) == theirs.decode(rows[0])
    assert ours.batch_decode(wrap(rows)) == theirs.batch_decode(rows) == ours.decode(wrap(rows))
    assert ours.batch_decode(wrap(rows[0])) == theirs.batch_decode(rows[0])
    assert ours.decode(41) == theirs.decode(41)
    assert ours.decode([]) == ""
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="1 of 2 ids stand for no token.*the first is 1000000"):
        assert ours.decode([10**6, 41]) == theirs.decode([10**6, 41])


@pytest.mark.parametrize(
    "ids",
    [None, [None], -1, [3, -100], 10**12, 1.5, [1.5], math.nan, "abc", ["a"], b"a", [[1], None]],
    ids=str,
)
def test_what_is_no_id(ids: Any) -> None:
    ours = PreTrainedTokenizerFast(tokenizer_object=wordpiece())
    calls = [ours.decode] if isinstance(ids, list) and isinstance(ids[0], list) else [ours.decode, ours.convert_ids_to_tokens]
    for call in calls:
        with pytest.raises(InputError, match="ids are whole numbers from 0"):
            call(ids)


@pytest.mark.parametrize("tokens", [None, 5, [5], ["a", None], b"a"], ids=str)
def test_what_is_no_token(tokens: Any) -> None:
    ours = PreTrainedTokenizerFast(tokenizer_object=wordpiece())
    for call in (ours.convert_tokens_to_ids, ours.convert_tokens_to_string):
        with pytest.raises(InputError, match="tokens are texts in a list"):
            call(tokens)


def test_conversions(both: tuple[Any, Any]) -> None:
    ours, theirs = both
    for tokens in ("zzzzzz", ["the", "zzzzzz"], ours.all_special_tokens):
        assert ours.convert_tokens_to_ids(tokens) == theirs.convert_tokens_to_ids(tokens)
    assert ours.convert_ids_to_tokens([3, 10**6]) == theirs.convert_ids_to_tokens([3, 10**6])
    assert ours.convert_ids_to_tokens(7) == theirs.convert_ids_to_tokens(7)
    for pair in (False, True):
        assert ours.num_special_tokens_to_add(pair) == theirs.num_special_tokens_to_add(pair)
    for name in ("vocab_size", "max_len_single_sentence", "max_len_sentences_pair", "all_special_ids", "special_tokens_map"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours) == len(theirs)
    assert ours.get_vocab() == theirs.get_vocab() == ours.vocab


def test_special_tokens_around_ids(both: tuple[Any, Any]) -> None:
    ours = both[0]
    first, second = ours.encode(LONG, add_special_tokens=False), ours.encode("a b", add_special_tokens=False)
    assert ours.build_inputs_with_special_tokens(first) == ours.encode(LONG)
    assert ours.build_inputs_with_special_tokens(first, second) == ours.encode(LONG, "a b")
    marked = ours(LONG, "a b", return_special_tokens_mask=True)
    assert ours.get_special_tokens_mask(first, second) == marked["special_tokens_mask"]
    assert ours.get_special_tokens_mask(marked["input_ids"], already_has_special_tokens=True) == marked["special_tokens_mask"]


PADS: dict[str, tuple[Any, dict[str, Any]]] = {
    "rows": ([{"input_ids": [5, 6, 7]}, {"input_ids": [5]}], {}),
    "columns": (
        {"input_ids": [[5, 6], [5]], "token_type_ids": [[0, 1], [0]], "special_tokens_mask": [[1, 0], [0]], "labels": [1, 2]},
        {},
    ),
    "one row": ({"input_ids": [5, 6]}, {"padding": "max_length", "max_length": 5}),
    "left": ([{"input_ids": [5, 6]}, {"input_ids": [5]}], {"padding_side": "left", "pad_to_multiple_of": 4}),
    "no mask": ([{"input_ids": [5, 6]}, {"input_ids": [5]}], {"return_attention_mask": False}),
    "arrays": ([{"input_ids": np.array([5, 6])}, {"input_ids": np.array([5])}], {}),
    "tensors": ([{"input_ids": torch.tensor([5, 6])}, {"input_ids": torch.tensor([5])}], {}),
    "to arrays": ([{"input_ids": torch.tensor([5, 6])}, {"input_ids": torch.tensor([5])}], {"return_tensors": "np"}),
    "off": ([{"input_ids": [5, 6]}, {"input_ids": [5]}], {"padding": False}),
    "nothing": ({"input_ids": []}, {}),
}


@pytest.mark.parametrize(("encoded", "options"), PADS.values(), ids=PADS)
def test_pad(both: tuple[Any, Any], encoded: Any, options: dict[str, Any]) -> None:
    ours, theirs = both[0].pad(encoded, **options), both[1].pad(encoded, **options)
    if not theirs["input_ids"].__len__():
        assert ours["input_ids"] == []
        return
    assert set(ours) == set(theirs)
    for name in ours:
        assert type(ours[name]) is type(theirs[name])
        assert np.asarray(ours[name], dtype=object).tolist() == np.asarray(theirs[name], dtype=object).tolist()


@pytest.mark.parametrize("multiple", [1, 2, 3, 7, 32, 64])
def test_padded_lengths_are_multiples(both: tuple[Any, Any], multiple: int) -> None:
    for text in (["a"], [LONG, "a"], ["a " * 31, "b"], ["a " * 64]):
        length = len(both[0](text, padding=True, pad_to_multiple_of=multiple, verbose=False)["input_ids"][0])
        shortest = max(map(len, both[0](text, verbose=False)["input_ids"]))
        assert length % multiple == 0
        assert shortest <= length < shortest + multiple


class TestDropped:
    def test_counts(self, both: tuple[Any, Any]) -> None:
        ours = both[0]
        whole = [len(row) for row in ours([LONG, "a"])["input_ids"]]
        cut = ours([LONG, "a"], truncation=True, max_length=8)
        assert cut.dropped_tokens == [whole[0] - 8, 0]
        assert "dropped_tokens" not in cut
        assert ours(LONG).dropped_tokens == [0]
        windows = ours([LONG, "a"], truncation=True, max_length=8, return_overflowing_tokens=True)
        assert windows.dropped_tokens == [0, 0]

    def test_counts_of_pairs(self, both: tuple[Any, Any]) -> None:
        whole = len(both[0](*PAIR)["input_ids"])
        assert both[0](*PAIR, truncation="only_first", max_length=whole - 2).dropped_tokens == [2]

    def test_too_long_is_told(self, folder: Callable[[str], Path]) -> None:
        ours = PreTrainedTokenizerFast.from_pretrained(folder("generic"), model_max_length=8)
        length = len(ours(LONG, verbose=False)["input_ids"])
        with pytest.warns(BestiaryWarning, match=f"{length} tokens, {length - 8} more than the model's limit of 8"):
            assert len(ours(LONG)["input_ids"]) == length

    def test_error_policy(self, folder: Callable[[str], Path]) -> None:
        ours = PreTrainedTokenizerFast.from_pretrained(folder("generic"), model_max_length=8, on_too_long="error")
        assert len(ours("a b")["input_ids"]) == 4
        with pytest.raises(InputError, match="more than the model's limit of 8"):
            ours(LONG)
        with pytest.raises(InputError, match="tokens would be cut"):
            ours(LONG, truncation=True)
        assert len(ours(LONG, on_too_long="cut")["input_ids"]) == 8

    def test_cut_and_window_policies(self, folder: Callable[[str], Path]) -> None:
        ours = PreTrainedTokenizerFast.from_pretrained(folder("generic"), model_max_length=8, on_too_long="cut")
        cut = ours([LONG, "a"])
        assert max(map(len, cut["input_ids"])) == 8
        assert cut.dropped_tokens[0] > 0
        windows = ours([LONG, "a"], on_too_long="window")
        assert windows["overflow_to_sample_mapping"][-1] == 1
        assert set(windows["overflow_to_sample_mapping"][:-1]) == {0}

    def test_unknown_policy(self, both: tuple[Any, Any]) -> None:
        with pytest.raises(ArgumentError, match="expected one of warn, error, cut, window"):
            both[0]("a", on_too_long="ignore")


def test_very_long_text_is_not_cut(folder: Callable[[str], Path]) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(folder("llama3"), model_max_length=16)
    with pytest.warns(BestiaryWarning, match="more than the model's limit"):
        ids = ours("\n\n".join(TEXT), return_tensors="pt")["input_ids"]
    assert ids.shape[0] == 1
    assert ids.shape[1] > 160


def test_max_length_alone_cuts_and_says_so(both: tuple[Any, Any]) -> None:
    theirs = both[1](LONG, max_length=6)
    with pytest.warns(BestiaryWarning, match="truncation=True to mean it"):
        assert dict(both[0](LONG, max_length=6)) == dict(theirs)


def test_order_of_columns(both: tuple[Any, Any]) -> None:
    further = {"return_token_type_ids": True, "return_special_tokens_mask": True, "return_offsets_mapping": True}
    ours, theirs = (list(each("a", return_length=True, **further)) for each in both)
    assert ours == theirs


def test_no_texts(both: tuple[Any, Any]) -> None:
    assert both[0]([])["input_ids"] == []
    empty = both[0]([], return_tensors="pt")["input_ids"]
    assert empty.shape == (0, 0)
    assert empty.dtype == torch.int64


BAD: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "nothing": ((), {}, "pass text="),
    "a number": ((5,), {}, "text is int 5"),
    "a list of numbers": (([5],), {}, r"text\[0\] is int 5"),
    "None inside": ((["a", None],), {}, r"text\[1\] is NoneType"),
    "words not declared": (([["a", "b", "c"]],), {}, "expected a str"),
    "text where words are": (("a b",), {"is_split_into_words": True}, "list of words"),
    "fewer partners": ((["a", "b"], ["c"]), {}, "2 texts and text_pair holds 1 texts"),
    "one partner": ((["a", "b"], "c"), {}, "one str"),
    "no Unicode": (("a\ud800",), {}, "surrogates"),
    "ragged tensor": ((["a", LONG],), {"return_tensors": "pt"}, "padding=True"),
    "kind of tensor": (("a",), {"return_tensors": "tf"}, "return_tensors"),
    "padding": (("a",), {"padding": "long"}, "padding is 'long'"),
    "truncation": (("a",), {"truncation": "first"}, "truncation is 'first'"),
    "side": (("a",), {"padding": True, "padding_side": "middle"}, "'left' or 'right'"),
    "stride": ((LONG,), {"truncation": True, "max_length": 4, "stride": 5}, "stride 5 is not smaller"),
    "negative": ((LONG,), {"truncation": True, "max_length": -4}, "max_length -4"),
    "multiple": ((LONG,), {"truncation": True, "max_length": 9, "padding": True, "pad_to_multiple_of": 8}, "multiple of 8"),
    "only_second of one": ((LONG,), {"truncation": "only_second", "max_length": 4}, "needs a pair"),
    "only_first is short": (("a", LONG), {"truncation": "only_first", "max_length": 8}, "longest_first"),
}


@pytest.mark.parametrize(("args", "options", "message"), BAD.values(), ids=BAD)
def test_bad_calls_are_explained(
    folder: Callable[[str], Path], args: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(folder("generic"))
    with pytest.raises((InputError, ArgumentError), match=message):
        ours(*args, **options)


def test_misspelt_option(both: tuple[Any, Any]) -> None:
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="no argument 'truncate'; it changes nothing. Did you mean 'truncation'"):
        given = both[0]("a", truncate=True)
    assert given == both[0]("a")
    forget_warnings()


def test_padding_needs_a_token_of_the_vocabulary() -> None:
    ours = PreTrainedTokenizerFast(tokenizer_object=byte_level())
    with pytest.raises(InputError, match="pad_token is None"):
        ours("a", padding=True)
    ours.pad_token = "<nowhere>"
    with pytest.raises(InputError, match="pad_token is '<nowhere>'"):
        ours("a", padding=True)
    ours.pad_token = "<|endoftext|>"
    assert ours(["a b", "a"], padding=True)["attention_mask"][1][-1] == 0


def test_padding_to_an_unknown_length() -> None:
    ours = PreTrainedTokenizerFast(tokenizer_object=byte_level(), pad_token="<|endoftext|>")
    reference = transformers.PreTrainedTokenizerFast(tokenizer_object=byte_level(), pad_token="<|endoftext|>")
    with pytest.warns(BestiaryWarning, match="padding='max_length' pads nothing"):
        rows = ours(["a b", "a"], padding="max_length")["input_ids"]
    assert rows == reference(["a b", "a"], padding="max_length")["input_ids"]


@pytest.mark.parametrize("ids", [[-100, 5], ["a"], [1.5]])
def test_decode_of_what_is_no_id(both: tuple[Any, Any], ids: list[Any]) -> None:
    with pytest.raises(InputError, match="whole numbers"):
        both[0].decode(ids)


@pytest.mark.parametrize("encoded", [[{"labels": [1]}], {"labels": [1]}, "text", [{"input_ids": [1]}, {"labels": [1]}]])
def test_pad_of_what_holds_no_ids(both: tuple[Any, Any], encoded: Any) -> None:
    with pytest.raises(InputError):
        both[0].pad(encoded)


def test_older_names_of_a_call(both: tuple[Any, Any]) -> None:
    ours, theirs = both
    for args, options in ((PAIR, {}), ((LONG,), EVERYTHING), ((LONG.split(),), {"is_split_into_words": True})):
        assert dict(ours.encode_plus(*args, **options)) == dict(theirs(*args, **options))
    for texts in ([LONG, "a"], [PAIR, ("a", "b")]):
        assert dict(ours.batch_encode_plus(texts, padding=True)) == dict(theirs(texts, padding=True))
    with pytest.raises(InputError, match="takes one text"):
        ours.encode_plus([LONG, "a"])
    with pytest.raises(InputError, match="takes a list of texts, found a str"):
        ours.batch_encode_plus(LONG)


@pytest.mark.parametrize(
    ("older", "now"),
    [
        ({"pad_to_max_length": True, "max_length": 8}, {"padding": "max_length", "truncation": True, "max_length": 8}),
        ({"pad_to_max_length": True, "max_length": 90}, {"padding": "max_length", "truncation": True, "max_length": 90}),
        ({"pad_to_max_length": True}, {"padding": True}),
        ({"pad_to_max_length": True, "padding": True}, {"padding": True}),
        ({"truncation_strategy": "only_first", "max_length": 8}, {"truncation": "only_first", "max_length": 8}),
    ],
    ids=str,
)
def test_options_of_releases_before_3(both: tuple[Any, Any], older: dict[str, Any], now: dict[str, Any]) -> None:
    ours, theirs = both
    forget_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BestiaryWarning)
        found = ours([LONG, "a b"], **older)
    assert found["input_ids"] == theirs([LONG, "a b"], **now)["input_ids"]


@pytest.mark.filterwarnings("ignore:a text begins with")
@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("kind", ["GPT2Tokenizer", "RobertaTokenizer"])
@pytest.mark.parametrize("built", [True, False])
def test_prefix_space_of_one_call(folder: Callable[[str], Path], kind: str, value: bool, built: bool) -> None:
    """What the reference's documentation says of the option (its code ignores it): as if the tokenizer were built with it."""
    path = folder(kind.removesuffix("Tokenizer").lower())
    ours = getattr(bestiary, kind).from_pretrained(path, add_prefix_space=built, pad_token="the")
    theirs = getattr(transformers, kind).from_pretrained(path, add_prefix_space=value, pad_token="the")
    before = ours(LONG)["input_ids"]
    for text in [*SAMPLES, LONG]:
        for options in ({}, {"truncation": True, "max_length": 6}):
            assert ours(text, add_prefix_space=value, **options)["input_ids"] == theirs(text, **options)["input_ids"]
    offsets = ours(LONG, add_prefix_space=value, return_offsets_mapping=True)["offset_mapping"]
    assert offsets == theirs(LONG, return_offsets_mapping=True)["offset_mapping"]
    assert ours.tokenize(LONG, add_prefix_space=value) == theirs.tokenize(LONG)
    assert ours.encode(LONG, add_prefix_space=value) == theirs.encode(LONG)
    assert ours(LONG)["input_ids"] == before


@pytest.mark.parametrize(
    "kwargs",
    [
        {"max_length": 4, "truncation": True},
        {"add_special_tokens": False},
        {"padding": "max_length", "max_length": 15},
        {"return_tensors": "pt"},
        {"split_special_tokens": True},
        {"return_offsets_mapping": True},
    ],
    ids=str,
)
def test_options_in_a_mapping(both: tuple[Any, Any], kwargs: dict[str, Any]) -> None:
    same(both, "the dog<|eot_id|>", tokenizer_kwargs=kwargs)
    same(both, "the dog", max_length=3, truncation=True, tokenizer_kwargs=kwargs)
    with pytest.warns(UserWarning, match="a tokenizer takes no argument 'paddin'; it changes nothing. Did you mean 'padding'"):
        same(both, "the dog", tokenizer_kwargs={"paddin": 1})
