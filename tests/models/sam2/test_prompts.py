"""Prompts of all kinds to SAM 2, beside the reference."""

from typing import Any

import pytest
import torch
from kit.families import close, pair

from bestiary import InputError

POINTS = {"input_points": torch.tensor([[[[3.0, 20.0]], [[9.0, 4.0]]]] * 2)}
BOXES = {"input_boxes": torch.tensor([[[1.0, 2.0, 30.0, 20.0], [5.0, 6.0, 7.0, 8.0]]] * 2)}


@pytest.mark.parametrize(
    "prompts",
    [
        {},
        POINTS,
        BOXES,
        {**POINTS, **BOXES},
        {"input_masks": torch.linspace(-1, 1, 512).view(2, 1, 16, 16)},
        {**POINTS, "input_masks": torch.linspace(-1, 1, 128).view(2, 1, 8, 8), "multimask_output": False},
        {**POINTS, "target_embedding": torch.ones(1, 1, 1, 8), "attention_similarity": torch.ones(1, 1, 1, 4)},
        {**POINTS, "input_labels": torch.tensor([[[2], [3]], [[0], [-10]]])},
    ],
)
@torch.no_grad()
def test_prompts_of_all_kinds(prompts: dict[str, Any]) -> None:
    models = pair("sam2", "Sam2Model")
    pixels = models.inputs["pixel_values"]
    ours, published = (model(pixel_values=pixels, **prompts) for model in (models.ours, models.reference))
    for name in ("pred_masks", "iou_scores", "object_score_logits"):
        close(ours[name], published[name], name)
    maps = models.ours.get_image_embeddings(pixels)
    close(maps, models.reference.get_image_embeddings(pixels))
    close(models.ours(image_embeddings=maps, **prompts).pred_masks, published.pred_masks)
    if any(name in prompts for name in ("input_points", "input_boxes")):
        kinds = ("input_points", "input_labels", "input_boxes", "input_masks")
        given = {name: value for name, value in prompts.items() if name in kinds}
        given = given if "input_points" not in given else {"input_labels": torch.ones(2, 2, 1).long(), **given}
        found, expected = (model.get_prompt_embeddings(**given) for model in (models.ours, models.reference))
        close(found, expected)


@torch.no_grad()
def test_features_of_images_place_by_place() -> None:
    models = pair("sam2", "Sam2Model")
    ours, published = (each.get_image_features(models.inputs["pixel_values"]) for each in (models.ours, models.reference))
    assert list(ours.keys()) == list(published.keys())
    for name in published.keys():
        close(ours[name], published[name], name)


@torch.no_grad()
def test_a_mask_that_is_not_steady_gives_way_to_the_best() -> None:
    models = pair("sam2", "Sam2Model")
    inputs = {**models.inputs, "multimask_output": False}
    config = models.reference.mask_decoder
    before = config.dynamic_multimask_stability_thresh
    try:
        for limit in (0.0, 0.5, 1.0):
            config.dynamic_multimask_stability_thresh = limit
            models.ours.config.mask_decoder_config.dynamic_multimask_stability_thresh = limit
            close(models.ours(**inputs).pred_masks, models.reference(**inputs).pred_masks)
            close(models.ours(**inputs).iou_scores, models.reference(**inputs).iou_scores)
    finally:
        config.dynamic_multimask_stability_thresh = before
        models.ours.config.mask_decoder_config.dynamic_multimask_stability_thresh = before


def test_masks_and_maps_of_another_form_are_refused() -> None:
    model, pixels = pair("sam2", "Sam2Model").ours, torch.randn(1, 3, 32, 32)
    with pytest.raises(InputError, match="input_masks have shape"):
        model(pixels, input_masks=torch.randn(1, 8, 8))
    with pytest.raises(InputError, match="maps of the images"):
        model(torch.randn(1, 3, 64, 64))
    with pytest.raises(InputError, match="one of the two"):
        model(pixels, image_embeddings=model.get_image_embeddings(pixels))
