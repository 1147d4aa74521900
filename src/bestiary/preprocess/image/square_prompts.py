"""Images and masks as SAM 2 and its relatives take them: every image a square, whatever its shape."""

from typing import Any

from ...core.errors import InputError
from ...core.logging import warn_once
from .pil_backend import Size, edges
from .promptable import PromptImageProcessor, enlarge, sizes_in

LOW = -10.0  # what a mask is at most where another one is higher


class SquareImageProcessor(PromptImageProcessor):
    """Images to `pixel_values`, with `original_sizes`, height and width; maps of classes to `labels`, as large as the masks
    that the model draws."""

    size: Size | None = edges(height=1024, width=1024)
    mask_size: Size | None = edges(height=256, width=256)

    def post_process_masks(
        self,
        masks: Any,
        original_sizes: Any,
        mask_threshold: float = 0.0,
        binarize: bool = True,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        apply_non_overlapping_constraints: bool = False,
    ) -> list[Any]:
        """Masks as a model draws them, (P, M, y, x) for each image, in the size of their images: (P, M, Y, X) each.

        Args:
            original_sizes: height and width of each image. mask_threshold: above it an object is. binarize: give booleans
                rather than numbers. apply_non_overlapping_constraints: see `apart`.
            max_hole_area, max_sprinkle_area: without effect, as published, which is told.

        Raises:
            InputError: not one size for each image.
        """
        import torch

        if max_hole_area or max_sprinkle_area:
            warn_once(
                "holes-stay",
                "max_hole_area and max_sprinkle_area change nothing: the published processors neither fill holes nor take"
                " sprinkles away, and these give the same masks",
            )
        sizes = sizes_in(original_sizes)
        if len(masks) != len(sizes):
            raise InputError(f"there are masks of {len(masks)} images, and {len(sizes)} original_sizes; expected one for each")
        results = []
        for each, size in zip(masks, sizes, strict=True):
            mask = enlarge(torch.as_tensor(each), size)
            mask = apart(mask) if apply_non_overlapping_constraints else mask
            results.append(mask > mask_threshold if binarize else mask)
        return results


def apart(masks: Any) -> Any:
    """Masks (P, M, Y, X) of which at each pixel the highest of the P stays, and the others are `LOW` at most."""
    import torch

    if len(masks) <= 1:
        return masks
    highest = masks.argmax(0, keepdim=True)
    numbers = torch.arange(len(masks), device=masks.device).view(-1, 1, 1, 1)
    return torch.where(highest == numbers, masks, masks.clamp(max=LOW))
