"""Films as sequences of tubes: what may come in."""

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.logging import warn_once
from .patches import floating

Box = tuple[int, int, int]


def check_film(
    pixels: Tensor | None, channels: int, tube: Box, film: Box | None = None, name: str = "pixel_values", way_out: str = ""
) -> Tensor:
    """`pixels` when a model can look at them: (B, T, C, Y, X), floating-point, of as many tubes as `film` (None: any size).

    Frames, rows and columns behind the last whole tube are not seen, which is told once; so are whole numbers, which no
    processor gives.

    Args:
        tube, film: frames, height and width. name: of the input, for messages. way_out: what else one could do with another
            size, for messages.

    Raises:
        InputError: what was found and what was expected.
    """
    expected = (
        f"expected floating-point numbers of shape (batch, frames, {channels}, height, width), as the video processor returns"
        " them"
    )
    if pixels is None:
        raise InputError(f"pass {name}, the films as the video processor returns them")
    shape = tuple(pixels.shape)
    if pixels.dim() != 5:
        raise InputError(f"{name} are {pixels.dtype} of shape {shape}; {expected}")
    pixels = floating(pixels, expected, name)
    if shape[2] != channels:
        raise InputError(f"{name} have {shape[2]} channels (shape {shape}); this model expects {channels}")
    size = (shape[1], *shape[3:])
    found, wanted = _said(size), tube if film is None else film
    if any(length < least for length, least in zip(size, tube, strict=True)):
        raise InputError(f"films of {found} (frames, height, width) are smaller than one tube, {_said(tube)}")
    if film is not None and (size[1:] != film[1:] or size[0] // tube[0] != film[0] // tube[0]):
        raise InputError(
            f"films of {found} (frames, height, width) do not fit a model for {_said(wanted)}; the video processor with"
            f" num_frames={film[0]} makes them so{way_out}"
        )
    rest = [length % part for length, part in zip(size, tube, strict=True)]
    if any(rest) and not torch.compiler.is_compiling():
        warn_once(
            "tube-remainder",
            f"films of {found} (frames, height, width) are no multiple of the tube, {_said(tube)}; the last"
            f" {rest[0]} frames, {rest[1]} rows and {rest[2]} columns are not seen",
        )
    return pixels


def _said(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
