"""RoFormer's tokenizer beside the reference's, with a stand-in for jieba that knows two words."""

import copy
import sys
from pathlib import Path
from types import ModuleType

import pytest
import transformers

from bestiary import RoFormerTokenizer
from bestiary.core.errors import MissingDependency

WORDS = ("非常", "天气")
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"今天气好。", "非常", "hello", "wor", "##ld", ","]
TEXTS = ["今天天气非常好。", "Hello world, 非常 hello", "", "天气 x"]


def cut(text: str, hmm: bool = True) -> list[tuple[str, int, int]]:
    """The known words, runs of letters, and single characters of a text, each with its place."""
    words, start = [], 0
    while start < len(text):
        end = start + (2 if text[start : start + 2] in WORDS else 1)
        while text[start:end].isascii() and text[start : end + 1].isalnum() and end < len(text) and text[end].isascii():
            end += 1
        words.append((text[start:end], start, end))
        start = end
    return words


@pytest.fixture
def jieba(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("rjieba")
    module.tokenize = cut  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rjieba", module)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("jieba")
def test_words_that_the_vocabulary_holds_stay_whole(folder: Path) -> None:
    ours = RoFormerTokenizer.from_pretrained(folder)
    # From a file the published class of 5.23 looks for words in the file's name; from a mapping it does as its papers say.
    reference = transformers.RoFormerTokenizer(vocab={token: index for index, token in enumerate(TOKENS)})
    assert ours.tokenize(TEXTS[0]) == ["今", "天", "天", "气", "非常", "好", "。"]
    for text in TEXTS:
        expected = reference(text, return_offsets_mapping=True)
        assert dict(ours(text, return_offsets_mapping=True)) == dict(expected)
        assert ours.decode(expected["input_ids"]) == reference.decode(expected["input_ids"])
    assert dict(ours(TEXTS[0], TEXTS[1])) == dict(reference(TEXTS[0], TEXTS[1]))


@pytest.mark.usefixtures("jieba")
def test_it_is_saved_as_the_reference_saves_it(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    ours, saved = RoFormerTokenizer.from_pretrained(folder), tmp_path_factory.mktemp("saved")
    ours.save_pretrained(saved)
    reference = transformers.RoFormerTokenizer(vocab=ours.get_vocab())
    for again in (RoFormerTokenizer.from_pretrained(saved), copy.deepcopy(ours)):
        assert [again(text)["input_ids"] for text in TEXTS] == [reference(text)["input_ids"] for text in TEXTS]


def test_without_jieba_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(MissingDependency, match="rjieba"):
        RoFormerTokenizer.from_pretrained(folder)
