"""Transformer-XL's tokenizer and corpora: words, ids and batches as release 4.46.3 of the reference gave them, and what is
refused."""

import os
import pickle
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bestiary import (
    AutoTokenizer,
    LMMultiFileIterator,
    LMOrderedIterator,
    LMShuffledIterator,
    TransfoXLCorpus,
    TransfoXLTokenizer,
)
from bestiary.core.errors import ArgumentError, CorruptFile, FileMissing, InputError, UnsafeFile
from bestiary.core.files import write_json

pytest.importorskip("sacremoses")

TEXT = "<eos> the , . of <unk> and in to a 23 000 @,@ @.@ 5 well @-@ known people don 't \" ( ) é straße 1 80 m tall & are"
WORDS = TEXT.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    write_json(tmp_path / "tokenizer_config.json", {"tokenizer_class": "TransfoXLTokenizer"})
    return tmp_path


def test_words_and_ids_are_the_published_ones(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer) is TransfoXLTokenizer
    assert tokenizer.tokenize("23,000 people are 1.80m tall") == [
        "23",
        "@,@",
        "000",
        "people",
        "are",
        "1",
        "@.@",
        "80m",
        "tall",
    ]
    ids = [1, 15, 16, 17, 21, 18, 21, 19, 20, 5, 0, 30, 22, 7, 23, 24]
    assert dict(tokenizer("the well-known “people” don't <unk> <eos> & (in) é\n")) == {"input_ids": ids}
    assert tokenizer.decode(ids) == 'the well-known "people" don\'t <unk> <eos> & (in) é'
    assert tokenizer("  a  <formula>a <eos>.").input_ids == [9, 32, 9, 0, 3]
    assert tokenizer.decode([5, 25, 5, 5, 14, 3], skip_special_tokens=True) == "straße 5."
    assert tokenizer(["a", "the people are"], ["and", "in"]).input_ids == [[9, 6], [1, 18, 31, 7]]
    assert tokenizer.tokenize("a", add_eos=True) == ["a", "<eos>"]
    assert tokenizer.tokenize("a", add_double_eos=True) == ["<S>", "a", "<S>"]


def test_what_is_saved_is_opened(folder: Path, tmp_path: Path) -> None:
    tokenizer = TransfoXLTokenizer.from_pretrained(folder, lower_case=True)
    tokenizer.save_pretrained(tmp_path / "saved")
    opened = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert opened.get_vocab() == tokenizer.get_vocab()
    assert opened("The  <formula> people") == tokenizer("The  <formula> people")
    assert opened.lower_case is opened.do_lower_case is True


def test_counted_vocabularies() -> None:
    tokenizer = TransfoXLTokenizer(special=["<eos>", "<unk>"], lower_case=True, min_freq=2)
    with pytest.raises(InputError, match="no <unk>"):
        TransfoXLTokenizer()._convert_token_to_id("word")
    tokenizer.count_sents([tokenizer.tokenize("The people, the people and a A"), tokenizer.tokenize("of the 5")])
    tokenizer.build_vocab()
    assert tokenizer.get_vocab() == {"<eos>": 0, "<unk>": 1, "the": 2, "people": 3, "a": 4, "<formula>": 5}
    assert tokenizer("the Xyz people <eos>").input_ids == [2, 1, 3, 0]
    tokenizer.move_added_token("<formula>", 2)
    assert tokenizer.get_vocab() == {"<eos>": 0, "<unk>": 1, "<formula>": 2, "the": 3, "people": 4, "a": 5}
    with pytest.raises(ArgumentError, match="in the vocabulary already"):
        tokenizer.move_added_token("the", 0)
    assert TransfoXLTokenizer(delimiter="").tokenize(" ab c") == ["a", "b", " ", "c"]


def test_pickled_vocabularies_of_plain_values(tmp_path: Path) -> None:
    table = {"counter": Counter(WORDS), "sym2idx": OrderedDict.fromkeys(WORDS, 0), "idx2sym": WORDS, "special": ["<eos>"]}
    for protocol in range(5):
        (tmp_path / "vocab.pkl").write_bytes(pickle.dumps(table, protocol))
        assert TransfoXLTokenizer.from_pretrained(tmp_path)("the people").input_ids == [1, 18]


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.parts = function, arguments

    def __reduce__(self) -> Any:
        return self.parts


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (pickle.dumps({"idx2sym": Calls(os.system, "true")}), UnsafeFile, "posix.system"),
        (pickle.dumps({"idx2sym": Calls(getattr, "a", "b")}, 0), UnsafeFile, "builtin.*getattr"),
        (b"\x80\x02ccollections\nCounter\n}X\x06\x00\x00\x00updateK\x01sb.", UnsafeFile, "BUILD"),
        (b"\x80\x02r\xff\xff\xff\x7f.", CorruptFile, "numbers a value|damaged"),
        (b"\x80\x02Nr\xff\xff\xff\x7f.", CorruptFile, "numbers a value"),
        (pickle.dumps([Calls(OrderedDict, {}) for _ in range(20)]), CorruptFile, "more than 16 tables"),
        (pickle.dumps({"idx2sym": WORDS})[:-9], CorruptFile, "damaged"),
        (pickle.dumps({("a", ("b", "c")): 1}), UnsafeFile, "TUPLE2"),
        (pickle.dumps({(("a",),): 1}), CorruptFile, "holds a tuple"),
        (b"", CorruptFile, "damaged"),
        (pickle.dumps({"idx2sym": [1]}), CorruptFile, "no list of words"),
        (pickle.dumps(WORDS), CorruptFile, "no list of words"),
        (pickle.dumps({"idx2sym": bytearray(3)}, 5), UnsafeFile, "BYTEARRAY8"),
    ],
    ids=[
        "call",
        "old-call",
        "build",
        "no-value",
        "memo",
        "tables",
        "cut",
        "pair",
        "nest",
        "empty",
        "numbers",
        "no-table",
        "bytes",
    ],
)
def test_other_pickles_are_refused(tmp_path: Path, content: bytes, error: type[Exception], words: str) -> None:
    (tmp_path / "vocab.pkl").write_bytes(content)
    with pytest.raises(error, match=words):
        TransfoXLTokenizer(pretrained_vocab_file=str(tmp_path / "vocab.pkl"))


