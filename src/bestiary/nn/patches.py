"""Images as sequences of patches: what may come in, and position tables stretched to other image sizes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import ConfigError, InputError
from ..core.logging import warn_once

Size = int | Sequence[int]


def pair(size: Size) -> tuple[int, int]:
    """Height and width of a size that configs write as one number (a square) or two."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def grid(image: Size, patch: Size) -> tuple[int, int]:
    """Rows and columns of whole patches in an image.

    Raises:
        ConfigError: not even one fits.
    """
    (height, width), (down, across) = pair(image), pair(patch)
    if min(down, across) < 1 or height < down or width < across:
        raise ConfigError(f"image_size {image} holds no patch of patch_size {patch}")
    return height // down, width // across


def required(pixels: Tensor | None) -> Tensor:
    """`pixels`, without which a model has nothing to look at.

    Raises:
        InputError: there are none.
    """
    if pixels is None:
        raise InputError("pass pixel_values, the images as the image processor returns them")
    return pixels


def floating(pixels: Tensor, expected: str, name: str = "pixel_values") -> Tensor:
    """`pixels`; whole numbers, which no image processor gives, as floating-point ones, which is told once.

    Raises:
        InputError: complex or truth values; `expected` ends the message.
    """
    if pixels.is_complex() or pixels.dtype == torch.bool:
        raise InputError(f"{name} are {pixels.dtype}; {expected}")
    if not pixels.is_floating_point():
        warn_once("whole-pixels", f"{name} are {pixels.dtype}, so nothing has scaled and normalised them; {expected}")
        pixels = pixels.to(torch.get_default_dtype())
    return pixels


def check_pixels(pixels: Tensor | None, channels: int, patch: Size, image: Size | None) -> Tensor:
    """`pixels` when a model can look at them: (B, C, Y, X), floating-point, of size `image` (None: any size).

    Of another size, rows and columns behind the last whole patch are not seen, which is told once; so are whole numbers, which
    no image processor gives.

    Raises:
        InputError: what was found and what was expected.
    """
    pixels = required(pixels)
    shape = tuple(pixels.shape)
    expected = (
        f"expected floating-point numbers of shape (batch, {channels}, height, width), as the image processor returns them"
    )
    if pixels.dim() != 4:
        raise InputError(f"pixel_values are {pixels.dtype} of shape {shape}; {expected}")
    pixels = floating(pixels, expected)
    if shape[1] != channels:
        raise InputError(f"pixel_values have {shape[1]} channels (shape {shape}); this model expects {channels}")
    if image is not None:
        if shape[2:] != pair(image):
            raise InputError(
                f"images of {shape[2]} x {shape[3]} pixels do not fit a model for {pair(image)[0]} x {pair(image)[1]};"
                " resize them with the model's image processor, or pass interpolate_pos_encoding=True"
            )
        return pixels
    height, width = pair(patch)
    if shape[2] < height or shape[3] < width:
        raise InputError(f"images of {shape[2]} x {shape[3]} pixels are smaller than one patch, {height} x {width}")
    rows, columns = shape[2] % height, shape[3] % width
    if (rows or columns) and not torch.compiler.is_compiling():
        warn_once(
            "patch-remainder",
            f"images of {shape[2]} x {shape[3]} pixels are no multiple of the patch, {height} x {width};"
            f" the last {rows} rows and {columns} columns are not seen",
        )
    return pixels


def stretch(
    table: Tensor,
    trained: tuple[int, int],
    target: tuple[int, int],
    leading: int = 1,
    antialias: bool = False,
    precise: bool = True,
    mode: str = "bicubic",
) -> Tensor:
    """Positions of another grid of patches, by interpolation of the trained ones (Dosovitskiy et al. 2021, 3.2).

    Args:
        table: (leading + rows * columns, D), patches row by row.
        trained, target: rows and columns.
        leading: first positions that belong to no patch (the class token's) and stay as they are.
        antialias: smooth them first where they become fewer. precise: interpolate in fp32, whatever the table's dtype.
    """
    if trained == target:
        return table
    image = table[leading:].unflatten(0, trained).permute(2, 0, 1).unsqueeze(0)
    image = torch.nn.functional.interpolate(
        image.float() if precise else image, size=target, mode=mode, align_corners=False, antialias=antialias
    )
    return torch.cat((table[:leading], image[0].flatten(1).t().to(table.dtype)))
