"""Marian with a vocabulary for the source and another for the target."""

from pathlib import Path

import pytest
import torch
import transformers

from bestiary import AutoModelForSeq2SeqLM, MarianForCausalLM
from bestiary.core.errors import ArgumentError, InputError

SIZES = {f"{half}_{name}": 2 for half in ("encoder", "decoder") for name in ("layers", "attention_heads", "ffn_dim")}
OPTIONS = {"vocab_size": 40, "decoder_vocab_size": 60, "d_model": 16, "init_std": 0.5, "pad_token_id": 1, **SIZES}
IDS = torch.tensor([[5, 39, 7, 0], [6, 8, 9, 0]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.MarianConfig(**OPTIONS, share_encoder_decoder_embeddings=False, decoder_start_token_id=1)
    transformers.MarianMTModel(config).save_pretrained(tmp_path)
    return tmp_path


def written(model: torch.nn.Module) -> torch.Tensor:
    ids: torch.Tensor = model.generate(IDS, attention_mask=torch.ones_like(IDS), num_beams=2, max_new_tokens=12)
    return ids


def test_each_half_has_its_words(folder: Path) -> None:
    ours = AutoModelForSeq2SeqLM.from_pretrained(folder)
    assert torch.equal(written(ours), written(transformers.MarianMTModel.from_pretrained(folder)))
    labels = torch.full((2, 3), 59)
    assert ours(IDS, labels=labels).logits.shape == (2, 3, 60)
    with pytest.raises(InputError, match="input_ids"):
        ours(IDS + 40, labels=labels)
    with pytest.raises(InputError, match="59"):
        ours(IDS, labels=labels + 1)
    decoder = MarianForCausalLM.from_pretrained(folder)
    assert decoder(torch.tensor([[59]])).logits.shape == (1, 1, 60)


def test_each_grows_alone(folder: Path, tmp_path: Path) -> None:
    ours = AutoModelForSeq2SeqLM.from_pretrained(folder)
    ours.resize_decoder_token_embeddings(70)
    ours.resize_token_embeddings(50)
    assert (ours.config.vocab_size, ours.config.decoder_vocab_size) == (50, 70)
    assert ours.lm_head.weight is ours.model.decoder.embed_tokens.weight
    ours.save_pretrained(tmp_path / "grown")
    assert torch.equal(written(ours), written(transformers.MarianMTModel.from_pretrained(tmp_path / "grown")))


def test_shared_words_grow_together(tmp_path: Path) -> None:
    transformers.MarianMTModel(transformers.MarianConfig(**OPTIONS, decoder_start_token_id=1)).save_pretrained(tmp_path)
    ours = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    with pytest.raises(ArgumentError, match="share one vocabulary"):
        ours.resize_decoder_token_embeddings(70)
    ours.resize_token_embeddings(70)
    assert ours.config.decoder_vocab_size == 70
