"""What models that segment on demand have in common: prompts are checked, and become tokens (Kirillov et al. 2023)."""

from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..nn.fourier_positions import grid_centers
from .base import PreTrainedModel

# What is recorded of a vision encoder by itself.
RECORDED = ("hidden_states", "attentions")


def check_prompts(points: Tensor | None, labels: Tensor | None, boxes: Tensor | None, images: int) -> Tensor | None:
    """The labels of the points, 1 (a point of the object) where there are none, once all prompts fit each other.

    Args:
        points: (B, P, N, 2). labels: (B, P, N). boxes: (B, P, 4). images: how many there are.

    Raises:
        InputError: what was found and what was expected.
    """
    if points is not None:
        if points.dim() != 4 or points.shape[-1] != 2:
            raise InputError(
                f"input_points have shape {tuple(points.shape)}; expected (images, masks, points of each mask, 2), as the"
                " processor returns them"
            )
        if len(points) != images:
            raise InputError(
                f"input_points are for {len(points)} images, and there are {images}; points of several masks of one image are"
                " (1, masks, points, 2)"
            )
        labels = torch.ones_like(points[..., 0], dtype=torch.long) if labels is None else labels
        if labels.shape != points.shape[:3]:
            raise InputError(f"input_labels have shape {tuple(labels.shape)}; expected {tuple(points.shape[:3])}, one a point")
    elif labels is not None:
        raise InputError("input_labels say what points are, and there are no input_points")
    if boxes is not None:
        if boxes.dim() != 3 or boxes.shape[-1] != 4:
            raise InputError(f"input_boxes have shape {tuple(boxes.shape)}; expected (images, masks, 4), two corners each")
        if len(boxes) != images:
            raise InputError(f"input_boxes are for {len(boxes)} images, and there are {images}")
        if points is not None and points.shape[1] != boxes.shape[1]:
            raise InputError(
                f"input_points are for {points.shape[1]} masks of each image, input_boxes for {boxes.shape[1]}; a mask has a"
                " box and points, or all have the same"
            )
    return labels


def check_one_source(pixel_values: Any, image_embeddings: Any) -> None:
    """Raise `InputError` unless an image is there as one of the two."""
    if (pixel_values is None) == (image_embeddings is None):
        raise InputError("pass pixel_values or image_embeddings, one of the two")


class PromptableModel(PreTrainedModel):
    """Base of models with `shared_image_embedding`, `prompt_encoder` and `mask_decoder`."""

    main_input_name = "pixel_values"

    def get_image_wide_positional_embeddings(self) -> Tensor:
        """Positions of the places of an image's maps, (1, D, y, x)."""
        shared: Any = self.shared_image_embedding
        return self.image_positions(shared.positional_embedding.device)

    def image_positions(self, device: torch.device) -> Tensor:
        """The same, worked out on this device, wherever weights wait."""
        prompts: Any = self.prompt_encoder
        shared: Any = self.shared_image_embedding
        rows, columns = prompts.image_embedding_size
        places: Tensor = shared(grid_centers(rows, columns, device))
        return places.permute(2, 0, 1).unsqueeze(0)

    @torch.no_grad()
    def get_prompt_embeddings(
        self,
        input_points: Tensor | None = None,
        input_labels: Tensor | None = None,
        input_boxes: Tensor | None = None,
        input_masks: Tensor | None = None,
    ) -> tuple[Tensor | None, Tensor]:
        """Prompts, as forward takes them, as tokens (B, P, N, D), None where there are none, and a map (B or 1, D, y, x)."""
        prompts = input_points if input_points is not None else input_boxes
        labels = check_prompts(input_points, input_labels, input_boxes, 1 if prompts is None else len(prompts))
        encoder: Any = self.prompt_encoder
        tokens, dense = encoder(input_points, labels, input_boxes, input_masks)
        return tokens, dense

    def get_input_embeddings(self) -> Any:
        encoder: Any = self.get_encoder("image")
        if encoder is self:
            raise ArgumentError(f"{type(self).__name__} has no vision_encoder")
        return encoder.get_input_embeddings()
