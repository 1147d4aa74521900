"""ESM beside the reference: contacts, and proteins as tokens."""

from pathlib import Path

import pytest
import torch
import transformers
from kit.families import close, pair

from bestiary import AutoTokenizer, EsmConfig, EsmModel, EsmTokenizer
from bestiary.core.errors import ConfigError

TOKENS = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
PROTEINS = ["MKTAYIAKQR", "MK<mask>TA YI", "mkT1A", "", "M<eos>K", "<null_1>AL.-", "ü W"]


@torch.no_grad()
def test_contacts_are_those_of_the_reference() -> None:
    models = pair("esm", "EsmForMaskedLM")
    tokens, mask = models.inputs["input_ids"], models.inputs["attention_mask"]
    tokens = tokens.clone()
    tokens[torch.arange(len(tokens)), mask.sum(-1) - 1] = 2
    models.reference.set_attn_implementation("eager")
    # The published method gives no positions to rows, so that only relative ones, and rows without padding in front, agree.
    close(models.ours.predict_contacts(tokens, mask), models.reference.predict_contacts(tokens, mask))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    return tmp_path


def test_proteins_are_tokens_as_in_the_reference(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    ours, reference = EsmTokenizer.from_pretrained(folder), transformers.EsmTokenizer.from_pretrained(folder)
    saved = tmp_path_factory.mktemp("saved")
    ours.save_pretrained(saved)
    for tokenizer in (ours, AutoTokenizer.from_pretrained(saved)):
        for text in PROTEINS:
            expected = reference(text)
            assert dict(tokenizer(text)) == dict(expected)
            assert tokenizer.decode(expected["input_ids"]) == reference.decode(expected["input_ids"])
            assert tokenizer.decode(expected["input_ids"], skip_special_tokens=True) == reference.decode(
                expected["input_ids"], skip_special_tokens=True
            )
        assert dict(tokenizer(PROTEINS[0], PROTEINS[1])) == dict(reference(PROTEINS[0], PROTEINS[1]))
        assert (tokenizer.vocab_size, tokenizer.cls_token_id) == (reference.vocab_size, reference.cls_token_id)


def test_a_config_without_a_vocabulary_builds_no_model() -> None:
    with pytest.raises(ConfigError, match="vocab_size is not set"):
        EsmModel(EsmConfig(hidden_size=32, num_attention_heads=4))
