"""DeBERTa v2 over sentencepiece files of any unknown piece, and languages that a file names, against the reference."""

from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import transformers
from kit import tokenizer_files

import bestiary
from bestiary.core.errors import ArgumentError

OWN = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]"}


@pytest.mark.parametrize(
    "pieces",
    [
        {},
        {**OWN, "unk_piece": "[UNK]"},
        {**OWN, "unk_piece": "<unk>"},
        {"pad_id": 0, "bos_id": 2, "eos_id": 3, "unk_id": 1, "pad_piece": "[PAD]"},
        {"pad_id": -1, "bos_id": 0, "eos_id": 1, "unk_id": 2},
        {**OWN, "unk_piece": "<unk>", "user_defined_symbols": ["[UNK]", "[MASK]"]},
    ],
    ids=["usual", "own", "own but <unk>", "second", "last", "both"],
)
def test_the_files_unknown_piece_stands_for_what_it_lacks(pieces: dict[str, Any], tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(tokenizer_files.TEXT),
        model_prefix=str(tmp_path / "spm"),
        vocab_size=200,
        minloglevel=2,
        hard_vocab_limit=False,
        **pieces,
    )
    (tmp_path / "config.json").write_text('{"model_type": "deberta-v2"}')
    ours, published = (library.DebertaV2Tokenizer.from_pretrained(tmp_path) for library in (bestiary, transformers))
    assert ours.get_vocab() == published.get_vocab()
    file = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "spm.model"))
    for text in ("a 漢 b", "漢", "the Ωmega of it"):
        assert ours(text)["input_ids"] == published(text)["input_ids"]
        if "user_defined_symbols" not in pieces:  # a piece of the unknown token's name goes before the file's own
            assert ours(text)["input_ids"][1:-1] == file.encode(text)
        assert ours.decode(ours(text)["input_ids"]) == published.decode(published(text)["input_ids"])


@pytest.mark.parametrize(
    ("kind", "name", "wrong", "near"),
    [("nllb", "NllbTokenizer", "deu_Latm", "deu_Latn"), ("m2m_100", "M2M100Tokenizer", "dee", "de")],
)
def test_a_target_language_that_is_none_is_told_at_once(kind: str, name: str, wrong: str, near: str, tmp_path: Path) -> None:
    folder = tokenizer_files.write(kind, tmp_path)
    tokenizer = getattr(bestiary, name).from_pretrained(folder, tgt_lang=near)
    assert tokenizer.tgt_lang == near
    with pytest.raises(ArgumentError, match=f"no language '{wrong}'.*Did you mean '{near}'"):
        getattr(bestiary, name).from_pretrained(folder, tgt_lang=wrong)
