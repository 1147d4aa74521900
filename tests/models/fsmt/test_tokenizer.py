"""FSMT's tokenizer beside the published one, where the package that splits words is installed; a word about it where not."""

import copy
import json
import sys
from pathlib import Path

import pytest
import transformers

import bestiary
from bestiary.core.errors import ArgumentError, MissingDependency

TEXTS = [
    "Machine learning is great, isn't it? It costs 5.5% & more — “so” say «they» … well-known.",
    'low lower, lowest slow-er <b> it\'s "so" ünïcode ﬁ 東京，北京。  １２ ',
    "",
    "  two  spaces \n new\tline",
    "a</s>b <unk> the <pad>",
    "Привет, мир! Это (тест).",
]
MERGES = ["l o", "lo w</w>", "lo w", "e r</w>", "low er</w>", "t h", "th e</w>", "e s", "es t</w>"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    symbols = sorted({letter for text in TEXTS for letter in text if not letter.isspace()} | set("&;lgtqapos@-"))
    pieces = [*symbols, *(f"{letter}</w>" for letter in symbols), *("".join(rule.split()) for rule in MERGES)]
    for side, further in (("src", []), ("tgt", ["of", "target"])):
        tokens = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>", *further, *pieces])
        table = {token: index for index, token in enumerate(tokens)}
        (tmp_path / f"vocab-{side}.json").write_text(json.dumps(table), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("".join(f"{rule} 1\n" for rule in MERGES), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"langs": ["en", "ru"], "do_lower_case": False}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "fsmt", "langs": ["en", "ru"]}))
    return tmp_path


def test_tokens_and_texts_are_the_published_ones(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sacremoses")
    ours, published = bestiary.AutoTokenizer.from_pretrained(folder), transformers.AutoTokenizer.from_pretrained(folder)
    assert type(ours).__name__ == type(published).__name__ == "FSMTTokenizer"
    ours.save_pretrained(tmp_path / "ours")
    published.save_pretrained(tmp_path / "published")
    again = bestiary.AutoTokenizer.from_pretrained(tmp_path / "published")
    theirs = transformers.FSMTTokenizer.from_pretrained(tmp_path / "ours")
    for one, other in ((ours, published), (again, published), (ours, theirs), (copy.deepcopy(ours), published)):
        assert (one.get_vocab(), one.tgt_vocab_size) == (other.get_vocab(), other.tgt_vocab_size)
        for text in TEXTS:
            assert one.tokenize(text) == other.tokenize(text)
            for texts in ((text,), (text, "low"), ("low", text or "a")):
                assert dict(one(*texts, return_special_tokens_mask=True)) == dict(
                    other(*texts, return_special_tokens_mask=True)
                )
            ids = other(text)["input_ids"]
            for skip in (False, True):
                assert one.decode(ids, skip_special_tokens=skip) == other.decode(ids, skip_special_tokens=skip)
        assert dict(one(TEXTS, padding=True)) == dict(other(TEXTS, padding=True))
    lower = (library.FSMTTokenizer.from_pretrained(folder, do_lower_case=True) for library in (bestiary, transformers))
    assert [[tokenizer.tokenize(text) for text in TEXTS] for tokenizer in lower] == 2 * [
        [ours.tokenize(t.lower()) for t in TEXTS]
    ]


def test_two_languages_are_expected(folder: Path) -> None:
    with pytest.raises(ArgumentError, match=r"langs is \['en'\]; expected the source's and the target's"):
        bestiary.FSMTTokenizer.from_pretrained(folder, langs=["en"])


def test_what_is_missing_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(MissingDependency, match="pip install sacremoses"):
        bestiary.AutoTokenizer.from_pretrained(folder)
