"""Broken files and options of the tokenizers that are written in Python are told in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bestiary
from bestiary.core.errors import BestiaryError, CorruptFile, FileMissing, InputError, SaveError
from bestiary.core.files import write_text
from bestiary.core.logging import BestiaryWarning
from bestiary.preprocess.text.python_tokenizer import PythonBackend
from bestiary.preprocess.text.special_tokens import EXTRA, read_token, with_extra
from bestiary.preprocess.text.token_table import id_in, read_table
from bestiary.preprocess.text.word_merges import WordMerges

TABLES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not valid JSON"),
    "cut": (b'{"a": 1, "b', "is not valid JSON"),
    "no text": (b'{"\xe9": 1}', "is not valid JSON"),
    "nested": (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "."),
    "list": (b'["a"]', "holds list, and no table of tokens"),
    "texts": (b'{"a": "1"}', "gives 'a' the id '1'"),
    "nothing": (b'{"a": null}', "gives 'a' the id None"),
    "true": (b'{"a": true}', "gives 'a' the id True"),
    "fractions": (b'{"a": 1.5}', "gives 'a' the id 1.5"),
    "below 0": (b'{"a": -1}', "gives 'a' the id -1"),
    "huge": (b'{"a": 1000000000000}', "gives 'a' the id 1000000000000"),
    "half of a character": (b'{"\\ud800": 1}', r"gives '\\ud800' the id 1"),
}


@pytest.mark.parametrize(("content", "message"), TABLES.values(), ids=TABLES.keys())
def test_what_is_no_table_of_tokens(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "vocab.json").write_bytes(content)
    with pytest.raises(CorruptFile, match=message):
        read_table(tmp_path / "vocab.json")


def test_files_that_are_none(tmp_path: Path) -> None:
    for read in (read_table, WordMerges):
        with pytest.raises(FileMissing, match="there is no file"):
            read(tmp_path / "nowhere")
        with pytest.raises(InputError, match="found 5, expected its path"):
            read(5)  # type: ignore[arg-type]
    (tmp_path / "merges.txt").write_bytes(b"\xe9 a\n")
    with pytest.raises(CorruptFile, match="is not UTF-8 text"):
        WordMerges(tmp_path / "merges.txt")


def test_one_id_of_two_tokens_is_told(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 0}))
    with pytest.warns(BestiaryWarning, match="gives several tokens one id"):
        assert read_table(tmp_path / "vocab.json") == {"a": 0, "b": 0}


def test_the_unknown_token_may_be_an_added_one() -> None:
    assert id_in({"a": 0}, "a", "<unk>", {}) == 0
    assert id_in({"a": 0}, "b", "<unk>", {"<unk>": 7}) == 7
    for unknown in ("<unk>", None):
        with pytest.raises(InputError, match="the vocabulary lacks 'b', and the unknown token"):
            id_in({"a": 0}, "b", unknown, {})


class Letters(PythonBackend):
    """Each letter is a token, each with its own number."""

    vocab_files_names = {"vocab_file": "letters.json"}

    def __init__(self, vocab_file: Any, **options: Any) -> None:
        super().__init__(unk_token="?", **options)

    @property
    def vocab_size(self) -> int:
        return 128

    def get_vocab(self) -> dict[str, int]:
        return {chr(number): number for number in range(128)}

    def _tokenize(self, text: str) -> list[str]:
        return list(text)

    def _convert_token_to_id(self, token: str) -> int:
        return ord(token) % 128

    def _convert_id_to_token(self, index: int) -> str:
        return chr(index)


OPTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "extra: number": (lambda: Letters(None, extra_special_tokens=5), "extra_special_tokens is 5; expected a list of tokens"),
    "extra: numbers": (lambda: Letters(None, additional_special_tokens=[5]), "extra_special_tokens has 5; expected a text"),
    "extra: half": (lambda: Letters(None, extra_special_tokens=["\ud800"]), "with half of a character"),
    "added: number": (lambda: Letters(None, added_tokens_decoder=5), "added_tokens_decoder holds '': 5"),
    "added: key": (lambda: Letters(None, added_tokens_decoder={"x": "a"}), "added_tokens_decoder holds 'x'"),
    "named": (lambda: Letters(None, named_special_tokens=5), "named_special_tokens is 5; expected role -> token"),
    "template": (lambda: Letters(None, chat_template=5), "chat_template is a text, or texts by name; found int 5"),
    "text": (lambda: Letters(None).tokenize(5), "a text is split into tokens; found int 5"),  # type: ignore[arg-type]
    "ids": (lambda: Letters(None).decode(["a", 5]), "cannot decode 'a': ids are whole numbers"),
    "ids in a list": (lambda: Letters(None).convert_ids_to_tokens([[1]]), r"cannot decode \[1\]"),
    "stored": (lambda: read_token({"content": "\ud800"}), "with half of a character"),
    "codes": (lambda: bestiary.M2M100Tokenizer("a", "b", language_codes=[5]), r"language_codes is \[5\]; expected one of"),
    "pieces": (lambda: bestiary.MarianTokenizer(5, 5, 5), "found 5, expected its path"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_and_calls(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(BestiaryError, match=message):
        call()


def test_a_file_that_a_class_needs_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{}")
    with pytest.raises(FileMissing, match=r"has no letters.json, which Letters needs \(vocab_file\)"):
        Letters.from_pretrained(tmp_path)


def test_further_tokens_keep_the_roles_of_a_table() -> None:
    assert with_extra({EXTRA: {"image_token": "<i>"}}, ["a"])[EXTRA] == ["a"]
    assert with_extra({EXTRA: {"image_token": "<i>"}}, ["a"])["named_special_tokens"] == {"image_token": "<i>"}
    assert with_extra({EXTRA: ["b", {"content": "c"}]}, ["a"], ["d"])[EXTRA][:2] == ["a", "b"]


def test_half_of_a_character_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="half of a character"):
        write_text(tmp_path / "x.txt", "\ud800")
    assert not list(tmp_path.iterdir())
