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
