"""XGLM's tokenizer beside the published one, from a sentencepiece model and from both libraries' files."""

from pathlib import Path
from typing import Any

import pytest
import transformers
from kit import tokenizer_files

from bestiary.models.xglm.tokenizer import XGLMTokenizer

TEXTS = ["Hello world", "  two  spaces ", "", "quick <madeupword3> x</s>y", "ünïcode ﬁ 東京 \n new\tline", "a<pad>b <s> c"]
COLUMNS = {"return_offsets_mapping": True, "return_special_tokens_mask": True, "return_token_type_ids": True}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Ours from `sentencepiece.bpe.model`; the published one, which reads no such file, from its pieces."""
    folder = tokenizer_files.write("xlm_roberta", tmp_path_factory.mktemp("xglm"))
    model = XGLMTokenizer.numbered(str(folder / "sentencepiece.bpe.model"), None, XGLMTokenizer.defaults)
    vocab = [(piece.text, piece.score) for piece in model.pieces]
    published = transformers.XGLMTokenizer(vocab=vocab, _spm_precompiled_charsmap=model.charsmap)
    return XGLMTokenizer.from_pretrained(folder), published


def same(ours: Any, published: Any) -> None:
    assert ours.get_vocab() == published.get_vocab()
    assert ours.all_special_tokens == published.all_special_tokens
    for text in TEXTS:
        for texts in ((text,), (text, "hi the"), ("a", text or "b")):
            assert dict(ours(*texts, **COLUMNS)) == dict(published(*texts, **COLUMNS))
        ids = published(text)["input_ids"]
        for skip in (False, True):
            assert ours.decode(ids, skip_special_tokens=skip) == published.decode(ids, skip_special_tokens=skip)


@pytest.mark.filterwarnings("ignore:a text begins with")
def test_ids_offsets_and_texts_are_the_published_ones(both: tuple[Any, Any], tmp_path: Path) -> None:
    ours, published = both
    same(ours, published)
    published.save_pretrained(tmp_path / "published")
    same(XGLMTokenizer.from_pretrained(tmp_path / "published"), published)
    ours.save_pretrained(tmp_path / "ours")
    same(ours, transformers.AutoTokenizer.from_pretrained(tmp_path / "ours"))
