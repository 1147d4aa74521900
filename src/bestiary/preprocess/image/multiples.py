"""Images scaled to edges that are multiples of a number, and filled up to multiples of another."""

from typing import Any, Self

import numpy as np

from ...core.errors import InputError
from ...core.kinds import Positive
from . import transforms
from .standard import StandardImageProcessor


class MultiplesImageProcessor(StandardImageProcessor):
    """The size that images are scaled to, and what is black around them.

    `size` holds height and width. With `keep_aspect_ratio` both edges are scaled alike, by the factor that changes less. Then
    each edge becomes the next multiple of `ensure_multiple_of`. With `do_pad` black rows and columns all around make them
    multiples of `size_divisor`.
    """

    keep_aspect_ratio: bool | None = False
    ensure_multiple_of: Positive = 1
    size_divisor: int | None = None

    def resize(  # type: ignore[override]  # the published order of the arguments
        self,
        image: np.ndarray,
        size: Any,
        resample: int | None = None,
        ensure_multiple_of: float | None = None,
        keep_aspect_ratio: bool | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`image` (C, Y, X) scaled as the class says; None is the setting, the other arguments are those of `PilBackend`."""
        call = self.told(ensure_multiple_of=ensure_multiple_of, keep_aspect_ratio=keep_aspect_ratio)
        return super(MultiplesImageProcessor, call).resize(image, size, resample, **kwargs)

    def told(self, **settings: Any) -> Self:
        """This processor with those of the settings that are not None."""
        given = {name: value for name, value in settings.items() if value is not None}
        return self.with_overrides(given) if given else self

    def output_size(self, height: int, width: int, size: Any) -> tuple[int, int]:
        """Height and width that an image of `height` and `width` has once resized.

        Raises:
            InputError: it would have no pixels, or more than `MOST_PIXELS`.
        """
        edges = transforms.exact_size(size, "size")
        down, across = edges["height"] / height, edges["width"] / width
        if self.keep_aspect_ratio:
            down = across = across if abs(1 - across) < abs(1 - down) else down
        multiple = self.ensure_multiple_of
        to = int(round(down * height / multiple) * multiple), int(round(across * width / multiple) * multiple)
        if not 1 <= to[0] * to[1] <= transforms.MOST_PIXELS:
            raise InputError(
                f"an image of {height} x {width} pixels would be resized to {to[0]} x {to[1]}; from 1 to"
                f" {transforms.MOST_PIXELS} pixels are made"
            )
        return to

    def pad(self, images: Any, pad_size: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Images (C, Y, X) in the middle of black ones whose edges are multiples of `size_divisor`; else as elsewhere."""
        if self.size_divisor is None:
            return super().pad(images, pad_size, *args, **kwargs)
        return [self.pad_image(image) for image in images]

    def pad_image(self, image: np.ndarray, size_divisor: int | None = None) -> np.ndarray:
        """`image` (C, Y, X) in the middle of black, its edges multiples of `size_divisor`, else the set one."""
        divisor = size_divisor or self.size_divisor or 1
        array = np.asarray(image)
        missing = [-edge % divisor for edge in array.shape[1:]]
        ends = [(0, 0), *((each // 2, each - each // 2) for each in missing)]
        return np.pad(array, ends)
