"""What writers of feature extractors import, beside `transformers.audio_utils` and `transformers.pipelines.audio_utils`."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import audio_utils as theirs
from transformers.pipelines import audio_utils as their_streams

from bestiary.compat import audio as ours
from bestiary.compat import audio_sources as sources
from bestiary.compat import streams
from bestiary.core.errors import MissingDependency
from bestiary.preprocess.audio.spectrogram import mel_filter_bank, window_function

RNG = np.random.default_rng(0)
WAVES = [RNG.standard_normal(length).astype(np.float32) for length in (900, 1200, 700)]
ANYTHING: list[Any] = [
    WAVES[0],
    WAVES,
    [0.5, 1.0],
    [[0.5], [1.0]],
    torch.zeros(3),
    [torch.zeros(3)],
    WAVES[:1],
    "a",
    ["a"],
    [WAVES],
]


def answer(call: Callable[[], Any]) -> Any:
    """The value, or that it is refused."""
    try:
        return call()
    except (ValueError, RuntimeError):
        return "refused"


@pytest.mark.parametrize("value", ANYTHING, ids=lambda value: type(value).__name__)
def test_lists(value: Any) -> None:
    assert ours.is_valid_audio(value) == theirs.is_valid_audio(value)
    if isinstance(value, list):
        assert ours.is_valid_list_of_audio(value) == theirs.is_valid_list_of_audio(value)
    one, other = (answer(lambda module=module: module.make_list_of_audio(value)) for module in (ours, theirs))
    assert type(one) is type(other)
    assert one == "refused" or all(first is second for first, second in zip(one, other, strict=True))


@pytest.mark.parametrize("log_mel", [None, "log", "log10", "dB"])
def test_spectrograms_of_batches(log_mel: str | None) -> None:
    mels = mel_filter_bank(257, 20, 0, 8000, 16000)
    options: dict[str, Any] = {"fft_length": 512, "power": 2.0, "mel_filters": mels, "log_mel": log_mel}
    answers = [module.spectrogram_batch(WAVES, window_function(400), 400, 160, **options) for module in (ours, theirs)]
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["power_to_db_batch", "amplitude_to_db_batch"])
@pytest.mark.parametrize("db_range", [None, 10.0])
def test_decibels_of_batches(name: str, db_range: float | None) -> None:
    values = RNG.random((3, 5, 7))
    answers = [getattr(module, name)(values, reference=0.5, db_range=db_range) for module in (ours, theirs)]
    np.testing.assert_allclose(*answers, rtol=1e-6)


@pytest.mark.parametrize("power", [None, 1.0, 2.0])
@pytest.mark.parametrize("weights", [None, (5.0, 2.0)])
@pytest.mark.parametrize("options", [{}, {"start_at_c_chroma": False, "tuning": 0.2}], ids=str)
def test_chroma(power: float | None, weights: Any, options: dict[str, Any]) -> None:
    for classes in (12, 24):
        answers = [
            module.chroma_filter_bank(130, classes, 16000, power=power, weighting_parameters=weights, **options)
            for module in (ours, theirs)
        ]
        np.testing.assert_allclose(*answers, rtol=1e-6, atol=1e-12)
    for frequency in (440.0, np.array([100.0, 880.0])):
        np.testing.assert_allclose(
            ours.hertz_to_octave(frequency, 0.1, 24), theirs.hertz_to_octave(frequency, 0.1, 24), rtol=1e-9
        )


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2}, {"stride": 3, "padding": 1}, {"dilation": 2, "padding": 2}, {"padding": "same"}], ids=str
)
def test_frames_of_a_convolution(options: dict[str, Any]) -> None:
    module = torch.nn.Conv1d(1, 1, 3, **options)
    for length in (9, 10, 31):
        if options.get("padding") != "same":  # the published function ends in torch's error
            assert ours.conv1d_output_length(module, length) == theirs.conv1d_output_length(module, length)
        assert ours.conv1d_output_length(module, length) == module(torch.zeros(1, 1, length)).shape[-1]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("stride", [(0, 0), (2, 1), (3, 3)])
@pytest.mark.parametrize("pieces", [[10], [3, 3, 3, 3, 3], [25, 1], [], [8]], ids=str)
def test_windows_of_bytes(stream: bool, stride: tuple[int, int], pieces: list[int]) -> None:
    content = bytes(range(100))
    parts, start = [], 0
    for length in pieces:
        parts.append(content[start : start + length])
        start += length
    answers = [list(module.chunk_bytes_iter(iter(parts), 8, stride, stream)) for module in (streams, their_streams)]
    assert answers[0] == answers[1]


# A stand-in for ffmpeg that hears a thousand samples, and checks how it is asked.
MICROPHONE = f"""#!{sys.executable}
import sys
from array import array
kind = sys.argv[sys.argv.index("-ac") + 5]
assert sys.argv[sys.argv.index("-i") + 1] in ("default", "mine"), sys.argv
assert sys.argv[sys.argv.index("-ar") + 1] == "1000", sys.argv
samples = array("f" if kind == "f32le" else "h", range(1000))
sys.stdout.buffer.write(samples.tobytes())
"""


@pytest.fixture
def microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    program = tmp_path / "ffmpeg"
    program.write_text(MICROPHONE)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.usefixtures("microphone")
@pytest.mark.parametrize("kind", ["f32le", "s16le"])
@pytest.mark.parametrize("seconds", [0.1, 0.33, 2.0])
def test_microphone(kind: str, seconds: float) -> None:
    answers = [list(module.ffmpeg_microphone(1000, seconds, kind, "mine")) for module in (streams, their_streams)]
    assert answers[0] == answers[1]


@pytest.mark.usefixtures("microphone")
@pytest.mark.parametrize("kind", ["f32le", "s16le"])
@pytest.mark.parametrize("stride", [None, 0.05, (0.1, 0.02)], ids=str)
@pytest.mark.parametrize("lengths", [(0.3, None), (0.3, 0.1), (0.4, 0.15), (3.0, 1.0)], ids=str)
def test_microphone_live(kind: str, stride: Any, lengths: tuple[float, float | None]) -> None:
    options = {"stride_length_s": stride, "format_for_conversion": kind}
    answers = [list(module.ffmpeg_microphone_live(1000, *lengths, **options)) for module in (streams, their_streams)]
    assert len(answers[0]) == len(answers[1]) > 0
    for one, other in zip(*answers, strict=True):
        assert np.array_equal(one.pop("raw"), other.pop("raw"))
        assert one == other


@pytest.mark.usefixtures("microphone")
def test_a_microphone_is_let_go() -> None:
    pieces = streams.ffmpeg_microphone(1000, 0.1)
    assert len(next(pieces)) == 400
    pieces.close()
    with pytest.raises(StopIteration):
        next(pieces)


def test_no_microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for hear in (streams.ffmpeg_microphone, streams.ffmpeg_microphone_live):
        with pytest.raises(MissingDependency, match="apt install ffmpeg"):
            hear(1000, 1.0)
        with pytest.raises(ValueError, match="f32le"):
            hear(1000, 1.0, format_for_conversion="u8")


HEADS = [
    b"RIFF0000WAVE",
    b"RIFF0000AVI ",
    b"riff\x2e\x91\xcf\x11",
    b"fLaC",
    b"OggS" + b"0" * 20 + b"OpusHead",
    b"OggS",
    b"OggS theora",
]
HEADS += [
    b"ID3\x04",
    b"\xff\xfb\x90",
    b"\xff\xfd\x90",
    b"\xff\xf1\x50",
    b"0000ftypM4A ",
    b"0000ftypqt  ",
    b"0000ftyp3gp4",
    b"0000ftypisom",
]
HEADS += [
    bytes.fromhex("1a45dfa3") + b"webm",
    bytes.fromhex("1a45dfa3"),
    b"FORM0000AIFF",
    b".snd",
    b"caff",
    b"#!AMR",
    b"wvpk",
    b"FLV",
]
HEADS += [
    b"G" + b"0" * 187 + b"G0",
    b"\x0bw",
    b"\x00\x00\x01\xba",
    b"Creative Voice File",
    b"RF64",
    b"",
    b"no sound",
    b"\xff\xff",
]
HEADS += [bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), b"XoS.", b"\x00\x01\xa3d"]


@pytest.mark.parametrize("head", HEADS, ids=repr)
def test_kinds_of_files(head: bytes) -> None:
    ours, theirs_ = (answer(lambda module=module: module.get_audio_filetype(head)) for module in (sources, theirs))
    assert ours == theirs_


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
@pytest.mark.parametrize("options", [{}, {"force_mono": True}], ids=str)
def test_files_in_other_forms(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = str(tmp_path / f"a.{kind.lower()}")
    soundfile.write(path, RNG.uniform(-0.5, 0.5, (400, 2)), 8000, format=kind)
    for form in ("base64", "dict"):
        assert sources.load_audio_as(path, form, **options) == theirs.load_audio_as(path, form, **options)
    buffers = [module.load_audio_as(path, "buffer", **options).read() for module in (sources, theirs)]
    assert buffers[0] == buffers[1]
    slower = sources.load_audio_as(path, "buffer", sampling_rate=4000, **options)
    assert soundfile.read(slower)[0].shape == ((200,) if options else (200, 2))
    with pytest.raises(ValueError, match="no file"):
        sources.load_audio_as(str(tmp_path / "b.wav"), "dict")
    with pytest.raises(ValueError, match="return_format"):
        sources.load_audio_as(path, "list")
    with pytest.raises(ValueError, match="backend must be"):
        sources.load_audio_librosa(path, backend="torchcodec")


CODES = {"en": "English", "zh": "Chinese"}


@pytest.mark.parametrize(
    "language", [None, "EN", "chinese", ["en"], ["en", "Chinese"], ["en", None], "french", ["en", "fr"], 3]
)
@pytest.mark.parametrize("options", [{}, {"return_code": False}, {"allow_broadcast": True}], ids=str)
def test_languages(language: Any, options: dict[str, Any]) -> None:
    answers = []
    for module in (sources, theirs):
        try:
            answers.append(module.prepare_language_inputs(language, 2, CODES, **options))
        except (ValueError, TypeError):
            answers.append("refused")
    assert answers[0] == answers[1]


def test_sounds_of_conversations() -> None:
    for value in ("a.wav", ["a.wav", "b.wav"], WAVES[0], WAVES):
        lists = [module.make_list_of_audio_chat_template(value) for module in (sources, theirs)]
        assert all(one is other for one, other in zip(*lists, strict=True))
    for item in ("a.wav", WAVES[0]):
        assert sources.make_audio_chat_template_content(item).keys() == theirs.make_audio_chat_template_content(item).keys()


def test_windows_that_do_not_get_on() -> None:
    for module in (streams, their_streams):
        with pytest.raises(ValueError, match="8"):
            list(module.chunk_bytes_iter([b"a"], 8, (4, 4)))


PROGRAM = f"""#!{sys.executable}
import sys
content = sys.stdin.buffer.read()
assert sys.argv[sys.argv.index("-ar") + 1] == "16000" and sys.argv[sys.argv.index("-ac") + 1] == "1"
sys.stdout.buffer.write(content[4:])
"""


def test_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that gives back its input without a head of four bytes."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="the program ffmpeg, which is not installed"):
        streams.ffmpeg_read(b"", 16000)
    program = tmp_path / "ffmpeg"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    content = b"head" + WAVES[0].tobytes()
    for module in (streams, their_streams):
        assert np.array_equal(module.ffmpeg_read(content, 16000), WAVES[0])
        with pytest.raises((ValueError, OSError), match="damaged|corrupt|malformed"):
            module.ffmpeg_read(b"head", 16000)
    assert os.environ["PATH"] == str(tmp_path)
