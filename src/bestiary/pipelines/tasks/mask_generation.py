"""Mask generation: a picture to the masks of all objects in it, by points spread over it (Kirillov et al. 2023, appendix B)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ...core.kinds import Count, Endless, Rate, Size, describe, fits
from ...preprocess.image.mask_generation import OVERLAP
from ..base import ChunkPipeline, Parameters, Result
from ..batching import each
from .image_classification import one_of, picture

__all__ = ["MaskGenerationPipeline"]

CHECKPOINTS = {"facebook/sam-vit-huge": "sam"}
IMPLIED = True
# Keyword -> the kind of its values, and the step that takes it.
_KINDS: dict[str, tuple[Any, int]] = {
    "points_per_batch": (Size, 0),
    "points_per_crop": (Size, 0),
    "crops_n_layers": (Count, 0),
    "crop_overlap_ratio": (Rate, 0),
    "crop_n_points_downscale_factor": (Size, 0),
    "pred_iou_thresh": (Endless, 1),
    "stability_score_thresh": (Endless, 1),
    "stability_score_offset": (Endless, 1),
    "mask_threshold": (Endless, 1),
    "crops_nms_thresh": (Rate, 2),
    "output_rle_mask": (bool, 2),
    "output_bboxes_mask": (bool, 2),
}
_MAPS = "image_embeddings"


class MaskGenerationPipeline(ChunkPipeline):
    """`{"masks", "scores"}` for a picture: arrays (Y, X) of booleans, the best first, and a tensor (N,).

    A grid of points is laid over the picture, masks are drawn for each, and those are kept that the model thinks good, that
    change little with the threshold, that no crop cuts off, and whose boxes do not overlap a better one's. The picture itself
    is looked at once, however many points there are. Inputs are those of image classification.

    Keywords of a call:
        points_per_batch: points that the model gets at a time (64). points_per_crop: points a side (32).
        crops_n_layers: look again at 4, 16, ... overlapping parts of the picture, layer by layer (0). crop_overlap_ratio: of
            those of the first layer, a share of the shorter edge (512 / 1500). crop_n_points_downscale_factor: so many times
            fewer points a side in each next layer (1).
        pred_iou_thresh: masks that the model scores no higher are left out (0.88). mask_threshold: above it an object is (0).
            stability_score_thresh: masks are left out whose parts above `mask_threshold` plus and minus
            `stability_score_offset` (1) overlap no more than this (0.95).
        crops_nms_thresh: of two masks whose boxes overlap by more the better one is kept (0.7).
        output_rle_mask: also give `rle_mask`, the masks as run lengths. output_bboxes_mask: also `bounding_boxes` (N, 4): left,
            top, right and bottom.
        timeout: seconds to wait for a server.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForMaskGeneration",)
    rows: ClassVar[int] = 1  # a unit is `points_per_batch` points, whose masks take much memory

    def _sanitize_parameters(
        self,
        points_per_batch: int | None = None,
        points_per_crop: int | None = None,
        crops_n_layers: int | None = None,
        crop_overlap_ratio: float | None = None,
        crop_n_points_downscale_factor: int | None = None,
        pred_iou_thresh: float | None = None,
        stability_score_thresh: float | None = None,
        stability_score_offset: float | None = None,
        mask_threshold: float | None = None,
        crops_nms_thresh: float | None = None,
        output_rle_mask: bool | None = None,
        output_bboxes_mask: bool | None = None,
        timeout: float | None = None,
    ) -> Parameters:
        given = {name: value for name, value in locals().items() if name in _KINDS and value is not None}
        steps: tuple[dict[str, Any], ...] = ({}, {}, {})
        for name, value in given.items():
            kind, step = _KINDS[name]
            if not fits(value, kind):
                raise ArgumentError(f"{name} is {value!r:.80}; expected {describe(kind)}")
            steps[step][name] = value
        before, during, after = steps
        return before if timeout is None else {**before, "timeout": timeout}, during, after

    def __call__(self, inputs: Any = None, *, image: Any = None, images: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(one_of(inputs=inputs, image=image, images=images), **parameters)

    def preprocess(
        self,
        input_: Any,
        points_per_batch: int = 64,
        points_per_crop: int = 32,
        crops_n_layers: int = 0,
        crop_overlap_ratio: float = OVERLAP,
        crop_n_points_downscale_factor: int = 1,
        timeout: float | None = None,
    ) -> Iterator[dict[str, Any]]:
        processor = self.image_processor
        if not hasattr(processor, "filter_masks"):
            raise InputError(f"a {type(processor).__name__} does not choose among masks; pass the one of a SAM checkpoint")
        crops, images = processor.crops(
            picture(input_, timeout), crops_n_layers, crop_overlap_ratio, points_per_crop, crop_n_points_downscale_factor
        )
        size = crops[0].box[3], crops[0].box[2]
        for crop, image in zip(crops, images, strict=True):
            batch = processor(image, input_data_format="channels_first", return_tensors="pt")
            pixels = batch.pop("pixel_values").to(self.device, self.model.dtype)
            facts = dict(batch) | {"crop": torch.tensor([crop.box]), "size": torch.tensor([size])}
            maps = named_maps(self.model.get_image_embeddings(pixels))
            points = torch.from_numpy(processor.points_on(crop))[None, :, None]
            for some in points.split(points_per_batch, dim=1):
                yield {"input_points": some, "input_labels": torch.ones_like(some[..., 0], dtype=torch.long), **facts, **maps}

    def _forward(
        self,
        input_tensors: Any,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        mask_threshold: float = 0,
        stability_score_offset: float = 1,
    ) -> dict[str, Any]:
        inputs = {name: value for name, value in input_tensors.items() if name in ("input_points", "input_labels")}
        output = self.model(**inputs, **maps_named(input_tensors))
        sizes = {name: input_tensors[name] for name in ("original_sizes", "reshaped_input_sizes") if name in input_tensors}
        masks = self.image_processor.post_process_masks(
            output.pred_masks, **sizes, mask_threshold=mask_threshold, binarize=False
        )
        found: dict[str, list[Any]] = {"masks": [], "scores": [], "boxes": []}
        for mask, score, size, crop in zip(
            masks, output.iou_scores, input_tensors["size"].tolist(), input_tensors["crop"].tolist(), strict=True
        ):
            runs, scores, boxes = self.image_processor.filter_masks(
                mask, score, size, crop, pred_iou_thresh, stability_score_thresh, mask_threshold, stability_score_offset
            )
            found["masks"].append(runs)
            found["scores"].append(scores)
            found["boxes"].append(boxes)
        return {name: each(values) for name, values in found.items()}

    def postprocess(
        self,
        model_outputs: Iterable[Mapping[str, Any]],
        crops_nms_thresh: float = 0.7,
        output_rle_mask: bool = False,
        output_bboxes_mask: bool = False,
    ) -> Result:
        outputs = list(model_outputs)
        runs = [mask for output in outputs for mask in output["masks"]]
        scores, boxes = (torch.cat([output[name] for output in outputs]) for name in ("scores", "boxes"))
        masks, scores, runs, boxes = self.image_processor.post_process_for_mask_generation(
            runs, scores, boxes, crops_nms_thresh
        )
        answer = {"masks": [np.ascontiguousarray(mask) for mask in masks], "scores": scores}
        answer |= {"rle_mask": runs} if output_rle_mask else {}
        return Result(answer | ({"bounding_boxes": boxes} if output_bboxes_mask else {}))


def named_maps(maps: Any) -> dict[str, Tensor]:
    """What a model made of an image, a map or (lists of) several, by names that tell its place."""
    if isinstance(maps, Tensor):
        return {_MAPS: maps}
    first, *others = maps if isinstance(maps, tuple) else (maps,)
    named = {_MAPS: first} if isinstance(first, Tensor) else {f"{_MAPS}.{index}": each for index, each in enumerate(first)}
    return named | {f"intermediate_embeddings.{index}": each for group in others for index, each in enumerate(group)}


def maps_named(unit: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a model that `named_maps` took apart."""
    keywords: dict[str, Any] = {}
    for name, value in unit.items():
        keyword, _, index = name.partition(".")
        if index:
            keywords.setdefault(keyword, []).append(value)
        elif name == _MAPS:
            keywords[name] = value
    return keywords


PIPELINE = MaskGenerationPipeline
