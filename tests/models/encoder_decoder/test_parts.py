"""Encoder-decoders put together from checkpoints and from models."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import bestiary
from bestiary import EncoderDecoderConfig, EncoderDecoderModel
from bestiary.core.errors import ArgumentError, ConfigError
from bestiary.core.logging import BestiaryWarning

SMALL = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 20, "vocab_size": 40}
IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])
STARTS = {"decoder_start_token_id": 2, "pad_token_id": 0}


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    """Checkpoints of an encoder, and of a decoder that does not look at one."""
    torch.manual_seed(0)
    encoder, decoder = tmp_path / "bert", tmp_path / "gpt2"
    transformers.BertModel(transformers.BertConfig(**SMALL)).save_pretrained(encoder)
    config = transformers.GPT2Config(vocab_size=50, n_embd=24, n_layer=1, n_head=2, n_positions=32)
    transformers.GPT2LMHeadModel(config).save_pretrained(decoder)
    return encoder, decoder


def written(model: Any) -> torch.Tensor:
    ids: torch.Tensor = model.generate(IDS, attention_mask=torch.ones_like(IDS), max_new_tokens=6, do_sample=False)
    return ids


def test_two_checkpoints_become_one(parts: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.warns(BestiaryWarning, match="crossattention"):
        ours = EncoderDecoderModel.from_encoder_decoder_pretrained(*parts, **STARTS, encoder_hidden_act="relu")
    assert not ours.training
    assert (ours.config.encoder.hidden_act, ours.config.decoder_start_token_id) == ("relu", 2)
    decoder = bestiary.GPT2LMHeadModel.from_pretrained(parts[1])
    for name, tensor in decoder.state_dict().items():
        assert torch.equal(ours.decoder.state_dict()[name], tensor), name
    ours.save_pretrained(tmp_path / "both")
    theirs = transformers.EncoderDecoderModel.from_pretrained(tmp_path / "both")
    again = bestiary.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "both")
    assert type(again) is EncoderDecoderModel
    assert torch.equal(written(theirs), written(again))
    assert torch.equal(written(ours), written(again))


def test_models_become_one(parts: tuple[Path, Path]) -> None:
    encoder = bestiary.BertModel.from_pretrained(parts[0])
    decoder = bestiary.BertLMHeadModel(bestiary.BertConfig(**SMALL, is_decoder=True, add_cross_attention=True))
    ours = EncoderDecoderModel(encoder=encoder, decoder=decoder)
    assert ours.encoder is encoder
    assert ours.config.decoder is decoder.config
    assert ours.enc_to_dec_proj is None
    again = EncoderDecoderModel.from_encoder_decoder_pretrained(encoder_model=encoder, decoder_model=decoder, **STARTS)
    assert again.config.pad_token_id == 0


def test_what_cannot_be_put_together_is_refused(parts: tuple[Path, Path]) -> None:
    encoder = bestiary.BertModel.from_pretrained(parts[0])
    alone = bestiary.GPT2LMHeadModel.from_pretrained(parts[1])
    with pytest.raises(ArgumentError, match="without cross-attention"):
        EncoderDecoderModel(encoder=encoder, decoder=alone)
    with pytest.raises(ArgumentError, match="without a language-modelling head"):
        EncoderDecoderModel(encoder=alone, decoder=alone)
    with pytest.raises(ArgumentError, match="pass both"):
        EncoderDecoderModel(encoder=encoder)
    with pytest.raises(ArgumentError, match="decoder_pretrained_model_name_or_path"):
        EncoderDecoderModel.from_encoder_decoder_pretrained(parts[0])
    with pytest.raises(ConfigError, match="decoder is {'hidden_size': 8}; expected a config"):
        EncoderDecoderConfig(decoder={"hidden_size": 8})
    with pytest.warns(BestiaryWarning, match="crossattention"):
        whole = EncoderDecoderModel.from_encoder_decoder_pretrained(*parts, **STARTS)
    with pytest.raises(ArgumentError, match="the encoder has 40 tokens and the decoder 50"):
        whole.resize_token_embeddings(60)
