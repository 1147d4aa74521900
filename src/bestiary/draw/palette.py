"""Colours of things on pictures, told apart by people who see few colours."""

import numpy as np

# Okabe and Ito 2008, "Color universal design", without black.
COLOURS = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
)  # fmt: skip
# From low to high; evenly bright steps that also read in grey (the map called viridis, van der Walt and Smith 2015).
_HEIGHTS = (
    (68, 1, 84), (72, 40, 120), (62, 73, 137), (49, 104, 142), (38, 130, 142),
    (31, 158, 137), (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37),
)  # fmt: skip


def colour(number: int) -> tuple[int, int, int]:
    """That of the thing of this number: red, green, blue in 0..255. After the last the first comes again."""
    return COLOURS[number % len(COLOURS)]


def heights(values: np.ndarray) -> np.ndarray:
    """Numbers in 0..1, of any shape (...), as colours (..., 3) of uint8."""
    places = np.linspace(0, 1, len(_HEIGHTS))
    channels = [np.interp(values, places, [anchor[channel] for anchor in _HEIGHTS]) for channel in range(3)]
    colours: np.ndarray = np.rint(np.stack(channels, -1)).astype(np.uint8)
    return colours


def ink_on(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever is read more easily on a colour."""
    red, green, blue = background
    return (0, 0, 0) if 299 * red + 587 * green + 114 * blue > 128_000 else (255, 255, 255)
