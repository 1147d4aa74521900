"""The pipeline that finds all masks of a picture, with a tiny SAM."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit.families import cases
from kit.pipelines import ours
from PIL import Image

import bestiary
from bestiary import ArgumentError
from bestiary.preprocess.image.mask_generation import best_apart
from bestiary.preprocess.image.run_lengths import from_runs

SOME = {"pred_iou_thresh": -0.5, "stability_score_thresh": 0.3}
PICTURES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (60 + seed, 90, 3), dtype=np.uint8)) for seed in range(2)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and its processor, as the reference writes them."""
    folder, case = tmp_path_factory.mktemp("sam"), cases()["sam"]
    torch.default_generator.manual_seed(0)
    model = transformers.SamModel(transformers.SamConfig(**case.config))
    model.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    transformers.SamImageProcessorPil(size={"longest_edge": 32}, pad_size=size).save_pretrained(folder)
    return folder


def draw_discs(model: Any, args: Any, inputs: dict[str, Any], output: Any) -> Any:
    """What random weights do not draw: around each point discs of three sizes, each with a score of its own."""
    points = inputs["input_points"][..., 0, :].float()
    places = torch.arange(32) + 0.5
    grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), dim=-1)
    distances = (points[:, :, None, None] - grid).norm(dim=-1)
    radii = torch.tensor([3.0, 6.0, 12.0])
    output.pred_masks = radii[:, None, None] - distances[:, :, None]
    output.iou_scores = torch.sin(7 * points[..., :1] + 13 * points[..., 1:] + radii)
    return output


def generator(folder: Path) -> Any:
    """Our pipeline, whose model draws discs."""
    pipeline = ours("mask-generation", folder)
    pipeline.model.register_forward_hook(draw_discs, with_kwargs=True)
    return pipeline


def published(folder: Path, picture: Image.Image, points: int, overlap: float) -> dict[str, Any]:
    """The same from the published model and processor, all points at a time; only the choice among boxes is ours."""
    model = transformers.SamModel.from_pretrained(folder)
    model.register_forward_hook(draw_discs, with_kwargs=True)
    processor = transformers.SamImageProcessorPil.from_pretrained(folder)
    boxes, grid, crops, labels = processor.generate_crop_boxes(picture, 32, points_per_crop=points)
    inputs = processor(crops, return_tensors="pt")
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
    with torch.no_grad():
        output = model(inputs["pixel_values"], input_points=grid.float(), input_labels=labels)
    masks = processor.post_process_masks(output.pred_masks, *sizes, binarize=False)[0]
    runs, scores, found = processor.filter_masks(masks, output.iou_scores[0], sizes[0][0], boxes[0], **SOME)
    kept = best_apart(found.float(), scores, overlap).tolist()
    return {"runs": [runs[index] for index in kept], "scores": scores[kept], "boxes": found[kept]}


def test_masks_are_those_of_the_published_model(folder: Path) -> None:
    options = {**SOME, "points_per_crop": 4, "points_per_batch": 5, "crops_nms_thresh": 0.2}
    options |= {"output_rle_mask": True, "output_bboxes_mask": True}
    pipeline = generator(folder)
    answers = pipeline(PICTURES, **options)
    for picture, answer in zip(PICTURES, answers, strict=True):
        expected = published(folder, picture, 4, 0.2)
        assert 1 < len(expected["runs"]) < 48
        assert answer["rle_mask"] == expected["runs"]
        torch.testing.assert_close(answer["scores"], expected["scores"])
        assert answer["bounding_boxes"].tolist() == expected["boxes"].tolist()
        for mask, runs in zip(answer["masks"], expected["runs"], strict=True):
            np.testing.assert_array_equal(mask, from_runs(runs))
    for together in (pipeline(PICTURES, batch_size=7, **options), [pipeline(picture, **options) for picture in PICTURES]):
        for answer, other in zip(answers, together, strict=True):
            assert other["rle_mask"] == answer["rle_mask"]
            torch.testing.assert_close(other["scores"], answer["scores"])


def test_crops_add_masks_and_lie_where_they_were_cut(folder: Path) -> None:
    pipeline = generator(folder)
    options = {**SOME, "points_per_crop": 4, "crops_nms_thresh": 0.7, "output_bboxes_mask": True}
    whole = pipeline(PICTURES[0], **options)
    cropped = pipeline(PICTURES[0], crops_n_layers=1, crop_n_points_downscale_factor=2, **options)
    assert len(cropped["masks"]) > len(whole["masks"])
    for mask, (left, top, right, bottom) in zip(cropped["masks"], cropped["bounding_boxes"].tolist(), strict=True):
        assert mask.shape == (60, 90)
        rows, columns = np.nonzero(mask)
        if len(rows):
            assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max(), rows.max())


def test_nothing_is_found(folder: Path) -> None:
    answer = ours("mask-generation", folder)(PICTURES[0], points_per_crop=2, pred_iou_thresh=100.0, output_bboxes_mask=True)
    assert answer["masks"] == []
    assert answer["scores"].shape == (0,)
    assert answer["bounding_boxes"].shape == (0, 4)


def test_options_that_make_no_sense_are_refused(folder: Path) -> None:
    pipeline = ours("mask-generation", folder)
    for options in ({"points_per_batch": 0}, {"crop_overlap_ratio": 2.0}, {"crops_n_layers": -1}, {"points_per_crop": "many"}):
        with pytest.raises(ArgumentError, match=next(iter(options))):
            pipeline(PICTURES[0], **options)


def test_a_model_of_two_kinds_of_maps(tmp_path: Path) -> None:
    case = cases()["sam_hq"]
    torch.default_generator.manual_seed(0)
    transformers.SamHQModel(transformers.SamHQConfig(**case.config)).save_pretrained(tmp_path)
    size = {"height": 32, "width": 32}
    transformers.SamImageProcessorPil(size={"longest_edge": 32}, pad_size=size).save_pretrained(tmp_path)
    pipeline = generator(tmp_path)
    options = {**SOME, "points_per_crop": 4, "points_per_batch": 5, "output_rle_mask": True}
    alone = [pipeline(picture, **options)["rle_mask"] for picture in PICTURES]
    assert len(alone[0]) > 1
    assert [answer["rle_mask"] for answer in pipeline(PICTURES, batch_size=3, **options)] == alone


def test_a_model_of_maps_of_three_sizes(tmp_path: Path) -> None:
    torch.default_generator.manual_seed(0)
    transformers.Sam2Model(transformers.Sam2Config(**cases()["sam2"].config)).save_pretrained(tmp_path)
    bestiary.Sam2ImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    pipeline = generator(tmp_path)
    options = {**SOME, "points_per_crop": 4, "points_per_batch": 5, "output_rle_mask": True}
    alone = [pipeline(picture, **options)["rle_mask"] for picture in PICTURES]
    assert len(alone[0]) > 1
    assert [answer["rle_mask"] for answer in pipeline(PICTURES, batch_size=3, **options)] == alone
