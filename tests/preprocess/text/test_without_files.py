"""Tokenizers of families that are made without files: their tokens are those of the roles, as published."""

from pathlib import Path
from typing import Any

import pytest
import transformers

import bestiary
from bestiary.core.errors import InputError, UnknownArchitecture
from bestiary.core.logging import BestiaryWarning

NAMES = [name for name in dir(bestiary) if name.endswith("Tokenizer") and hasattr(transformers, name)]
KINDS = {name: getattr(bestiary, name) for name in NAMES if name != "RoFormerTokenizer"}  # that needs a package
FAST = {name: kind for name, kind in KINDS.items() if issubclass(kind, bestiary.PreTrainedTokenizerFast)}
WITHOUT = [name for name, kind in FAST.items() if kind.without_files is not None]
# Text without a vocabulary: one library says <unk> and the other nothing, or the published one fails.
NO_TEXT = {"LlamaTokenizer", "BlenderbotTokenizer", "MPNetTokenizer"}


def test_enough_of_them() -> None:
    assert len(WITHOUT) >= 15


@pytest.mark.parametrize("name", WITHOUT)
def test_the_tokens_of_the_roles(name: str) -> None:
    ours, theirs = getattr(bestiary, name)(), getattr(transformers, name)()
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.extra_special_tokens == theirs.extra_special_tokens
    if name not in NO_TEXT:
        for texts in (("ab c",), ("ab", "c")):
            assert dict(ours(*texts)) == dict(theirs(*texts))
            assert ours.decode(ours(*texts)["input_ids"]) == theirs.decode(theirs(*texts)["input_ids"])


def test_a_vocabulary_in_memory() -> None:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁a", -3.0), ("b", -3.0)]
    rows: list[Any] = []
    for library in (bestiary, transformers):
        rows.append(library.T5Tokenizer(vocab=list(pieces), extra_ids=2)("a b ab <extra_id_1>")["input_ids"])
    assert rows[0] == rows[1]
    words = {word: index for index, word in enumerate(["<unk>", "<s>", "</s>", "▁", "a", "b", "▁a", "ab"])}
    merges = [("▁", "a"), ("a", "b")]
    ours, theirs = (each.LlamaTokenizer(vocab=dict(words), merges=list(merges)) for each in (bestiary, transformers))
    assert ours("a bab aba")["input_ids"] == theirs("a bab aba")["input_ids"]
    assert ours.decode(ours("a bab")["input_ids"]) == theirs.decode(theirs("a bab")["input_ids"])


def test_a_family_that_needs_files() -> None:
    with pytest.raises(InputError, match="WhisperTokenizer needs tokenizer_object="):
        bestiary.WhisperTokenizer()


def test_facts_of_a_tokenizer() -> None:
    ours, theirs = bestiary.BertTokenizer(do_lower_case=False), transformers.BertTokenizer(do_lower_case=False)
    for name in ("do_lower_case", "verbose", "slow_tokenizer_class", "strip_accents"):
        assert getattr(ours, name) == getattr(theirs, name, None)
    assert type(ours.decoder) is type(theirs.decoder)
    assert list(ours.SPECIAL_TOKENS_ATTRIBUTES) == theirs.SPECIAL_TOKENS_ATTRIBUTES
    with pytest.warns(BestiaryWarning, match="bos_token is read, and no token has this role"):
        assert bestiary.BertTokenizer(verbose=True).bos_token is None


def test_the_type_that_a_caller_names(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    for options in ({}, {"use_fast": True}, {"use_fast": False}):
        opened = bestiary.AutoTokenizer.from_pretrained(tmp_path, tokenizer_type="bert", **options)
        assert type(opened) is bestiary.BertTokenizer
        assert opened("a")["input_ids"] == [2, 5, 3]
    with pytest.raises(UnknownArchitecture, match="nope"):
        bestiary.AutoTokenizer.from_pretrained(tmp_path, tokenizer_type="nope")
    with pytest.raises(UnknownArchitecture, match="'vit' have no tokenizer"):
        bestiary.AutoTokenizer.from_pretrained(tmp_path, tokenizer_type="vit")