@pytest.mark.parametrize(
    "content", [b"", b"a\n\n<unk>\n", b"a\nb\n", b"<unk>\n\xff\n"], ids=["empty", "gap", "no-unk", "latin"]
)
def test_text_files_that_are_no_vocabulary(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(CorruptFile, match="no vocabulary|UTF-8"):
        TransfoXLTokenizer(vocab_file=str(tmp_path / "vocab.txt"))


def test_batches_of_one_text() -> None:
    batches = list(LMOrderedIterator(torch.arange(11), 2, 3, ext_len=1))
    assert [(tokens.tolist(), after.tolist(), length) for tokens, after, length in batches] == [
        ([[0, 1, 2], [5, 6, 7]], [[1, 2, 3], [6, 7, 8]], 3),
        ([[2, 3], [7, 8]], [[4], [9]], 1),
    ]
    np.random.seed(0)
    varying = LMOrderedIterator(torch.arange(103), 4, 7).get_varlen_iter(std=2, min_len=2)
    assert [length for _, _, length in varying] == [8, 10, 5]  # as release 4.46.3 draws them


def test_batches_of_many_texts() -> None:
    texts = [torch.arange(length) + 100 * number for number, length in enumerate((5, 1, 3, 6))]
    batches = [(tokens.tolist(), after.tolist()) for tokens, after, _ in LMShuffledIterator(texts, 2, 4)]
    assert batches == [([[0, 1, 2, 3], [200, 201, 300, 301]], [[1, 2, 3, 4], [201, 202, 301, 302]])]
    longer = [torch.arange(9), torch.arange(9) + 100]
    batches = [(tokens.tolist(), after.tolist()) for tokens, after, _ in LMShuffledIterator(longer, 2, 4, ext_len=2)]
    assert batches[1] == ([[2, 3, 4, 5, 6, 7], [102, 103, 104, 105, 106, 107]], [[5, 6, 7, 8], [105, 106, 107, 108]])


def test_corpora(tmp_path: Path) -> None:
    for name, text in {"train": "a b c a\nb a\n", "valid": "a\n", "test": "c d\n"}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    corpus = TransfoXLCorpus(special=["<eos>", "<unk>"])
    with pytest.raises(InputError, match="build_corpus"):
        corpus.get_iterator("train", 1, 2)
    corpus.build_corpus(str(tmp_path), "wt103")
    assert [corpus.train.tolist(), corpus.test.tolist()] == [[2, 3, 4, 2, 0, 3, 2, 0], [4, 1, 0]]
    assert next(iter(corpus.get_iterator("train", 2, 3)))[0].tolist() == [[2, 3, 4], [0, 3, 2]]
    with pytest.raises(ArgumentError, match="one of ptb"):
        corpus.build_corpus(str(tmp_path), "c4")
    with pytest.raises(ArgumentError, match="'valid' or 'test'"):
        corpus.get_iterator("dev", 1, 2)
    with pytest.raises(FileMissing, match="is no file"):
        corpus.vocab.count_file(tmp_path / "none.txt")
    files = LMMultiFileIterator([str(tmp_path / "train.txt")], corpus.vocab, 1, 4)
    assert [tokens.tolist() for tokens, _, _ in files] == [[[1, 2, 3, 4]], [[2, 1, 3, 2]]]


def test_a_corpus_of_a_folder(folder: Path) -> None:
    parts = {"train": [1, 2], "valid": torch.tensor([3]), "test": None}
    torch.save({"dataset": "wt103", **parts}, folder / "corpus.bin")
    corpus = TransfoXLCorpus.from_pretrained(str(folder))
    assert (corpus.train.tolist(), corpus.test, corpus.vocab.vocab_size) == ([1, 2], None, len(WORDS))
    torch.save({"dataset": Calls(os.system, "true")}, folder / "corpus.bin")
    with pytest.raises(CorruptFile, match="holds no corpus"):
        TransfoXLCorpus.from_pretrained(str(folder))


def test_reading_a_file_is_told_where_that_is_asked_for(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bestiary.models.transfo_xl.tokenizer._LINES_TOLD", 2)
    (folder / "text.txt").write_text("a well\n" * 5, encoding="utf-8")
    tokenizer, path = TransfoXLTokenizer(), folder / "text.txt"
    opened = TransfoXLTokenizer.from_pretrained(folder)
    with caplog.at_level("INFO", logger="bestiary.models.transfo_xl.tokenizer"):
        tokenizer.count_file(path)
        silent = opened.encode_file(path)
        assert not caplog.messages
        tokenizer.count_file(path, verbose=True)
        told = opened.encode_file(path, verbose=True)
    beginnings = [f"counting the words of {path}", f"encoding {path}"]
    assert caplog.messages == [what + end for what in beginnings for end in ("", ": line 2", ": line 4")]
    assert all(torch.equal(one, other) for one, other in zip(silent, told, strict=True))
    caplog.clear()
    with caplog.at_level("INFO", logger="bestiary.models.transfo_xl.tokenizer"):
        tokenizer.count_sents([["a"]], verbose=True)
        opened.encode_sents([["a"]], verbose=True)
    assert caplog.messages == ["counting words", "encoding words"]
    assert tokenizer.counter["a"] == 11
