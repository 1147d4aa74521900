"""Audio files and arrays become one row of float32 samples at a wanted rate."""

import io
import math
import os
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, CorruptFile, InputError
from ...core.kinds import fits
from ...core.logging import warn_once
from ...core.optional import require
from ..batch import is_torch, to_numpy
from ..sources import read_source, source_name

HIGHEST_RATE = 384_000  # the filter's length grows with the rate; a damaged file may claim any
MOST_SAMPLES = 2**28  # of a clip: more than four hours
_BLOCK = 1 << 20
_UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)  # what programs that stream a WAV file write for its length


def load_audio(audio: Any, sampling_rate: int = 16000, timeout: float | None = None, backend: str = "auto") -> np.ndarray:
    """`audio` as mono float32 samples (W,) at `sampling_rate` hertz.

    Args:
        audio: a path, bytes, base64, a data URL or an http(s) address (which is fetched) of a file that libsndfile reads
            (WAV, FLAC, OGG, MP3, ...); a dictionary with "array" or "raw" and "sampling_rate"; or an array, taken to be at
            `sampling_rate` already. Arrays may have channels first, (channels, W), whose mean is taken.
        timeout: seconds to wait for the server.
        backend: "auto" and "soundfile" are the same, and so is the older "librosa".

    Raises:
        ArgumentError: another backend.
        InputError: none of these, a file without samples, or samples that are not finite.
        CorruptFile: the content is no audio, or is cut short.
        FileMissing, HubError: the source cannot be read.
    """
    if backend not in ("auto", "soundfile", "librosa"):
        raise ArgumentError(f'backend must be "auto" or "soundfile", which reads all sounds here, not {backend!r:.80}')
    if isinstance(audio, str | bytes | os.PathLike):
        samples, rate = decode(read_source(audio, "audio", fetch=True, timeout=timeout), source_name(audio, "audio"))
        return check_samples(resample(to_mono(samples), rate, sampling_rate))
    if isinstance(audio, dict):
        samples, rate = unpack(audio)
        return resample(check_samples(_mixed(samples)), rate, sampling_rate)
    return check_samples(_mixed(audio))


def _mixed(samples: Any) -> Any:
    """An array (channels, W) as the mean of its channels; anything else as it is."""
    if (isinstance(samples, np.ndarray) or is_torch(samples)) and samples.ndim == 2 and samples.shape[0] < samples.shape[1]:
        array = to_numpy(samples, "the audio") if is_torch(samples) else samples
        if len(array) > 1:
            warn_once("mixed-channels", f"audio of shape {array.shape} is taken for {len(array)} channels; their mean is heard")
        return array.mean(axis=0, dtype=np.float32) if array.dtype.kind in "uifb" else array
    return samples


def decode(content: bytes, name: str = "the audio") -> tuple[np.ndarray, int]:
    """Encoded bytes as samples (W, channels) in -1..1 and their rate in hertz.

    Raises:
        CorruptFile: not audio, damaged, or shorter than it says.
        InputError: it holds no samples.
    """
    soundfile = require("soundfile", "reading audio files")
    blocks = []
    size = int.from_bytes(content[4:8], "little") if content[:4] == b"RIFF" else 0
    if size not in _UNKNOWN_SIZES and len(content) < 8 + size:
        raise CorruptFile(f"{name} is cut short: it says {8 + size} bytes and has {len(content)}")
    try:
        # Block by block, so that a header which lies about the length costs no memory.
        with soundfile.SoundFile(_Content(content)) as file:
            rate, promised = file.samplerate, file.frames
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                blocks.append(block)
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).rpartition(">: ")[2]  # without the name of the object that was read
        raise CorruptFile(f"{name} ({len(content)} bytes) is not audio that can be read, or is damaged: {reason}") from error
    if not blocks:
        raise InputError(f"{name} holds no samples")
    samples = np.concatenate(blocks)
    if len(samples) < promised < 1 << 62:
        raise CorruptFile(f"{name} is cut short: it says {promised} samples per channel and has {len(samples)}")
    return samples, rate


class _Content(io.BytesIO):
    """Bytes in which a seek before the start stays where it is; libsndfile asks for one when a header lies."""

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def unpack(audio: dict[str, Any]) -> tuple[Any, int]:
    """Samples and rate of a dictionary as data sets and pipelines pass them."""
    samples = audio.get("array", audio.get("raw"))
    rate = audio.get("sampling_rate")
    if samples is None or rate is None:
        raise InputError(f'an audio dictionary needs "array" (or "raw") and "sampling_rate"; this one has {sorted(audio)}')
    return samples, rate


def to_mono(samples: np.ndarray) -> np.ndarray:
    """The mean over the channels of (W, channels); one row (W,) stays as it is."""
    return samples if samples.ndim == 1 else samples.mean(axis=1, dtype=np.float32)


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """(W,) at `rate` hertz to (about W * new_rate / rate,) at `new_rate` hertz, by a polyphase low-pass filter (Kaiser window).

    Raises:
        InputError: a rate that is not a whole number from 1 to `HIGHEST_RATE`, or more than `MOST_SAMPLES` as the result.
    """
    for value in (rate, new_rate):
        if not fits(value, float) or value != int(value) or not 0 < value <= HIGHEST_RATE:
            raise InputError(f"a sampling rate is a whole number of hertz from 1 to {HIGHEST_RATE}, not {value!r}")
    if rate == new_rate:
        return samples
    if len(samples) * new_rate > rate * MOST_SAMPLES:
        raise InputError(f"{len(samples)} samples at {rate} Hz would be more than {MOST_SAMPLES} at {new_rate} Hz")
    signal = require("scipy.signal", "changing the sampling rate")
    common = math.gcd(int(rate), int(new_rate))
    return np.asarray(signal.resample_poly(samples, int(new_rate) // common, int(rate) // common), np.float32)


def check_samples(samples: Any, index: int | None = None) -> np.ndarray:
    """One clip as float32 (W,); `index` is its place in the batch, for messages. No samples, and whole ones, are told once.

    Raises:
        InputError: not numbers, several channels, NaN or infinite values.
    """
    name = "the audio" if index is None else f"audio {index}"
    try:
        array = to_numpy(samples, name) if is_torch(samples) else np.asarray(samples)
        if array.dtype == object:  # of numbers, as tables hold them
            array = np.asarray(array.tolist())
    except ValueError as error:
        raise InputError(f"{name} is a nested list whose rows differ in length: {error}") from error
    if array.dtype.kind not in "uifb":
        raise InputError(f"{name} must be numbers in -1..1, not {type(samples).__name__} of {array.dtype}")
    if array.ndim != 1:
        raise InputError(
            f"{name} has shape {array.shape}; one channel of shape (samples,) was expected. "
            "Mix the channels down first, for instance by their mean"
        )
    if not array.size:
        warn_once("empty-audio", f"{name} is empty: where it is padded, a model hears silence")
    elif array.dtype.kind in "ui" and (array.min() < -1 or array.max() > 1):
        warn_once(
            "whole-samples",
            f"{name} holds whole numbers from {array.min()} to {array.max()}, which are taken as they are; models expect "
            "samples in -1..1. Divide 16-bit samples by 32768",
        )
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite samples (first at sample {int(np.argmin(np.isfinite(array)))})")
    return array.astype(np.float32)
