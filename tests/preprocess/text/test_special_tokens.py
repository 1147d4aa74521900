"""Roles of tokens and added tokens, against the reference."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit.tokenizer_files import SAMPLES, byte_level, wordpiece
from tokenizers import AddedToken

from bestiary.core.errors import ArgumentError, InputError
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

ROLES = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
WORDPIECE, BYTES = wordpiece(), byte_level()
READABLE = ("special_tokens_map", "all_special_tokens", "all_special_ids", "extra_special_tokens", "vocab_size")


def pair(rust: Any = WORDPIECE, **options: Any) -> tuple[Any, Any]:
    return (
        PreTrainedTokenizerFast(tokenizer_object=rust, **options),
        transformers.PreTrainedTokenizerFast(tokenizer_object=rust, **options),
    )


def same(ours: Any, theirs: Any) -> None:
    for name in READABLE:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours) == len(theirs)
    assert ours.get_added_vocab() == theirs.get_added_vocab()
    assert ours.added_tokens_decoder == theirs.added_tokens_decoder
    for text in SAMPLES:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]


def test_ordinary_tokens_that_a_file_lists_among_the_special_ones(folder: Callable[[str], Path], tmp_path: Path) -> None:
    saved = transformers.PreTrainedTokenizerFast.from_pretrained(folder("generic"))
    saved.add_tokens(["<plain>"])
    saved.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config["extra_special_tokens"] = ["<plain>", "<new>"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    ours, theirs = (kind.from_pretrained(tmp_path) for kind in (PreTrainedTokenizerFast, transformers.PreTrainedTokenizerFast))
    ids = theirs("the <plain> <new> fox").input_ids
    assert ours("the <plain> <new> fox").input_ids == ids
    assert ours.decode(ids, skip_special_tokens=True) == theirs.decode(ids, skip_special_tokens=True)
    assert "<plain>" in ours.decode(ids, skip_special_tokens=True)
    assert ours.extra_special_tokens == theirs.extra_special_tokens == ["<plain>", "<new>"]


def test_tokens_without_a_role_by_their_ids() -> None:
    ours, theirs = pair(**ROLES)
    for ids in ([5, 6], [], [1]):
        for each in (ours, theirs):
            each.extra_special_tokens_ids = ids
        assert ours.extra_special_tokens_ids == theirs.extra_special_tokens_ids == ours.additional_special_tokens_ids == ids
        same(ours, theirs)
    with pytest.raises(InputError, match="there is no token 99999 that could be special"):
        ours.extra_special_tokens_ids = [5, 99999]
    assert ours.extra_special_tokens_ids == [1]


def test_wrapping_knows_no_roles() -> None:
    ours, theirs = pair()
    same(ours, theirs)
    assert ours.pad_token is None
    assert ours.pad_token_id is None


def test_wrapping_leaves_the_object_alone() -> None:
    rust = wordpiece()
    rust.enable_truncation(3)
    before = rust.to_str()
    ours = PreTrainedTokenizerFast(tokenizer_object=rust, pad_token="<new>")
    assert len(ours("hello world, how are you")["input_ids"]) > 3
    assert rust.to_str() == before


@pytest.mark.parametrize(
    "options",
    [
        ROLES,
        {"pad_token": "<new>", "eos_token": "<e>", "bos_token": AddedToken("<b>", lstrip=True)},
        {**ROLES, "extra_special_tokens": ["<x>", "the"]},
        {**ROLES, "extra_special_tokens": {"image_token": "<image>", "audio_token": "<audio>"}},
    ],
)
def test_constructor(options: dict[str, Any]) -> None:
    ours, theirs = pair(**options)
    same(ours, theirs)
    for role in ours.special_tokens_map:
        assert getattr(ours, role) == getattr(theirs, role)
        assert getattr(ours, f"{role}_id") == getattr(theirs, f"{role}_id")


def test_named_roles_of_one_model() -> None:
    ours, _ = pair(extra_special_tokens={"image_token": "<image>"})
    assert ours.image_token == "<image>"
    assert ours.image_token_id == len(ours) - 1
    assert {"image_token", "image_token_id"} <= set(dir(ours))
    short, published = pair(extra_special_tokens={"img": "<image>"})
    assert (short.img, short.img_id) == (published.img, published.img_id)


@pytest.mark.parametrize(
    ("tokens", "special"),
    [
        ("abc", False),
        (["abc", "abc", "hello", ""], False),
        ([AddedToken("new", single_word=True)], True),
        ([AddedToken("l", lstrip=True), AddedToken("r", rstrip=True), AddedToken("UP", normalized=True)], False),
        (["<|im_start|>", "<|im_end|>"], True),
    ],
)
def test_add_tokens(tokens: Any, special: bool) -> None:
    ours, theirs = pair(**ROLES)
    assert ours.add_tokens(tokens, special_tokens=special) == theirs.add_tokens(tokens, special_tokens=special)
    same(ours, theirs)
    for text in ("hello abc newer new l r UP up", "a<|im_start|>b <|im_end|> l  r  x"):
        for options in ({}, {"split_special_tokens": True}, {"truncation": True, "max_length": 7}):
            assert dict(ours(text, **options)) == dict(theirs(text, **options))


def test_add_special_tokens() -> None:
    ours, theirs = pair(**ROLES)
    for given, options in (
        ({"pad_token": "<PAD>", "bos_token": AddedToken("<B>")}, {}),
        ({"extra_special_tokens": ["<e1>"]}, {}),
        ({"extra_special_tokens": ["<e2>"]}, {"replace_extra_special_tokens": False}),
        ({"additional_special_tokens": ["<e3>"]}, {}),
        ({"eos_token": "the"}, {}),
    ):
        assert ours.add_special_tokens(given, **options) == theirs.add_special_tokens(given, **options)
        same(ours, theirs)


def test_roles_can_be_set() -> None:
    ours, theirs = pair(**ROLES)
    for tokenizer in (ours, theirs):
        tokenizer.cls_token = AddedToken("the", lstrip=True)
        tokenizer.pad_token_id = 7
        tokenizer.mask_token = None
    assert (ours.cls_token, ours.cls_token_id) == (theirs.cls_token, theirs.cls_token_id)
    assert (ours.pad_token, ours.pad_token_id) == (theirs.pad_token, theirs.pad_token_id)
    assert ours.mask_token is None
    assert ours.mask_token_id is None


def test_token_outside_the_vocabulary_has_the_id_of_the_unknown() -> None:
    ours, theirs = pair(**ROLES)
    ours.pad_token = theirs.pad_token = "<nowhere>"
    with pytest.warns(UserWarning, match="pad_token is '<nowhere>', which the vocabulary lacks, so that pad_token_id is"):
        ids = ours(["the", "the fox the"], padding=True).input_ids
    assert ids == theirs(["the", "the fox the"], padding=True).input_ids
    assert ours.pad_token_id == ours.unk_token_id == theirs.pad_token_id


def test_token_outside_of_a_vocabulary_without_unknown_has_no_id() -> None:
    ours, _ = pair(**{role: token for role, token in ROLES.items() if role != "unk_token"})
    ours.pad_token = "<nowhere>"
    assert ours.pad_token_id is None


@pytest.mark.parametrize("rust", [WORDPIECE, BYTES], ids=["wordpiece", "bytes"])
def test_adding_does_not_change_other_text(rust: Any) -> None:
    ours, _ = pair(rust)
    before = [ours(text)["input_ids"] for text in SAMPLES]
    ours.add_tokens(["<never>", "qqqq"])
    ours.add_special_tokens({"pad_token": "<pad>"})
    assert [ours(text)["input_ids"] for text in SAMPLES] == before


def test_split_special_tokens() -> None:
    ours, theirs = pair(**ROLES)
    for text in ("hello [MASK] [PAD]", "[CLS]"):
        same_options = {"split_special_tokens": True}
        assert dict(ours(text, **same_options)) == dict(theirs(text, **same_options))
        assert dict(ours(text)) == dict(theirs(text))
    always, _ = pair(**ROLES, split_special_tokens=True)
    assert always("[MASK]")["input_ids"] == theirs("[MASK]", split_special_tokens=True)["input_ids"]


def test_backend_can_be_changed() -> None:
    from tokenizers import normalizers

    ours, _ = pair(BYTES)
    assert ours("ABC", truncation=True, max_length=1)["input_ids"] == ours("A")["input_ids"]
    ours.backend_tokenizer.normalizer = normalizers.Lowercase()
    assert ours("ABC", truncation=True, max_length=1)["input_ids"] == ours("a")["input_ids"]


def test_bad_roles() -> None:
    ours, _ = pair(**ROLES)
    with pytest.raises(ArgumentError, match="Did you mean 'pad_token'"):
        ours.add_special_tokens({"pda_token": "<PAD>"})
    with pytest.raises(InputError, match="a token is a str"):
        ours.add_tokens([3])
    with pytest.raises(AttributeError, match="Did you mean 'pad_token"):
        _ = ours.pda_token_id
    with pytest.raises(InputError, match="needs tokenizer_object="):
        PreTrainedTokenizerFast()
    with pytest.raises(ArgumentError, match="'left' or 'right'"):
        PreTrainedTokenizerFast(tokenizer_object=BYTES, padding_side="middle")
