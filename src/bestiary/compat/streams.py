"""Sound by the program ffmpeg (`transformers.pipelines.audio_utils`), and streams of bytes cut into overlapping windows."""

import platform
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, CorruptFile, MissingDependency


def ffmpeg_read(bpayload: bytes, sampling_rate: int) -> np.ndarray:
    """A file of any format that ffmpeg reads as mono float32 samples (W,) at `sampling_rate` hertz.

    Raises:
        MissingDependency: the program ffmpeg is not installed. CorruptFile: it cannot read this.
    """
    _require_ffmpeg("ffmpeg_read")
    options = ["-ac", "1", "-ar", str(sampling_rate), "-f", "f32le", "-hide_banner", "-loglevel", "quiet"]
    done = subprocess.run(["ffmpeg", "-i", "pipe:0", *options, "pipe:1"], input=bpayload, capture_output=True, check=False)
    samples = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], np.float32)
    if not len(samples):
        raise CorruptFile(f"ffmpeg reads no sound in these {len(bpayload)} bytes; they are damaged or no audio")
    return samples


# kind of samples -> how numpy calls them
_SAMPLES: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
# system -> ffmpeg's input format for microphones, and the name of the usual one
_MICROPHONES = {"Linux": ("alsa", "default"), "Darwin": ("avfoundation", ":default"), "Windows": ("dshow", None)}


def _require_ffmpeg(what: str) -> None:
    if shutil.which("ffmpeg") is None:
        raise MissingDependency(
            f"{what} needs the program ffmpeg, which is not installed: apt install ffmpeg, brew install ffmpeg, or ffmpeg.org"
        )


def _samples_of(format_for_conversion: str) -> np.dtype[Any]:
    if format_for_conversion not in _SAMPLES:
        raise ArgumentError(f"format_for_conversion is {format_for_conversion!r:.80}; expected {' or '.join(_SAMPLES)}")
    return _SAMPLES[format_for_conversion]


def ffmpeg_microphone(
    sampling_rate: int,
    chunk_length_s: float,
    format_for_conversion: str = "f32le",
    ffmpeg_input_device: str | None = None,
    ffmpeg_additional_args: list[str] | None = None,
) -> Iterator[bytes]:
    """What a microphone hears, mono, in pieces of `chunk_length_s` seconds, until ffmpeg ends or the iterator is closed.

    Args:
        sampling_rate: in hertz. format_for_conversion: "f32le" (floats) or "s16le" (whole numbers of 16 bits).
        ffmpeg_input_device: ffmpeg's name of the microphone, by default the system's. ffmpeg_additional_args: put last.

    Raises:
        MissingDependency: the program ffmpeg is not installed.
        ArgumentError: another format, or a system whose microphones are not known here.
    """
    width = _samples_of(format_for_conversion).itemsize
    _require_ffmpeg("ffmpeg_microphone")
    if platform.system() not in _MICROPHONES:
        raise ArgumentError(f"no microphone is known on {platform.system()}; expected {', '.join(_MICROPHONES)}")
    kind, usual = _MICROPHONES[platform.system()]
    source = ["-f", kind, "-i", ffmpeg_input_device or usual or _windows_microphone()]
    target = ["-ac", "1", "-ar", str(sampling_rate), "-f", format_for_conversion, "-fflags", "nobuffer"]
    command = ["ffmpeg", *source, *target, "-hide_banner", "-loglevel", "quiet", "pipe:1", *(ffmpeg_additional_args or ())]
    return _pieces(command, round(sampling_rate * chunk_length_s) * width)


