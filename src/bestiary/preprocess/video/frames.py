"""Whatever holds films becomes a list of them, each a source to be decoded or an array of frames."""

import os
from typing import Any

import numpy as np

from ...core.errors import InputError
from ..batch import is_torch, to_numpy
from ..image.reading import is_pil, load_image, to_array

Film = str | bytes | os.PathLike[str] | list[np.ndarray]


def is_source(value: Any) -> bool:
    """Whether it says where a film is: a path, an address, or the content of a file."""
    return isinstance(value, str | bytes | os.PathLike)


def list_of_films(videos: Any, input_data_format: str | None = None) -> list[Film]:
    """One film or several as a list of sources and of lists of frames (Y, X, C).

    A film is a source, a list of frames (in a list of lists also sources of pictures), or an array of four axes; an array of
    five is several, and a single picture a film of one frame.

    Raises:
        InputError: none of these.
    """
    if is_source(videos):
        return [videos]
    if _is_array(videos) and videos.ndim == 5:
        return [frames_of(film, input_data_format) for film in videos]
    if is_pil(videos) or (_is_array(videos) and videos.ndim < 4):
        return [frames_of([videos], input_data_format)]
    if _is_array(videos):
        return [frames_of(videos, input_data_format)]
    if not isinstance(videos, list | tuple):
        raise InputError(
            "a film is a path, bytes, a list of frames or an array (frames, height, width, channels), not"
            f" {type(videos).__name__}"
        )
    if not videos:
        raise InputError("no film was given")
    if is_pil(videos[0]) or (_is_array(videos[0]) and videos[0].ndim < 4):
        return [frames_of(videos, input_data_format)]
    films: list[Film] = []
    for video in videos:
        inner = isinstance(video, list | tuple)
        films += [frames_of(video, input_data_format)] if inner else list_of_films(video, input_data_format)
    return films


def frames_of(frames: Any, input_data_format: str | None = None) -> list[np.ndarray]:
    """A list of frames, or an array with frames first, as a list of frames (Y, X, C).

    Raises:
        InputError: there are none, or something is no frame.
    """
    if not isinstance(frames, list | tuple) and not (_is_array(frames) and frames.ndim == 4):
        what = f"an array of shape {tuple(frames.shape)}" if _is_array(frames) else f"a {type(frames).__name__}"
        raise InputError(f"a film is a list of frames or an array (frames, height, width, channels), not {what}")
    if not len(frames):
        raise InputError("a film without frames was given")
    if _is_array(frames):
        frames = to_numpy(frames, "the film") if is_torch(frames) else np.asarray(frames)
    return [
        to_array(load_image(frame) if is_source(frame) else frame, False, input_data_format, index)
        for index, frame in enumerate(frames)
    ]


def in_one_array(frames: list[np.ndarray]) -> np.ndarray:
    """Frames (Y, X, C) as one array (T, Y, X, C).

    Raises:
        InputError: they are of several sizes.
    """
    for index, frame in enumerate(frames):
        if frame.shape != frames[0].shape:
            found, first = (" x ".join(map(str, each.shape)) for each in (frame, frames[0]))
            raise InputError(
                f"frame {index} of a film is {found} and frame 0 {first} (height, width, channels); all frames of a film have"
                " one size: resize them first"
            )
    return np.stack(frames)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_torch(value)
