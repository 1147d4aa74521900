"""Prompts as SAM 2 and its relatives read them (Ravi et al. 2024): all kinds of points from one table, masks of any size."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..core.errors import InputError
from .prompt_encoder import NOWHERE, PromptEncoder


class ObjectPromptEncoder(PromptEncoder):
    """As SAM's; points may be corners of boxes, labelled 2 and 3, and boxes end with a token that stands for no place."""

    separate_kinds = False
    closed_boxes = True
    point_kinds = 4

    @property
    def mask_input_size(self) -> tuple[int, int]:
        """Height and width that masks are brought to."""
        height, width = self.image_embedding_size
        return 4 * height, 4 * width

    def forward(
        self,
        input_points: Tensor | None,
        input_labels: Tensor | None,
        input_boxes: Tensor | None,
        input_masks: Tensor | None,
        *,
        device: torch.device | None = None,
    ) -> tuple[Tensor | None, Tensor]:
        """As of `PromptEncoder`; `input_masks` (B, 1, Y, X) are resized.

        Raises:
            InputError: points without labels; masks of another form.
        """
        if input_masks is not None:
            if input_masks.dim() != 4 or input_masks.shape[1] != 1:
                raise InputError(f"input_masks have shape {tuple(input_masks.shape)}; expected (batch, 1, height, width)")
            if input_masks.shape[2:] != self.mask_input_size:
                input_masks = interpolate(
                    input_masks.float(), self.mask_input_size, mode="bilinear", align_corners=False, antialias=True
                ).to(input_masks.dtype)
        return super().forward(input_points, input_labels, input_boxes, input_masks, device=device)


def or_nowhere(points: Tensor | None, labels: Tensor | None, boxes: Tensor | None, like: Tensor) -> tuple[Tensor | None, ...]:
    """The prompts, or where there are neither points nor boxes one point of each image that stands for no place.

    Args:
        like: maps (B, D, y, x) of the images.
    """
    if points is None and boxes is None:
        points = like.new_zeros(len(like), 1, 1, 2)
        labels = torch.full((len(like), 1, 1), NOWHERE, device=like.device)
    return points, labels, boxes


def check_maps(maps: Sequence[Tensor], side: tuple[int, int]) -> None:
    """Refuse maps of an image, the finest first, unless they are four, two and one times `side` places high and wide.

    Raises:
        InputError: what was found and what was expected.
    """
    expected = [(times * side[0], times * side[1]) for times in (4, 2, 1)]
    found = [tuple(each.shape[2:]) for each in maps]
    if found != expected:
        raise InputError(
            f"the maps of the images have {found} places; expected {expected}, of images of the size that the model is made"
            " for, as the processor returns them"
        )
