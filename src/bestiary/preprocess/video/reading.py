"""Anything that is a film becomes frames (T, Y, X, 3); of a file, only the frames that are wanted are decoded and kept."""

import io
import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, CorruptFile, FileMissing, InputError
from ...core.logging import warn_once
from ...core.optional import require
from ..sources import read_source, source_name
from .frames import frames_of, in_one_array, is_source
from .metadata import VideoMetadata
from .sampling import default_sample_indices_fn

MOST_BYTES = 1 << 32  # of decoded frames
BACKENDS = ("pyav", "decord", "opencv", "torchvision", "torchcodec")
Choice = Callable[..., Any]


def load_video(
    video: Any,
    num_frames: int | None = None,
    fps: float | None = None,
    backend: str = "pyav",
    sample_indices_fn: Choice | None = None,
    **kwargs: Any,
) -> tuple[np.ndarray, VideoMetadata]:
    """The frames (T, Y, X, 3) of a film, eight bits in RGB, and what is known of it.

    A file is decoded by PyAV, from the key frame before each wanted frame on; no other frame is kept.

    Args:
        video: a path, bytes, base64, a data URL, or an http(s) address, which is fetched; a list of pictures, or an array, is
            taken as the film itself.
        num_frames, fps: how many frames are taken, or how many a second; else all. See `default_sample_indices_fn`.
        backend: what decodes elsewhere ("decord", "opencv", ...); PyAV gives the same frames in their place.
        sample_indices_fn: gives the numbers of the frames, called with `metadata=` and the keywords of this call.

    Raises:
        InputError: no film, or too short a one. CorruptFile: it cannot be decoded. FileMissing, HubError: it cannot be had.
        ArgumentError: an option that does not exist.
    """
    if backend not in BACKENDS:
        raise ArgumentError(f"backend is {backend!r:.80}; expected one of {', '.join(BACKENDS)}")
    if backend != "pyav":
        warn_once("video-backend", f"backend={backend!r} changes nothing: films are decoded by PyAV, with the same frames")

    def choose(metadata: VideoMetadata) -> Any:
        return (sample_indices_fn or default_sample_indices_fn)(metadata=metadata, num_frames=num_frames, fps=fps, **kwargs)

    if not is_source(video):
        frames = in_one_array(frames_of(video))
        metadata = VideoMetadata(len(frames), height=frames.shape[1], width=frames.shape[2])
        metadata.frames_indices = checked(choose(metadata), len(frames))
        return frames[metadata.frames_indices], metadata
    return read_film(video, choose, fetch=True)


def read_film(source: Any, choose: Choice, fetch: bool = False) -> tuple[np.ndarray, VideoMetadata]:
    """The frames that `choose` names once it is told what is known of the film; see `load_video`."""
    av = require("av", "reading films")
    name = source_name(source, "film")
    try:
        with _opened(source, fetch) as stream, av.open(stream, options={"protocol_whitelist": ""}) as container:
            return _frames(container, choose, name)
    except av.error.FFmpegError as error:
        raise CorruptFile(f"{name} is no film that can be decoded, or is damaged: {error.strerror or error}") from error


def _opened(source: Any, fetch: bool) -> Any:
    """A file as a stream, so that FFmpeg opens nothing by name."""
    path = os.fspath(source) if isinstance(source, os.PathLike) else source
    if isinstance(path, str) and os.path.isfile(path):
        return open(path, "rb")
    if isinstance(source, os.PathLike):
        raise FileMissing(f"there is no film {path!r:.200}")
    return io.BytesIO(read_source(source, "video", fetch=fetch))


def _frames(container: Any, choose: Choice, name: str) -> tuple[np.ndarray, VideoMetadata]:
    if not container.streams.video:
        raise InputError(f"{name} holds no pictures ({', '.join(each.type for each in container.streams) or 'nothing'})")
    stream = container.streams.video[0]
    times, keys = _table(container, stream)
    total = len(times)
    if not total:
        raise InputError(f"{name} is a film without frames")
    rate = float(stream.average_rate) if stream.average_rate else None
    metadata = VideoMetadata(total, rate, stream.width, stream.height, total / rate if rate else None, "pyav")
    wanted = metadata.frames_indices = checked(choose(metadata), total)
    size = len(wanted) * stream.width * stream.height * 3
    if size > MOST_BYTES:
        raise InputError(
            f"{len(wanted)} frames of {stream.width} x {stream.height} pixels are {size >> 20} MiB; take fewer by num_frames or"
            " fps (of a processor: do_sample_frames=True)"
        )
    places: dict[int, np.ndarray] = {}
    for index, frame in _decoded(container, stream, times, keys, sorted(set(wanted))):
        places[index] = frame
    if lost := [index for index in wanted if index not in places]:
        raise CorruptFile(f"{name} ends early or is damaged: frame {lost[0]} of {total} cannot be decoded")
    return np.stack([places[index] for index in wanted]), metadata


def _table(container: Any, stream: Any) -> tuple[Sequence[int], Sequence[int]]:
    """The time of every frame in the order of showing, and of every key frame; nothing is decoded for it."""
    times, keys = array("q"), array("q")
    for packet in container.demux(stream):
        if packet.pts is not None and packet.size:
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    return array("q", sorted(times)), array("q", sorted(keys))


def _decoded(
    container: Any, stream: Any, times: Sequence[int], keys: Sequence[int], wanted: list[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Pairs of number and frame (Y, X, 3) of those `wanted`, in order; decoding leaps to key frames that lie between."""
    stream.thread_type = "AUTO"
    waiting = {times[index]: index for index in wanted}
    start: int | None = None
    decoder: Any = None
    for index in wanted:
        time = times[index]
        if time not in waiting:
            continue
        before = bisect_right(keys, time) - 1
        key = keys[max(before, 0)] if keys else times[0]
        if start is None or key > start:
            container.seek(key, stream=stream, backward=True, any_frame=False)
            decoder, start = container.decode(stream), time
        for frame in decoder:
            start = max(start or 0, frame.pts if frame.pts is not None else 0)
            if frame.pts in waiting:
                yield waiting.pop(frame.pts), frame.to_ndarray(format="rgb24")
            if frame.pts is not None and frame.pts >= time:
                break


def checked(indices: Any, total: int) -> list[int]:
    """Numbers of frames as a list.

    Raises:
        InputError: there are none, or a film of `total` frames has not all of them.
    """
    numbers = [int(index) for index in np.asarray(indices).ravel()]
    if not numbers or min(numbers) < 0 or max(numbers) >= total:
        raise InputError(
            f"frames {str(numbers)[:80]} are asked for of a film of {total}; expected numbers from 0 to {total - 1}"
        )
    return numbers
