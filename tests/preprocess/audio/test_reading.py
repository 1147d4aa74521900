"""Reading audio: every source and rate, damaged files, and the network only where it was asked for."""

import base64
import io
import random

import numpy as np
import pytest
import soundfile

from bestiary.core.errors import BestiaryError, CorruptFile, FileMissing, HubError, InputError
from bestiary.preprocess.audio.reading import load_audio, resample

RATE = 16000


def tone(hertz=440.0, rate=RATE, seconds=0.25):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def encoded(samples, kind="WAV", rate=RATE, subtype=None):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "tolerance"), [("WAV", 1e-4), ("FLAC", 1e-4), ("OGG", 0.05)])
def test_formats(kind, tolerance, tmp_path):
    content = encoded(tone(), kind)
    (tmp_path / "a").write_bytes(content)
    text = base64.b64encode(content).decode()
    first = load_audio(content)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first[200:3800], tone()[200:3800], atol=tolerance)
    for source in (tmp_path / "a", str(tmp_path / "a"), text, f"data:audio/x;base64,{text}"):
        np.testing.assert_array_equal(load_audio(source), first)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_a_tone_keeps_its_pitch_at_another_rate(rate):
    got = load_audio(encoded(tone(rate=rate), rate=rate, subtype="FLOAT"), sampling_rate=RATE)
    assert abs(len(got) - len(tone())) <= 1
    middle = slice(400, len(tone()) - 400)
    np.testing.assert_allclose(got[middle], tone()[middle], atol=2e-3)


def test_what_the_new_rate_cannot_hold_is_filtered_out():
    high = tone(hertz=7000, rate=48000)
    assert np.abs(resample(high, 48000, 8000)[100:-100]).max() < 0.01


def test_dictionaries_arrays_and_channels():
    np.testing.assert_array_equal(load_audio({"array": tone(), "sampling_rate": RATE}), tone())
    assert len(load_audio({"raw": tone(rate=8000), "sampling_rate": 8000})) == len(tone())
    np.testing.assert_array_equal(load_audio(tone()), tone())
    stereo = np.stack([tone(), np.zeros_like(tone())], axis=1)
    np.testing.assert_allclose(load_audio(encoded(stereo, subtype="FLOAT")), tone() / 2, atol=1e-7)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_cut_files_are_corrupt(kind):
    content = encoded(tone(), kind)
    for cut in (0, 3, 20, len(content) // 2):
        with pytest.raises(CorruptFile, match=r"bytes|cut short"):
            load_audio(content[:cut])


def test_a_streamed_wav_of_unknown_length_is_read():
    content = bytearray(encoded(tone()))
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    assert len(load_audio(bytes(content))) == len(tone())


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_damaged_files_raise_only_our_errors(kind):
    dice = random.Random(3)
    content = encoded(tone(seconds=0.05), kind)
    outcomes = set()
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(min(len(damaged), 200))] = dice.randrange(256)
        try:
            load_audio(bytes(damaged), sampling_rate=RATE)
            outcomes.add("read")
        except BestiaryError:
            outcomes.add("refused")
    assert "refused" in outcomes


def test_the_network(local_server, monkeypatch):
    address = local_server({"/a.wav": encoded(tone())})
    assert len(load_audio(f"{address}/a.wav")) == len(tone())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="offline"):
        load_audio(f"{address}/a.wav")


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("no such file.wav", InputError, "base64"),
        (encoded(np.zeros(0, np.float32)), InputError, "no samples"),
        ({"array": tone()}, InputError, "sampling_rate"),
        ({"array": tone(), "sampling_rate": 0}, InputError, "sampling rate"),
        (np.zeros((5, 2), np.float32), InputError, "one channel"),
        (np.array([0.1, np.nan]), InputError, "NaN or infinite samples .*sample 1"),
        (b"RIFF", CorruptFile, "cut short|not audio"),
    ],
)
def test_bad_sources_are_told(source, error, message):
    with pytest.raises(error, match=message):
        load_audio(source)


def test_a_missing_path_is_told(tmp_path):
    with pytest.raises(FileMissing, match="cannot be read"):
        load_audio(tmp_path / "no.wav")


def test_files_that_lie():
    with pytest.raises(InputError, match="NaN"):
        load_audio(encoded(np.full(50, np.nan, np.float32), subtype="FLOAT"))
    slow = bytearray(encoded(np.zeros(20_000, np.float32)))
    slow[24:28] = (1).to_bytes(4, "little")  # hertz
    with pytest.raises(InputError, match="20000 samples at 1 Hz would be more than"):
        load_audio(bytes(slow))
    with pytest.raises(CorruptFile, match=r"^the audio \(4 bytes\) is not audio"):
        load_audio(b"RIFF")
