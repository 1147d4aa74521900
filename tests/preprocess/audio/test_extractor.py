"""Feature extractors against the reference's: raw waveforms (Wav2Vec2's) and log-mel spectrograms (Whisper's)."""

import io
import json
import math
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import transformers

from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.whisper.feature_extractor import WhisperFeatureExtractor
from bestiary.preprocess.audio.extractor import WaveformExtractor

RNG = np.random.default_rng(0)
SHORT, MIDDLE, LONG = (RNG.uniform(-1, 1, n).astype(np.float32) for n in (5000, 7003, 20000))
SMALL = {"feature_size": 8, "chunk_length": 1}


def same(ours, reference):
    assert list(ours) == list(reference)
    for name in ours:
        assert len(ours[name]) == len(reference[name])
        for one, other in zip(ours[name], reference[name], strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": True},
        {"padding": True, "return_attention_mask": True},
        {"padding": "longest", "return_tensors": "np"},
        {"padding": "max_length", "max_length": 8000},
        {"padding": "max_length", "max_length": 6000, "truncation": True, "return_attention_mask": True},
        {"padding": True, "max_length": 6000, "truncation": True},
        {"padding": True, "max_length": 9000, "truncation": True},
        {"padding": False, "max_length": 6000, "truncation": True},
        {"padding": True, "pad_to_multiple_of": 1024},
        {"padding": True, "pad_to_multiple_of": 1024, "max_length": 6000, "truncation": True},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "settings", [{"do_normalize": True}, {"padding_side": "left", "padding_value": 0.5, "do_normalize": False}], ids=str
)
def test_waveforms_as_wav2vec2_wants_them(options, settings):
    # Without a mask the reference normalises over the padding too, so that a clip's values depend on its neighbours.
    if settings["do_normalize"] and options.get("padding"):
        options = {**options, "return_attention_mask": True}
    ours = WaveformExtractor(**settings)([SHORT, MIDDLE], sampling_rate=16000, **options)
    same(ours, transformers.Wav2Vec2FeatureExtractor(**settings)([SHORT, MIDDLE], sampling_rate=16000, **options))


