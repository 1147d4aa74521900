"""BioGPT's tokenizer beside the published one, where the package that splits words is installed; a word about it where not."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers

import bestiary
from bestiary.core.errors import CorruptFile, MissingDependency

TEXTS = [
    "COVID-19 is caused by IL-6, e.g. in Dr. Smith's (rare) patients.",
    'low lower, lowest slow-er & <b> 5.5% it\'s "so" ünïcode ﬁ 東京',
    "",
    "  two  spaces \n new\tline",
    "a</s>b <unk> the <pad>",
    "low",
]
MERGES = ["l o", "lo w</w>", "lo w", "e r</w>", "low er</w>", "t h", "th e</w>", "e s", "es t</w>", "t h e</w>"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    symbols = sorted({letter for text in TEXTS for letter in text if not letter.isspace()} | set("&;lgtqapos@-"))
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *symbols, *(f"{letter}</w>" for letter in symbols)]
    tokens += ["".join(rule.split()) for rule in MERGES]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("".join(f"{rule} 1\n" for rule in MERGES), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BioGptTokenizer"}))
    return tmp_path


def same(ours: Any, published: Any) -> None:
    assert (len(ours), ours.vocab_size, ours.get_vocab()) == (len(published), published.vocab_size, published.get_vocab())
    assert ours.all_special_tokens == published.all_special_tokens
    for text in TEXTS:
        assert ours.tokenize(text) == published.tokenize(text)
        for texts in ((text,), (text, "low"), ("low", text or "a")):
            columns = {"return_special_tokens_mask": True}
            assert dict(ours(*texts, **columns)) == dict(published(*texts, **columns))
        ids = published(text)["input_ids"]
        for skip in (False, True):
            assert ours.decode(ids, skip_special_tokens=skip) == published.decode(ids, skip_special_tokens=skip)
    assert dict(ours(TEXTS, padding=True)) == dict(published(TEXTS, padding=True))


def test_tokens_and_texts_are_the_published_ones(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sacremoses")
    ours, published = bestiary.AutoTokenizer.from_pretrained(folder), transformers.AutoTokenizer.from_pretrained(folder)
    assert type(ours).__name__ == type(published).__name__ == "BioGptTokenizer"
    same(ours, published)
    ours.save_pretrained(tmp_path / "ours")
    published.save_pretrained(tmp_path / "published")
    same(bestiary.BioGptTokenizer.from_pretrained(tmp_path / "published"), published)
    same(ours, transformers.BioGptTokenizer.from_pretrained(tmp_path / "ours"))
    (folder / "vocab.json").write_text("[1]")
    with pytest.raises(CorruptFile, match="table of tokens"):
        bestiary.BioGptTokenizer.from_pretrained(folder)


def test_what_is_missing_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(MissingDependency, match="pip install sacremoses"):
        bestiary.BioGptTokenizer.from_pretrained(folder)
