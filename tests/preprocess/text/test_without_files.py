"""Tokenizers of families that are made without files: their tokens are those of the roles, as published."""

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
import transformers

import bestiary
from bestiary.core.errors import BestiaryError, InputError, UnknownArchitecture
from bestiary.core.logging import BestiaryWarning

PUBLISHED = set(dir(transformers))
NAMES = [name for name in dir(bestiary) if name.endswith(("Tokenizer", "TokenizerFast")) and name in PUBLISHED]
KINDS = {name: getattr(bestiary, name) for name in NAMES if not name.startswith(("RoFormer", "PreTrained"))}
FAST = {name: kind for name, kind in KINDS.items() if issubclass(kind, bestiary.PreTrainedTokenizerFast)}
WITHOUT = [name for name, kind in FAST.items() if kind.without_files is not None]
LACKS = "ignore:this vocabulary lacks Whisper's tokens"
# Text without a vocabulary: one library says <unk> and the other nothing, or the published one fails.
NO_TEXT = {"LlamaTokenizer", "LlamaTokenizerFast", "BlenderbotTokenizer", "MPNetTokenizer", "ReformerTokenizer"}


def test_enough_of_them() -> None:
    assert len(WITHOUT) >= 35


@pytest.mark.filterwarnings(LACKS)
def test_all_that_the_published_library_makes_of_nothing() -> None:
    constructed = set()
    for name in sorted(KINDS.keys() - WITHOUT):
        with contextlib.suppress(BestiaryError, TypeError):
            KINDS[name]()
            constructed.add(name)
        with contextlib.suppress(TypeError, ValueError, OSError, NotImplementedError):
            getattr(transformers, name)()
            constructed.add(name)
    assert not constructed


@pytest.mark.filterwarnings(LACKS)
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


UNIGRAMS = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>", "[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]", "<mask>")]
UNIGRAMS += [("▁", -2.0), ("▁a", -3.0), ("b", -3.0), ("ab", -3.5)]
FEW = [("<unk>", 0.0), ("</s>", 0.0), ("[UNK]", 0.0), *UNIGRAMS[10:]]
MERGED = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "b", "▁a", "ab", "Ġ", "c", "<|endoftext|>"]
MERGED += ["<|startoftranscript|>", "<|notimestamps|>"]
# Whose unknown token is looked for at one place there, whatever stands there; the text here has no unknown part.
IN_MEMORY: list[tuple[str, dict[str, Any]]] = [
    *((name, {"vocab": UNIGRAMS}) for name in ("Camembert", "DebertaV2", "MBart", "MBart50", "XGLM", "XLMRoberta", "Albert")),
    *((name, {"vocab": UNIGRAMS}) for name in ("T5", "Pegasus")),
    *((name, {"vocab": FEW}) for name in ("Camembert", "DebertaV2", "MBart", "XGLM", "XLMRoberta", "T5")),
    ("MBart50", {"vocab": [*UNIGRAMS, ("en_XX", 0.0)]}),
    *(
        (name, {"vocab": {token: index for index, token in enumerate(MERGED)}, "merges": merges})
        for name in ("Nllb", "Whisper", "GPT2", "Llama", "Gemma", "Cohere", "Qwen2", "Roberta", "GPTNeoX", "CodeGen")
        for merges in ([("▁", "a"), ("a", "b")], None)
    ),
]


@pytest.mark.filterwarnings(LACKS)
@pytest.mark.parametrize(("name", "vocabulary"), [pytest.param(*case, id=f"{n}-{case[0]}") for n, case in enumerate(IN_MEMORY)])
def test_vocabularies_in_memory_of_each_family(name: str, vocabulary: dict[str, Any]) -> None:
    ours, theirs = (getattr(each, f"{name}Tokenizer")(**copy.deepcopy(vocabulary)) for each in (bestiary, transformers))
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.vocab_size == theirs.vocab_size
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.extra_special_tokens == theirs.extra_special_tokens
    for texts in (("ab a",), ("ab", "a")):
        assert dict(ours(*texts)) == dict(theirs(*texts))
        assert ours.decode(ours(*texts)["input_ids"]) == theirs.decode(theirs(*texts)["input_ids"])


@pytest.mark.parametrize(
    ("vocab", "words"),
    [
        ([("▁a",)], "the vocabulary holds .'▁a',.; expected tokens with their scores"),
        (["▁a"], "the vocabulary holds '▁a'; expected tokens with their scores"),
        ([("▁a", float("nan"))], "expected tokens with their scores"),
        ({"<s>": 0, "a": 5}, "does not map tokens to the ids from 0 to 1"),
        ({"<s>": "0"}, "the vocabulary gives .<s>. the id .0.; expected texts and numbers from 0 on"),
    ],
)
def test_a_vocabulary_that_is_none(vocab: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        bestiary.MBartTokenizer(vocab=vocab)


def test_a_family_that_needs_files() -> None:
    with pytest.raises(InputError, match="PegasusTokenizer needs tokenizer_object="):
        bestiary.PegasusTokenizer()


def test_whisper_without_its_tokens() -> None:
    with pytest.warns(BestiaryWarning, match="stands for '<|startoftranscript|>'"):
        tokenizer = bestiary.WhisperTokenizer()
    assert tokenizer("ab")["input_ids"] == transformers.WhisperTokenizer()("ab")["input_ids"] == [0, 0, 0]


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