def test_normalised_waveforms_have_mean_zero_and_variance_one():
    values = WaveformExtractor(do_normalize=True)(3 * SHORT + 0.2, sampling_rate=16000, return_tensors="pt").input_values
    assert values.shape == (1, len(SHORT))
    assert values.mean().item() == pytest.approx(0, abs=1e-5)
    assert values.std().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_attention_mask": True},
        {"padding": "longest", "return_attention_mask": True},
        {"padding": "longest", "truncation": False, "return_attention_mask": True},
        {"max_length": 3200, "return_attention_mask": True},
        {"padding": "longest", "pad_to_multiple_of": 4000},
        {"do_normalize": True, "return_attention_mask": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("clips", [[SHORT], [SHORT, MIDDLE], [SHORT, LONG, MIDDLE]], ids=len)
def test_log_mel_features(options, clips):
    options = {"sampling_rate": 16000, "return_tensors": "np", **options}
    same(WhisperFeatureExtractor(**SMALL)(clips, **options), transformers.WhisperFeatureExtractor(**SMALL)(clips, **options))


@pytest.mark.parametrize("bands", [80, 128])
def test_log_mel_features_at_full_size(bands):
    speech = SHORT * np.linspace(0, 1, len(SHORT), dtype=np.float32)
    ours = WhisperFeatureExtractor(feature_size=bands)(speech, sampling_rate=16000, return_tensors="pt").input_features
    reference = transformers.WhisperFeatureExtractor(feature_size=bands)(
        speech, sampling_rate=16000, return_tensors="pt"
    ).input_features
    assert ours.shape == (1, bands, 3000)
    torch.testing.assert_close(ours, reference, atol=1e-5, rtol=0)


def test_long_audio_is_kept_whole_and_does_not_depend_on_the_batch():
    extractor = WhisperFeatureExtractor(**SMALL)
    whole = extractor(LONG, sampling_rate=16000, padding="longest", truncation=False, return_tensors="np").input_features
    assert whole.shape == (1, 8, len(LONG) // 160)
    unpadded = extractor([SHORT, LONG], sampling_rate=16000, padding=False, truncation=False).input_features
    assert [item.shape for item in unpadded] == [(8, 31), (8, 125)]
    np.testing.assert_allclose(unpadded[1], whole[0], atol=1e-6)


def test_input_kinds_agree(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, SHORT, 16000, format="WAV", subtype="FLOAT")
    (tmp_path / "a.wav").write_bytes(buffer.getvalue())
    extractor = WhisperFeatureExtractor(**SMALL)
    expected = extractor(SHORT, sampling_rate=16000).input_features
    told = [SHORT.tolist(), [SHORT], SHORT[None], torch.from_numpy(SHORT), SHORT.astype(np.float64)]
    known = [
        {"array": SHORT, "sampling_rate": 16000},
        {"raw": SHORT, "sampling_rate": 16000},
        buffer.getvalue(),
        tmp_path / "a.wav",
    ]
    for kind in told:
        np.testing.assert_allclose(extractor(kind, sampling_rate=16000).input_features, expected, atol=1e-6)
    for kind in known:
        np.testing.assert_allclose(extractor(kind).input_features, expected, atol=1e-6)


def test_a_file_of_another_rate_is_resampled():
    buffer = io.BytesIO()
    soundfile.write(buffer, np.repeat(SHORT, 2), 32000, format="WAV")
    assert WaveformExtractor()(buffer.getvalue()).input_values[0].shape == (len(SHORT),)


def test_dither_is_noise():
    silence = np.zeros(4000, np.float32)
    extractor = WhisperFeatureExtractor(**SMALL, dither=0.1)
    plain = WhisperFeatureExtractor(**SMALL)(silence, sampling_rate=16000).input_features
    assert np.ptp(plain) == 0
    assert np.ptp(extractor(silence, sampling_rate=16000).input_features) > 0.1


def test_padding_features_of_several_calls():
    extractor = WhisperFeatureExtractor(padding_value=2.0)
    frames = [{"input_features": np.ones((n, 4), np.float32), "labels": n} for n in (3, 5)]
    batch = extractor.pad(frames, return_attention_mask=True, return_tensors="pt")
    assert batch.input_features.shape == (2, 5, 4)
    assert batch.input_features.sum((1, 2)).tolist() == [3 * 4 + 2 * 4 * 2.0, 20]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert batch.labels.tolist() == [3, 5]
    waves = {"input_values": [SHORT, MIDDLE]}
    options = {"padding": "max_length", "max_length": 6000, "truncation": True, "return_attention_mask": True}
    same(WaveformExtractor().pad(waves, **options), transformers.Wav2Vec2FeatureExtractor().pad(waves, **options))


def test_saved_files_open_in_the_reference_and_back(tmp_path):
    ours = WhisperFeatureExtractor(feature_size=16, chunk_length=2, hop_length=80)
    ours.save_pretrained(tmp_path / "ours")
    reference = transformers.WhisperFeatureExtractor.from_pretrained(tmp_path / "ours")
    same(ours(SHORT, sampling_rate=16000), reference(SHORT, sampling_rate=16000))
    reference.save_pretrained(tmp_path / "theirs")
    assert WhisperFeatureExtractor.from_pretrained(tmp_path / "theirs") == ours
    shorter = WhisperFeatureExtractor.from_pretrained(tmp_path / "theirs", chunk_length=1)
    assert (shorter.n_samples, shorter.nb_max_frames) == (16000, 200)
    stored = json.loads((tmp_path / "ours" / "preprocessor_config.json").read_text())
    written = json.loads((tmp_path / "theirs" / "preprocessor_config.json").read_text())
    assert {name: stored[name] for name in written} == written


def test_the_stored_filter_table_of_old_files_is_not_kept(tmp_path):
    old = {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": 8,
        "mel_filters": [[0.0] * 8] * 201,
        "n_samples": 1,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(old))
    extractor = WhisperFeatureExtractor.from_pretrained(tmp_path)
    assert extractor.mel_filters.shape == (201, 8)
    assert extractor.mel_filters.max() > 0
    assert extractor.n_samples == 480000
    assert "mel_filters" not in extractor.to_dict()


@pytest.mark.parametrize(
    ("clip", "options", "message"),
    [
        (SHORT, {"sampling_rate": 8000}, "8000 Hz.*16000 Hz"),
        ({"array": SHORT, "sampling_rate": 44100}, {}, "44100 Hz.*16000 Hz"),
        ([], {}, "no audio"),
        (SHORT * np.nan, {}, "NaN"),
        (np.where(np.arange(5000) == 7, np.inf, SHORT), {}, "sample 7"),
        ([np.stack([SHORT, SHORT])], {}, "one channel"),
        (np.stack([SHORT, SHORT], axis=1), {}, "one channel"),
        (SHORT[:6].reshape(3, 2), {}, "one channel"),
        (SHORT * 1j, {}, "complex"),
        (torch.zeros(500).to_sparse(), {}, "audio 0 is a tensor of another kind"),
        (torch.zeros(500, device="meta"), {}, "meta"),
        ([None], {}, "NoneType"),
        (["abc", "abd"], {}, "neither an existing audio file"),
        (SHORT[:100], {"padding": "longest"}, "100 samples"),
    ],
)
def test_bad_clips_are_told(clip, options, message):
    with pytest.raises(InputError, match=message):
        WhisperFeatureExtractor(**SMALL)(clip, **{"sampling_rate": 16000, **options})


def test_bad_options_are_told():
    extractor = WaveformExtractor()
    with pytest.raises(ArgumentError, match="max_length"):
        extractor(SHORT, sampling_rate=16000, truncation=True)
    with pytest.raises(ArgumentError, match="longest"):
        extractor(SHORT, sampling_rate=16000, padding="maximal")
    with pytest.raises(ConfigError, match="padding_side"):
        WaveformExtractor(padding_side="top")
    for features in ({"labels": [1]}, {"input_values": []}, {"input_values": SHORT}, {"input_values": "ab"}, 3, [3]):
        with pytest.raises(InputError, match="input_values|features to pad"):
            extractor.pad(features)
    with pytest.raises(InputError, match="features 1 hold"):
        extractor.pad([{"input_values": SHORT}, {"labels": 1}])
    for options in ({"max_length": "6000"}, {"max_length": 6000.0}, {"max_length": -1}, {"pad_to_multiple_of": [128]}):
        with pytest.raises(ArgumentError, match=f"{next(iter(options))} is .*; expected a whole number from 0"):
            extractor(SHORT, sampling_rate=16000, padding=True, **options)
    for options in ({"max_length": 10**12, "padding": "max_length"}, {"pad_to_multiple_of": 10**12, "padding": True}):
        with pytest.raises(ArgumentError, match="padding would make rows of 1000000000000"):
            extractor(SHORT, sampling_rate=16000, **options)
    for device in ("nope", [1], "cuda:77"):
        with pytest.raises(ConfigError, match="device"):
            WhisperFeatureExtractor()(SHORT, sampling_rate=16000, device=device)
    with pytest.raises(InputError, match="padding=True"):
        extractor([SHORT, MIDDLE], sampling_rate=16000, return_tensors="pt")


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling_rate": math.nan},
        {"sampling_rate": -1},
        {"feature_size": 0},
        {"feature_size": 10**6},
        {"hop_length": 0},
        {"hop_length": 10**6},
        {"n_fft": -3},
        {"n_fft": 1},
        {"n_fft": 10**6},
        {"chunk_length": 0},
        {"chunk_length": 10**6},
        {"dither": math.nan},
        {"dither": -1.0},
        {"padding_value": math.nan},
        {"do_normalize": "x"},
    ],
    ids=str,
)
def test_bad_settings_of_a_file_are_told(tmp_path, settings):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=next(iter(settings))):
        WhisperFeatureExtractor.from_pretrained(tmp_path)


