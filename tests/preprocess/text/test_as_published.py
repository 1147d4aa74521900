"""What looks doubtful and is computed as the reference computes it, with one warning where a reader should know."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import transformers

import bestiary
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


def words(library: Any) -> Any:
    """A tokenizer of a few words of `library`."""
    vocabulary = {"[UNK]": 0, "a": 1, "b": 2, "[PAD]": 3, "<s>": 4, "user": 5, ":": 6}
    rust = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, "[UNK]"))
    rust.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return library.PreTrainedTokenizerFast(tokenizer_object=rust, unk_token="[UNK]", pad_token="[PAD]")


@pytest.mark.parametrize(
    "options",
    [
        {"truncation": True, "max_length": 3, "max_target_length": 2},
        {"max_target_length": 2},
        {"truncation": True, "max_length": 3},
        {"padding": "max_length", "max_length": 6, "truncation": True, "max_target_length": 5},
    ],
)
def test_targets_have_a_length_of_their_own(options: dict[str, Any]) -> None:
    ours, published = (words(library)(["a b b b"], text_target=["b a b a"], **options) for library in (bestiary, transformers))
    assert dict(ours) == dict(published)


def test_a_message_is_encoded_behind_the_conversation_before_it() -> None:
    template = "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {% endfor %}"
    message, history = {"role": "user", "content": "b"}, [{"role": "user", "content": "a b"}]
    ours, published = words(bestiary), words(transformers)
    ours.chat_template = published.chat_template = template
    for before in (None, history, [*history, message]):
        ids = ours.encode_message_with_chat_template(message, before)
        assert ids == published.encode_message_with_chat_template(message, before) == [5, 6, 2]
    with pytest.raises(ValueError, match="add_generation_prompt"):
        ours.encode_message_with_chat_template(message, add_generation_prompt=True)
    ours.chat_template = "{{ 'a' if messages | length == 1 else 'b' }}"
    with pytest.raises(ValueError, match="does not add a message behind those before it"):
        ours.encode_message_with_chat_template(message, history)


@pytest.mark.parametrize(("text", "options"), [("", {}), (["", ""], {}), ([[], []], {"is_split_into_words": True})])
def test_the_ids_of_no_text_are_whole_numbers(text: Any, options: dict[str, Any]) -> None:
    for kind in ("pt", "np"):
        ours, published = (words(library)(text, return_tensors=kind, **options) for library in (bestiary, transformers))
        for name in published:
            assert ours[name].dtype == published[name].dtype
            assert ours[name].shape == published[name].shape


def test_attributes_that_scripts_read() -> None:
    ours, published = words(bestiary), words(transformers)
    for name in ("backend", "init_inputs", "add_prefix_space", "is_fast"):
        assert getattr(ours, name) == getattr(published, name)


def test_the_tokenizer_file_of_this_release_is_read(tmp_path: Path) -> None:
    words(bestiary).save_pretrained(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["model"]["vocab"]["c"] = 7
    (tmp_path / "tokenizer.4.0.0.json").write_text(json.dumps(content))
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings["fast_tokenizer_files"] = ["tokenizer.4.0.0.json", "tokenizer.99.0.json"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    for library in (bestiary, transformers):
        assert library.PreTrainedTokenizerFast.from_pretrained(tmp_path).convert_tokens_to_ids("c") == 7
