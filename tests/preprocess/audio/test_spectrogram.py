"""Spectrogram functions against the reference's, over their options."""

import warnings

import numpy as np
import pytest
from transformers import audio_utils as reference

from bestiary.core.errors import InputError
from bestiary.preprocess.audio import spectrogram as ours

WAVE = np.random.default_rng(0).standard_normal(700).astype(np.float32)
FILTERS = reference.mel_filter_bank(33, 6, 0, 8000, 16000)
POWER_MEL = {"power": 2.0, "mel_filters": FILTERS}


@pytest.mark.parametrize("scale", ["htk", "kaldi", "slaney"])
def test_mel_scales(scale):
    hertz = np.array([0.0, 1.0, 440.0, 999.9, 1000.0, 1000.1, 8000.0])
    np.testing.assert_allclose(ours.hertz_to_mel(hertz, scale), reference.hertz_to_mel(hertz, scale), rtol=1e-12)
    mels = np.array([0.0, 1.0, 14.9, 15.0, 15.1, 40.0, 900.0])
    np.testing.assert_allclose(ours.mel_to_hertz(mels, scale), reference.mel_to_hertz(mels, scale), rtol=1e-12)
    assert ours.mel_to_hertz(ours.hertz_to_mel(1234.5, scale), scale) == pytest.approx(1234.5)


@pytest.mark.parametrize("scale", ["htk", "kaldi", "slaney"])
@pytest.mark.parametrize("norm", [None, "slaney"])
@pytest.mark.parametrize("in_mel", [False, True])
@pytest.mark.parametrize("size", [(201, 80, 0.0, 8000.0, 16000), (257, 40, 20.0, 7600.0, 16000), (65, 8, 0.0, 4000.0, 8000)])
def test_filter_banks(scale, norm, in_mel, size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference.mel_filter_bank(*size, norm, scale, in_mel)
        got = ours.mel_filter_bank(*size, norm, scale, in_mel)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_blind_filters_are_told():
    with pytest.warns(UserWarning, match="see no frequency bin"):
        ours.mel_filter_bank(9, 80, 0, 8000, 16000)


@pytest.mark.parametrize("name", ["hann", "hamming", "boxcar", "povey", "hann_window", "hamming_window"])
@pytest.mark.parametrize(
    "options", [{}, {"periodic": False}, {"frame_length": 12}, {"frame_length": 13}, {"frame_length": 13, "center": False}]
)
def test_windows(name, options):
    expected = reference.window_function(8, name, **options)
    np.testing.assert_allclose(ours.window_function(8, name, **options), expected, atol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 3, 400, 512, 513])
def test_fft_lengths(length):
    assert ours.optimal_fft_length(length) == reference.optimal_fft_length(length)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"power": 2.0},
        {"power": None},
        {"power": 3.0},
        {"center": False},
        {"pad_mode": "constant"},
        {"onesided": False},
        {"fft_length": 128},
        {"preemphasis": 0.97},
        {"remove_dc_offset": True},
        {"remove_dc_offset": True, "preemphasis": 0.5, "center": False},
        {"mel_filters": FILTERS},
        POWER_MEL,
        {**POWER_MEL, "mel_floor": 3.0},
        {**POWER_MEL, "log_mel": "log"},
        {**POWER_MEL, "log_mel": "log10"},
        {**POWER_MEL, "log_mel": "dB"},
        {**POWER_MEL, "log_mel": "dB", "db_range": 20.0, "reference": 2.0, "min_value": 1e-3},
        {"mel_filters": FILTERS, "log_mel": "dB", "db_range": 15.0},
        {"log_mel": "log", "power": 2.0},
    ],
    ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items() if k != "mel_filters") or "default",
)
def test_spectrograms(options):
    window = ours.window_function(64, "hann")
    expected = reference.spectrogram(WAVE, window, 64, 20, **options)
    got = ours.spectrogram(WAVE, window, 64, 20, **options)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-5)


def test_dither_adds_noise_of_the_given_scale():
    window = np.ones(64)
    silence = np.zeros(64 * 500)
    power = ours.spectrogram(silence, window, 64, 64, power=2.0, center=False, dither=0.5)
    assert power.mean() == pytest.approx(64 * 0.25, rel=0.05)


@pytest.mark.parametrize("options", [{}, {"db_range": 10.0}, {"reference": 2.0}, {"min_value": 0.1}, {"reference": 1e-12}])
def test_decibels(options):
    values = np.array([0, 1e-3, 0.5, 2, 100.0])
    np.testing.assert_allclose(ours.power_to_db(values, **options), reference.power_to_db(values, **options))
    np.testing.assert_allclose(ours.amplitude_to_db(values, **options), reference.amplitude_to_db(values, **options))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ours.hertz_to_mel(1.0, "bark"), "bark"),
        (lambda: ours.mel_to_hertz(1.0, "bark"), "bark"),
        (lambda: ours.mel_filter_bank(9, 5, 0, 8000, 16000, "area"), "area"),
        (lambda: ours.mel_filter_bank(1, 5, 0, 8000, 16000), "at least 2"),
        (lambda: ours.mel_filter_bank(9, 5, 100, 50, 16000), "100"),
        (lambda: ours.window_function(8, "kaiser"), "kaiser"),
        (lambda: ours.window_function(8, frame_length=4), "4"),
        (lambda: ours.spectrogram(WAVE, np.ones(64), 64, 20, fft_length=32), "fft_length"),
        (lambda: ours.spectrogram(WAVE[None], np.ones(64), 64, 20), "one row"),
        (lambda: ours.spectrogram(WAVE, np.ones(60), 64, 20), "60"),
        (lambda: ours.spectrogram(WAVE, np.ones(64), 64, 0), "hop_length"),
        (lambda: ours.spectrogram(WAVE[:20], np.ones(64), 64, 20), "20 samples"),
        (lambda: ours.spectrogram(WAVE[:40], np.ones(64), 64, 20, center=False), "40 samples"),
        (lambda: ours.spectrogram(WAVE, np.ones(64), 64, 20, power=None, mel_filters=FILTERS), "power"),
        (lambda: ours.spectrogram(WAVE, np.ones(64), 64, 20, log_mel="bel"), "bel"),
        (lambda: ours.spectrogram(WAVE, np.ones(64), 64, 20, log_mel="dB", power=3.0), "power 3.0"),
        (lambda: ours.power_to_db(np.ones(2), reference=0), "reference"),
        (lambda: ours.amplitude_to_db(np.ones(2), db_range=-1), "db_range"),
    ],
)
def test_bad_options_are_told(call, message):
    with pytest.raises(InputError, match=message):
        call()