def test_null_leaves_a_setting_to_the_class(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"n_fft": None, "do_normalize": None, "hop_length": 80}))
    found = WhisperFeatureExtractor.from_pretrained(tmp_path)
    assert (found.n_fft, found.do_normalize, found.hop_length) == (400, False, 80)


def test_an_unknown_rate_warns():
    with pytest.warns(BestiaryWarning, match="16000 Hz"):
        WaveformExtractor()(SHORT)


@pytest.mark.parametrize(
    ("published", "extractor"),
    [
        ("WhisperFeatureExtractor", WhisperFeatureExtractor()),
        ("Wav2Vec2FeatureExtractor", WaveformExtractor(do_normalize=True)),
    ],
    ids=["whisper", "waveforms"],
)
def test_an_unknown_option_changes_nothing_as_there(published: str, extractor: Any) -> None:
    options: dict[str, Any] = {"sampling_rate": 16000, "return_tensors": "np", "paddin": True}
    name = type(extractor).__name__
    with pytest.warns(BestiaryWarning, match=f"{name} takes no argument 'paddin'; it changes nothing. Did you mean 'padding'"):
        ours = extractor(SHORT, **options)
    theirs = getattr(transformers, published)()(SHORT, **options)
    np.testing.assert_allclose(*(each[extractor.model_input_names[0]] for each in (ours, theirs)), atol=1e-4)
