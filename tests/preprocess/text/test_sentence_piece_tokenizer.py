"""`SentencePieceBackend`, which others derive from: the same class on this library and on the published one."""

from pathlib import Path
from typing import Any

import pytest
from kit.tokenizer_files import _sentencepiece
from transformers import tokenization_utils_sentencepiece as published

from bestiary import SentencePieceBackend
from bestiary.compat.slow_tokenizers import SentencePieceExtractor
from bestiary.core.errors import InputError

TEXTS = ("the quick brown fox", " two  spaces", "zzz♥ x", "a<pad>b", "", "the<s> the", " ▁x")
ROLES: dict[str, Any] = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp(request.param)
    _sentencepiece(folder, "tokenizer", vocab_size=300, model_type=request.param)
    return str(folder / "tokenizer.model")


def shifted(base: Any) -> Any:
    """A class that counts the pieces from 2 on, as those of other people do."""

    class Shifted(base):  # type: ignore[misc]
        def _convert_token_to_id(self, token: str) -> int:
            return int(self.sp_model.piece_to_id(token)) + 2

        def _convert_id_to_token(self, index: int) -> str:
            return str(self.sp_model.IdToPiece(max(index - 2, 0)))

    return Shifted


def told(kind: Any, file: str, legacy: bool, folder: Path) -> dict[str, Any]:
    """What a tokenizer of this class does, before and after it was extended, saved and opened."""
    tokenizer = kind(vocab_file=file, legacy=legacy, special_tokens_pattern="bos_eos", **ROLES)
    ids = {text: tokenizer(text)["input_ids"] for text in TEXTS}
    results: dict[str, Any] = {"ids": ids, "tokens": [tokenizer.tokenize(text) for text in TEXTS]}
    results["texts"] = [tokenizer.decode(row, skip_special_tokens=skip) for row in ids.values() for skip in (True, False)]
    results["vocabulary"] = (tokenizer.get_vocab(), len(tokenizer), tokenizer.vocab_size, tokenizer.special_tokens_map)
    if tokenizer._convert_token_to_id("<s>") > 2:  # new tokens would get the ids of the last pieces, there too
        return results
    tokenizer.add_tokens(["new", "▁the"])
    results["extended"] = (tokenizer("the new the")["input_ids"], len(tokenizer))
    tokenizer.save_pretrained(folder)
    again = kind.from_pretrained(folder)
    results["again"] = (sorted(path.name for path in folder.iterdir()), again("the new fox")["input_ids"], again.legacy)
    pieces = tokenizer.sp_model
    results["pieces"] = (pieces.get_piece_size(), pieces.PieceToId("nope"), pieces.encode("a fox", out_type=int), len(pieces))
    return results


@pytest.mark.parametrize("legacy", [True, False])
def test_a_class_alone_and_one_derived_from_it(file: str, legacy: bool, tmp_path: Path) -> None:
    for number, change in enumerate((lambda base: base, shifted)):
        ours = told(change(SentencePieceBackend), file, legacy, tmp_path / f"ours{number}")
        assert ours == told(change(published.SentencePieceBackend), file, legacy, tmp_path / f"theirs{number}")


def test_the_tables_of_a_file(file: str) -> None:
    assert SentencePieceExtractor(file).extract() == published.SentencePieceExtractor(file).extract()


def test_without_a_file() -> None:
    with pytest.raises(
        InputError, match="SentencePieceBackend needs vocab_file=, the path of a sentencepiece model; it is None"
    ):
        SentencePieceBackend()
