"""What looks doubtful and is computed as the reference computes it, with one warning where a reader should know."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from bestiary.core.logging import BestiaryWarning
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

LONG = "the quick brown fox jumps over the lazy dog today"
Call = Callable[[Any], Any]

# What is done with the tokenizer, its options, and what the warning says, if there is one.
OPENED: dict[str, tuple[dict[str, Any], Call, str | None]] = {
    "no length": ({"model_max_length": 0}, lambda one: one(LONG), "taken for no limit"),
    "a negative length": ({"model_max_length": -1}, lambda one: one(LONG), "taken for no limit"),
    "no names of inputs": ({"model_input_names": []}, lambda one: one(LONG), None),
    "a number for a flag": ({"clean_up_tokenization_spaces": 0}, lambda one: one.decode(one.encode("a , b")), None),
    "no beginning token": ({"add_bos_token": True}, lambda one: one(LONG, "a"), "add_bos_token=True adds nothing"),
    "no end token": ({"add_eos_token": True}, lambda one: one(LONG), "add_eos_token=True adds nothing"),
    "the older name of further tokens": (
        {"additional_special_tokens": ["<x>"]},
        lambda one: (one.all_special_tokens, one("a<x>b")["input_ids"]),
        None,
    ),
    "no room for one text": ({}, lambda one: one(LONG, truncation=True, max_length=1), "leaves no room"),
    "no room for two": ({}, lambda one: one(LONG, "a", truncation=True, max_length=2, padding="max_length"), "leaves no room"),
    "a multiple of nothing": ({}, lambda one: one(["a", LONG], padding=True, pad_to_multiple_of=0), None),
    "no words": ({}, lambda one: one([], is_split_into_words=True), None),
    "ids in a mapping": ({}, lambda one: one.decode(one(LONG)), None),
    "ids that are fractions": ({}, lambda one: one.convert_ids_to_tokens([1.0, 3.0]), None),
    "no spaces between": ({}, lambda one: one.batch_decode([[5, 3]], spaces_between_special_tokens=False), None),
    "spaces between": (
        {},
        lambda one: one.decode(one(LONG)["input_ids"], spaces_between_special_tokens=True),
        "spaces_between_special_tokens=True has no effect",
    ),
    "no tokens to add": ({}, lambda one: one.add_tokens(None), None),
}


@pytest.mark.parametrize(("options", "call", "message"), OPENED.values(), ids=OPENED)
def test_computed(folder: Callable[[str], Path], options: dict[str, Any], call: Call, message: str | None) -> None:
    expected = call(transformers.PreTrainedTokenizerFast.from_pretrained(folder("generic"), **options))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", BestiaryWarning)
        found = call(PreTrainedTokenizerFast.from_pretrained(folder("generic"), **options))
    assert (dict(found) if isinstance(found, dict) else found) == (dict(expected) if hasattr(expected, "keys") else expected)
    texts = [str(one.message) for one in told if one.category is BestiaryWarning]
    assert len(texts) == (message is not None), texts
    assert message is None or message in texts[0]


@pytest.mark.parametrize("template", [5, [1], [{"template": "x"}], {"default": 5}], ids=str)
def test_a_chat_template_of_the_wrong_kind_spoils_no_tokenizer(
    folder: Callable[[str], Path], tmp_path: Path, template: Any
) -> None:
    PreTrainedTokenizerFast.from_pretrained(folder("generic")).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "chat_template": template}))
    with pytest.warns(BestiaryWarning, match="it is left out"):
        ours = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert ours.chat_template is None
    assert ours(LONG)["input_ids"] == PreTrainedTokenizerFast.from_pretrained(folder("generic"))(LONG)["input_ids"]


def test_documented_options_of_saving(folder: Callable[[str], Path], tmp_path: Path) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(folder("generic"))
    assert ours.save_pretrained(tmp_path, legacy_format=False, save_format="hf")
    with pytest.warns(BestiaryWarning, match="legacy_format=True changes nothing"):
        ours.save_pretrained(tmp_path, legacy_format=True)
    with pytest.raises(TypeError, match="save_format"):
        ours.save_pretrained(tmp_path, save_format="mistral")
