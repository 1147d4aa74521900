"""Whisper's models beyond the parity suite: caches, padding of the decoder, SpecAugment, checkpoints of other heads."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bestiary.cache.encoder_decoder import EncoderDecoderCache
from bestiary.cache.kinds.dynamic import DynamicCache
from bestiary.cache.kinds.static import StaticCache
from bestiary.core.errors import ConfigError, InputError
from bestiary.models import whisper
from bestiary.nn.embeddings import sinusoids
from bestiary.nn.spec_augment import random_spans

SIZES: dict[str, Any] = {
    "vocab_size": 99,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40,
    "max_source_positions": 20,
    "max_target_positions": 32,
    "num_mel_bins": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
}


def model(name: str = "WhisperForConditionalGeneration", **values: Any) -> Any:
    torch.manual_seed(0)
    return getattr(whisper, name)(whisper.WhisperConfig(**{**SIZES, **values})).eval()


def sound(rows: int = 2) -> torch.Tensor:
    return torch.randn(rows, 8, 40, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def speech() -> Any:
    return model()


@pytest.mark.parametrize("kernel", ["sdpa", "eager", "flex_attention"])
@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padding_of_the_decoder_changes_nothing(speech: Any, side: str, kernel: str) -> None:
    speech.set_attn_implementation(kernel)
    rows = [[3, 10, 11, 12, 13], [3, 20]]
    width = 5
    fill = [[0] * (width - len(row)) for row in rows]
    ids = torch.tensor([f + r if side == "left" else r + f for f, r in zip(fill, rows, strict=True)])
    mask = (ids != 0).long()
    together = speech(sound(), decoder_input_ids=ids, decoder_attention_mask=mask).logits
    for row, tokens in enumerate(rows):
        alone = speech(sound()[row : row + 1], decoder_input_ids=torch.tensor([tokens])).logits[0]
        torch.testing.assert_close(together[row][mask[row].bool()], alone, rtol=1e-5, atol=1e-5)
    speech.set_attn_implementation("sdpa")


@pytest.mark.parametrize("make", [lambda: None, DynamicCache, lambda: StaticCache(max_cache_len=30)])
@pytest.mark.parametrize("chunk", [1, 4])
@torch.no_grad()
def test_cached_steps_equal_one_forward(speech: Any, make: Any, chunk: int) -> None:
    ids = torch.randint(5, 99, (2, 10))
    mask = torch.ones_like(ids)
    mask[1, :3] = 0
    whole = speech(sound(), decoder_input_ids=ids, decoder_attention_mask=mask).logits
    encoded, cache, parts = speech.get_encoder()(sound()), make(), []
    for start in range(0, 10, chunk):
        end = min(start + chunk, 10)
        output = speech(
            decoder_input_ids=ids[:, start:end],
            decoder_attention_mask=mask[:, :end],
            encoder_outputs=encoded,
            past_key_values=cache,
            use_cache=True,
        )
        cache = output.past_key_values
        parts.append(output.logits)
    assert isinstance(cache, EncoderDecoderCache)
    torch.testing.assert_close(torch.cat(parts, 1)[mask.bool()], whole[mask.bool()], rtol=1e-5, atol=1e-5)


def test_positions_of_the_encoder_are_sinusoids_that_do_not_train() -> None:
    reference = transformers.WhisperModel(transformers.WhisperConfig(**SIZES)).encoder.embed_positions.weight
    ours = model("WhisperModel").encoder.embed_positions.weight
    torch.testing.assert_close(ours, reference, rtol=1e-6, atol=1e-6)
    assert not ours.requires_grad
    assert torch.equal(ours, sinusoids(20, 32))


def test_positions_may_be_given(speech: Any) -> None:
    ids = torch.tensor([[3, 10, 11], [3, 12, 13]])
    plain = speech(sound(), decoder_input_ids=ids).logits
    same = speech(sound(), decoder_input_ids=ids, decoder_position_ids=torch.arange(3).expand(2, 3)).logits
    moved = speech(sound(), decoder_input_ids=ids, decoder_position_ids=torch.arange(3).expand(2, 3) + 4).logits
    assert torch.equal(plain, same)
    assert not torch.allclose(plain, moved)


def test_classifier_opens_a_speech_checkpoint(tmp_path: Path) -> None:
    speech = model()
    speech.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="new, to be trained: .*classifier"):
        classifier = whisper.WhisperForAudioClassification.from_pretrained(tmp_path, use_weighted_layer_sum=True)
    assert torch.equal(classifier.encoder.conv1.weight, speech.model.encoder.conv1.weight)
    torch.testing.assert_close(classifier.layer_weights, torch.full((3,), 1 / 3))


def test_decoder_opens_a_speech_checkpoint_and_says_the_same(tmp_path: Path) -> None:
    speech = model()
    speech.save_pretrained(tmp_path)
    decoder = whisper.WhisperForCausalLM.from_pretrained(tmp_path)
    encoded, ids = speech.get_encoder()(sound()), torch.randint(5, 99, (2, 6))
    expected = speech(encoder_outputs=encoded, decoder_input_ids=ids).logits
    assert torch.equal(decoder(ids, encoder_outputs=encoded).logits, expected)
    assert speech.config.is_encoder_decoder
    assert not decoder.config.is_encoder_decoder


def test_weighted_sum_needs_hidden_states() -> None:
    classifier = model("WhisperForAudioClassification", use_weighted_layer_sum=True)
    encoded = classifier.encoder(sound(), output_hidden_states=True)
    torch.testing.assert_close(classifier(encoder_outputs=encoded).logits, classifier(sound()).logits)
    with pytest.raises(InputError, match="hidden_states"):
        classifier(encoder_outputs=(encoded.last_hidden_state,))


def test_spec_augment_only_in_training() -> None:
    speech = model(
        apply_spec_augment=True, mask_time_prob=0.3, mask_time_length=4, mask_feature_prob=0.4, mask_feature_length=2
    )
    features = sound()
    assert speech.model.augmented(features, None) is features
    speech.train()
    torch.manual_seed(0)
    blanked = speech.model.augmented(features, None) == 0
    frames, bins = blanked.all(1), blanked.all(2)
    assert frames.any(1).all()
    assert bins.any(1).all()
    assert torch.equal(blanked, frames.unsqueeze(1) | bins.unsqueeze(2))
    real = torch.ones(2, 40)
    real[1, 10:] = 0
    assert not (speech.model.augmented(features, real)[1, :, 10:] == 0).all(0).any()
    assert torch.isfinite(speech(features, real, labels=torch.tensor([[5, 6], [7, 8]])).loss)


def test_spans_have_their_length_share_and_least_number() -> None:
    torch.manual_seed(0)
    spans = random_spans(200, 100, 0.3, 10, 1, torch.device("cpu"))
    edges = torch.nn.functional.pad(spans.int(), (1, 1)).diff(dim=1)
    starts, ends = (edges == 1).nonzero(), (edges == -1).nonzero()
    assert ((ends - starts)[:, 1] >= 10).all()
    assert 0.22 < spans.float().mean() < 0.3  # overlaps cover a little less than 0.3
    assert (spans.sum(1) <= 30).all()
    short = random_spans(3, 20, 0.0, 5, 2, torch.device("cpu"), torch.tensor([20, 5, 4]))
    assert (short.sum(1)[:2] >= 5).all()
    assert short[1].tolist() == [True] * 5 + [False] * 15
    assert not short[2].any()  # no room for a whole span


def test_layers_may_be_dropped_in_training() -> None:
    speech = model(encoder_layerdrop=1.0, decoder_layerdrop=1.0)
    ids = torch.tensor([[3, 10], [3, 11]])
    without = speech.train()(sound(), decoder_input_ids=ids).logits
    speech.eval()
    assert not torch.allclose(without, speech(sound(), decoder_input_ids=ids).logits)


def test_freezing_and_recomputing() -> None:
    gradients = []
    for recompute in (False, True):
        speech = model().train()
        speech.freeze_encoder()
        if recompute:
            speech.gradient_checkpointing_enable()
        speech(sound(), labels=torch.tensor([[5, 6], [7, 8]])).loss.backward()
        assert all(parameter.grad is None for parameter in speech.get_encoder().parameters())
        gradients.append({name: parameter.grad for name, parameter in speech.named_parameters()})
    for name, gradient in gradients[0].items():
        if gradient is not None:
            torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-6, atol=1e-7, msg=name)


@torch.no_grad()
def test_resizing_keeps_old_logits() -> None:
    speech = model()
    ids = torch.tensor([[3, 10], [3, 11]])
    before = speech(sound(), decoder_input_ids=ids).logits
    speech.resize_token_embeddings(110)
    torch.testing.assert_close(speech(sound(), decoder_input_ids=ids).logits[..., :99], before, rtol=1e-5, atol=1e-5)


def test_bad_calls_are_told(speech: Any) -> None:
    ids = torch.tensor([[3, 10], [3, 11]])
    with pytest.raises(InputError, match=r"expects \(batch, 8, 40\)"):
        speech(sound()[..., :30], decoder_input_ids=ids)
    with pytest.raises(InputError, match="input_features"):
        speech(decoder_input_ids=ids)
    with pytest.raises(InputError, match="decoder_input_ids"):
        speech(sound())
    with pytest.raises(InputError, match="33 positions"):
        speech(sound(), labels=torch.randint(5, 99, (2, 33)))
    with pytest.raises(ConfigError, match="decoder_attention_heads"):
        whisper.WhisperModel(whisper.WhisperConfig(**{**SIZES, "decoder_attention_heads": 5}))
