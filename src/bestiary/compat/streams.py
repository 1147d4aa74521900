"""Sound by the program ffmpeg (`transformers.pipelines.audio_utils`), and streams of bytes cut into overlapping windows."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, CorruptFile, MissingDependency


def ffmpeg_read(bpayload: bytes, sampling_rate: int) -> np.ndarray:
    """A file of any format that ffmpeg reads as mono float32 samples (W,) at `sampling_rate` hertz.

    Raises:
        MissingDependency: the program ffmpeg is not installed. CorruptFile: it cannot read this.
    """
    if shutil.which("ffmpeg") is None:
        raise MissingDependency(
            "ffmpeg_read needs the program ffmpeg, which is not installed; transformers.audio_utils.load_audio reads WAV, FLAC,"
            " OGG and MP3 without it"
        )
    options = ["-ac", "1", "-ar", str(sampling_rate), "-f", "f32le", "-hide_banner", "-loglevel", "quiet"]
    done = subprocess.run(["ffmpeg", "-i", "pipe:0", *options, "pipe:1"], input=bpayload, capture_output=True, check=False)
    samples = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], np.float32)
    if not len(samples):
        raise CorruptFile(f"ffmpeg reads no sound in these {len(bpayload)} bytes; they are damaged or no audio")
    return samples


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
