"""A Whisper of a small vocabulary, as people make for tests: the reference's tokens."""

import pytest
import torch
import transformers

from bestiary import WhisperForConditionalGeneration
from bestiary.core.errors import InputError
from bestiary.core.logging import BestiaryWarning

SIZES = {
    "vocab_size": 100, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "num_mel_bins": 8,
    "max_source_positions": 50, "max_target_positions": 40, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "decoder_start_token_id": 3, "suppress_tokens": None, "begin_suppress_tokens": None, "init_std": 0.3,
}  # fmt: skip
FIRST = torch.tensor([[3, 7, 8], [3, 9, 10]])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    torch.manual_seed(0)
    theirs = transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**SIZES)).eval()
    folder = tmp_path_factory.mktemp("whisper")
    theirs.save_pretrained(folder)
    return WhisperForConditionalGeneration.from_pretrained(folder), theirs


def features(frames, rows=2):
    return torch.randn(rows, 8, frames, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("mask", [[[1, 1, 1], [1, 1, 1]], [[1, 1, 1], [1, 0, 1]], [[0, 1, 1], [1, 1, 1]]], ids=str)
def test_a_mask_of_the_first_tokens(models, mask, beams):
    inputs = {"decoder_input_ids": FIRST, "decoder_attention_mask": torch.tensor(mask), "num_beams": beams}
    tokens = [model.generate(features(100), max_new_tokens=6, **inputs) for model in models]
    assert torch.equal(*tokens)


def test_a_mask_of_other_tokens(models):
    with pytest.raises(InputError, match=r"decoder_attention_mask has shape \(2, 5\); expected \(2, 3\)"):
        models[0].generate(features(100), decoder_input_ids=FIRST, decoder_attention_mask=torch.ones(2, 5))


@pytest.mark.parametrize("option", ["suppress_tokens", "begin_suppress_tokens"])
def test_suppressed_tokens_outside(models, option):
    settings = {option: [5, 93, 50_000], "max_new_tokens": 6}
    with pytest.warns(BestiaryWarning, match=f"{option} holds 50000, and the vocabulary ends at 99: ignored"):
        tokens = models[0].generate(features(100), **settings)
    assert torch.equal(tokens, models[1].generate(features(100), **settings))


@pytest.mark.parametrize("times", [None, True])
def test_several_windows_write_times_by_themselves(models, times, monkeypatch):
    for model in models:
        monkeypatch.setitem(vars(model.generation_config), "no_timestamps_token_id", 60)
    inputs = {"attention_mask": torch.ones(1, 250), "return_timestamps": times, "max_new_tokens": 8}
    tokens = [model.generate(features(250, rows=1), **inputs) for model in models]
    assert torch.equal(*tokens)
    for model in models:
        with pytest.raises(ValueError, match="return_timestamps=True"):
            model.generate(features(250, rows=1), **{**inputs, "return_timestamps": False})
