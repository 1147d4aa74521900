"""Which frames of a film are taken."""

from typing import Any

import numpy as np

from ...core.errors import ArgumentError, InputError
from ...core.kinds import Natural, Positive, describe, fits
from .metadata import VideoMetadata


def default_sample_indices_fn(
    metadata: VideoMetadata, num_frames: int | None = None, fps: float | None = None, **kwargs: Any
) -> np.ndarray:
    """Numbers of frames in equal distances from the first on: `num_frames` of them, `fps` a second, or all.

    Where both are given, `num_frames` counts. `kwargs` change nothing.

    Raises:
        InputError: the film has no frames or fewer than asked for, or its frames per second are not known.
        ArgumentError: a number that is none.
    """
    total = metadata.total_num_frames
    if total < 1:
        raise InputError("the film has no frames")
    for name, value, kind in (("num_frames", num_frames, Natural), ("fps", fps, Positive)):
        if value is not None and not fits(value, kind):
            raise ArgumentError(f"{name} is {value!r:.80}; expected {describe(kind)}")
    if num_frames is None and fps is not None:
        if not metadata.fps:
            raise InputError(
                f"fps={fps:g}: how many frames a second the film has is not known; pass"
                ' video_metadata={"total_num_frames": ..., "fps": ...}, or num_frames in its place'
            )
        num_frames = max(1, int(total / metadata.fps * fps))
    if num_frames is None:
        return np.arange(total)
    if not 1 <= num_frames <= total:
        raise InputError(f"{num_frames} frames of the film are asked for and it has {total}; ask for 1 to {total}")
    return np.arange(0, total, total / num_frames).astype(int)[:num_frames]


def rate_indices(total: int, num_frames: int, rate: int) -> np.ndarray:
    """Numbers of `num_frames` frames, every `rate`th from the first on, in a film of `total`.

    Raises:
        InputError: the film is shorter.
    """
    last = num_frames * rate - 1
    indices = np.linspace(0, last, num=num_frames, dtype=np.int64)
    if indices[-1] >= total:
        raise InputError(
            f"{num_frames} frames, one of {rate}, are asked for, and the film has {total}; pass a smaller num_frames or"
            " frame_sampling_rate"
        )
    return indices
