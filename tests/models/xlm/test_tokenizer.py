"""XLM's tokenizer beside the published one, where the package that splits words is installed; a word about it where not."""

import copy
import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import transformers

import bestiary
from bestiary.core.errors import ArgumentError, MissingDependency

TEXTS = [
    "Machine learning is great, isn't it? It costs 5.5% & more — “so” say «they» … well-known.",
    'low lower, Lowest slow-er <b> it\'s "so" Ünïcode ﬁ 東京，北京。  １２４ ',
    "",
    "  two  spaces \n new\tline",
    "a</s>b <unk> the <pad> <special1>",
    "Привет, мир! Ştefan țară în București.",
]
MERGES = ["l o", "lo w</w>", "lo w", "e r</w>", "low er</w>", "t h", "th e</w>", "e s", "es t</w>"]
LANGUAGES = {"lang2id": {"en": 0, "ro": 1}, "id2lang": {"0": "en", "1": "ro"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    symbols = sorted({letter for text in TEXTS for letter in (text + text.lower()) if not letter.isspace()})
    pieces = [*symbols, *(f"{letter}</w>" for letter in symbols), *("".join(rule.split()) for rule in MERGES)]
    special = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{number}>" for number in range(10))]
    table = {token: index for index, token in enumerate(dict.fromkeys([*special, *pieces]))}
    (tmp_path / "vocab.json").write_text(json.dumps(table), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("".join(f"{rule} 1\n" for rule in MERGES), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMTokenizer", **LANGUAGES}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xlm"}))
    return tmp_path


@pytest.mark.parametrize("options", [{}, {"do_lowercase_and_remove_accent": False}], ids=str)
def test_tokens_and_texts_are_the_published_ones(folder: Path, tmp_path: Path, options: dict[str, bool]) -> None:
    pytest.importorskip("sacremoses")
    ours, published = (library.AutoTokenizer.from_pretrained(folder, **options) for library in (bestiary, transformers))
    assert type(ours).__name__ == type(published).__name__ == "XLMTokenizer"
    ours.save_pretrained(tmp_path / "ours")
    published.save_pretrained(tmp_path / "published")
    again = bestiary.AutoTokenizer.from_pretrained(tmp_path / "published")
    theirs = transformers.XLMTokenizer.from_pretrained(tmp_path / "ours")
    for one, other in ((ours, published), (again, published), (ours, theirs), (copy.deepcopy(ours), published)):
        assert (one.get_vocab(), one.vocab_size) == (other.get_vocab(), other.vocab_size)
        assert set(one.all_special_tokens) == set(other.all_special_tokens)
        assert (one.lang2id, one.do_lower_case) == (other.lang2id, other.do_lower_case)
        for text in TEXTS:
            assert one.tokenize(text) == other.tokenize(text)
            assert one._tokenize(text, lang="ro") == other._tokenize(text, lang="ro")
            assert one._tokenize(text, bypass_tokenizer=True) == other._tokenize(text, bypass_tokenizer=True)
            for texts in ((text,), (text, "low"), ("low", text or "a")):
                columns = {"return_special_tokens_mask": True, "return_token_type_ids": True}
                assert dict(one(*texts, **columns)) == dict(other(*texts, **columns))
            ids = other(text)["input_ids"]
            for skip in (False, True):
                assert one.decode(ids, skip_special_tokens=skip) == other.decode(ids, skip_special_tokens=skip)
        assert dict(one(TEXTS, padding=True)) == dict(other(TEXTS, padding=True))


def test_languages_that_need_another_package(folder: Path) -> None:
    pytest.importorskip("sacremoses")
    ours = bestiary.XLMTokenizer.from_pretrained(folder)
    for language, package in (("th", "pythainlp"), ("zh", "rjieba"), ("ja", "Mykytea")):
        if find_spec(package) is None:
            with pytest.raises(MissingDependency, match=package):
                ours.words("東京", language)


def test_languages_go_both_ways(folder: Path) -> None:
    with pytest.raises(ArgumentError, match="lang2id has 2 languages and id2lang 1"):
        bestiary.XLMTokenizer.from_pretrained(folder, id2lang={"0": "en"})


def test_what_is_missing_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(MissingDependency, match="pip install sacremoses"):
        bestiary.AutoTokenizer.from_pretrained(folder)