def _pieces(command: list[str], length: int) -> Iterator[bytes]:
    """What a program writes, `length` bytes at a time; it is ended when nobody asks for more."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=2**24) as process:
        try:
            while process.stdout is not None and (piece := process.stdout.read(length)):
                yield piece
        finally:
            process.terminate()


def _windows_microphone() -> str:
    """The first microphone that ffmpeg lists; it writes the list to its stderr."""
    listing = ["ffmpeg", "-list_devices", "true", "-f", "dshow", "-i", ""]
    lines = subprocess.run(listing, capture_output=True, text=True, encoding="utf-8", check=False).stderr.splitlines()
    names = [line.split('"')[1] for line in lines if "(audio)" in line and '"' in line]
    return f"audio={names[0]}" if names else "default"


def ffmpeg_microphone_live(
    sampling_rate: int,
    chunk_length_s: float,
    stream_chunk_s: float | None = None,
    stride_length_s: tuple[float, float] | float | None = None,
    format_for_conversion: str = "f32le",
    ffmpeg_input_device: str | None = None,
    ffmpeg_additional_args: list[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """What a microphone hears as inputs of speech recognition: overlapping windows of `chunk_length_s` seconds.

    What has come of a window is given each `stream_chunk_s` seconds, marked `partial`. Where the consumer falls behind by more
    than ten pieces, pieces are left out.

    Args:
        stride_length_s: seconds shared with the windows before and behind, by default a sixth of the window each.

    Returns:
        Dictionaries with `raw` (samples), `stride` (samples before and behind), `sampling_rate` and `partial`.

    Raises:
        MissingDependency, ArgumentError: as `ffmpeg_microphone`; windows that would not get on.
    """
    kind, piece_s = _samples_of(format_for_conversion), stream_chunk_s if stream_chunk_s is not None else chunk_length_s
    pieces = ffmpeg_microphone(sampling_rate, piece_s, format_for_conversion, ffmpeg_input_device, ffmpeg_additional_args)
    shared = chunk_length_s / 6 if stride_length_s is None else stride_length_s
    before, behind = (shared, shared) if isinstance(shared, int | float) else shared
    length, left, right = (round(sampling_rate * seconds) * kind.itemsize for seconds in (chunk_length_s, before, behind))
    return _in_time(chunk_bytes_iter(pieces, length, (left, right), stream=True), sampling_rate, kind, piece_s)


def _in_time(
    windows: Iterator[dict[str, Any]], sampling_rate: int, kind: np.dtype[Any], piece_s: float
) -> Iterator[dict[str, Any]]:
    """Windows of bytes as windows of samples, without those that come ten pieces too late."""
    start = time.monotonic()
    for number, window in enumerate(windows, start=1):
        if time.monotonic() <= start + (number + 10) * piece_s:
            before, behind = window["stride"]
            samples = np.frombuffer(window["raw"], kind)
            yield {
                **window,
                "raw": samples,
                "stride": (before // kind.itemsize, behind // kind.itemsize),
                "sampling_rate": sampling_rate,
            }


def chunk_bytes_iter(
    iterator: Iterable[bytes], chunk_len: int, stride: tuple[int, int], stream: bool = False
) -> Iterator[dict[str, Any]]:
    """Windows of `chunk_len` bytes, each with the bytes that it shares with its neighbours on both sides.

    Args:
        stride: bytes shared with the window before and behind. stream: give what has come of a window before it is full,
            marked `partial`.

    Raises:
        ArgumentError: windows that would not get on.
    """
    before, behind = stride
    if before + behind >= chunk_len:
        raise ArgumentError(f"windows of {chunk_len} bytes that share {before} and {behind} do not get on; share less")
    buffer, left = b"", 0
    for piece in iterator:
        buffer += piece
        if stream and len(buffer) < chunk_len:
            yield {"raw": buffer[:chunk_len], "stride": (left, 0), "partial": True}
            continue
        while len(buffer) >= chunk_len:
            window: dict[str, Any] = {"raw": buffer[:chunk_len], "stride": (left, behind)}
            if stream:
                window["partial"] = False
            yield window
            left, buffer = before, buffer[chunk_len - before - behind :]
    if len(buffer) > left:
        rest: dict[str, Any] = {"raw": buffer, "stride": (left, 0)}
        if stream:
            rest["partial"] = False
        yield rest
