"""All objects of an image: points spread over it, masks drawn for each, and which are kept (Kirillov et al. 2023, B)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import InputError
from .crops import Crop, crops_of
from .reading import to_array
from .run_lengths import RunLengths, from_runs, to_runs

NEAR_EDGE = 20.0  # pixels
OVERLAP = 512 / 1500


def stability(masks: Any, threshold: float, offset: float) -> Any:
    """How little masks (N, Y, X) change with the threshold: what lies above `threshold + offset` over what lies above
    `threshold - offset`, (N,); not a number where nothing does."""
    above, below = ((masks > threshold + way * offset).sum((-1, -2)) for way in (1, -1))
    return above / below


def boxes_around(masks: Any) -> Any:
    """Left, top, right and bottom of what is in masks (N, Y, X) of booleans, both ends within; 0 of an empty one."""
    import torch

    ends = []
    for axis in (-2, -1):
        there = masks.any(axis)  # first over rows: the columns that are touched
        places = torch.arange(there.shape[-1], device=masks.device)
        ends.append(torch.where(there, places, there.shape[-1]).amin(-1))
        ends.append(torch.where(there, places, -1).amax(-1))
    left, right, top, bottom = ends
    boxes = torch.stack((left, top, right, bottom), dim=-1)
    return boxes * masks.flatten(1).any(-1, keepdim=True)


def cut_by_crop(boxes: Any, crop: Any, size: tuple[int, int]) -> Any:
    """Whether boxes (N, 4) of an image of this height and width touch an edge of the crop (4,) that is none of the image."""
    whole = boxes.new_tensor((0, 0, size[1], size[0]))
    near_crop = (boxes - boxes.new_tensor(crop)).abs() <= NEAR_EDGE
    return (near_crop & ((boxes - whole).abs() > NEAR_EDGE)).any(-1)


def best_apart(boxes: Any, scores: Any, threshold: float) -> Any:
    """Which boxes (N, 4) to keep, the best first: of two that overlap by more than `threshold` (intersection over union) the
    one with the higher score (non-maximum suppression)."""
    import torch

    order = scores.argsort(descending=True, stable=True)
    boxes, kept = boxes[order], []
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    alive = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for index in range(len(boxes)):
        if alive[index]:
            kept.append(index)
            others = boxes[index + 1 :]
            ends = torch.minimum(boxes[index, 2:], others[:, 2:]) - torch.maximum(boxes[index, :2], others[:, :2])
            both = ends.clamp(min=0).prod(-1)
            alive[index + 1 :] &= ~(both / (areas[index] + areas[index + 1 :] - both) > threshold)
    return order[kept]


class MaskGenerationMixin:
    """What an image processor does for the pipeline `mask-generation`."""

    def generate_crop_boxes(
        self,
        image: Any,
        target_size: int,
        crop_n_layers: int = 0,
        overlap_ratio: float = OVERLAP,
        points_per_crop: int | None = 32,
        crop_n_points_downscale_factor: int = 1,
        device: Any = None,
    ) -> tuple[Any, Any, list[np.ndarray], Any]:
        """Boxes of crops (N, 4), points (1, P, N, 2) in their pixels once the longer edge has `target_size`, the crops
        (C, Y, X), and labels (1, P, N), all 1.

        Args:
            crop_n_layers: layers of crops besides the image itself. overlap_ratio: of the crops of the first layer, as a share
                of the shorter edge. points_per_crop: points a side of the image; `crop_n_points_downscale_factor` times fewer
                in each next layer, where this form has no place for other numbers than 1.

        Raises:
            InputError: the crops differ in their number of points.
        """
        import torch

        crops, images = self.crops(image, crop_n_layers, overlap_ratio, points_per_crop, crop_n_points_downscale_factor)
        if len({len(crop.points) for crop in crops}) > 1:
            raise InputError(
                "crops with different numbers of points do not stand in one array; leave crop_n_points_downscale_factor at 1"
                " here (the pipeline mask-generation takes other factors)"
            )
        spread = np.stack([self.points_in(crop, target_size) for crop in crops], axis=1)[None]
        boxes = torch.tensor([crop.box for crop in crops], dtype=torch.float32, device=device)
        points = torch.as_tensor(spread, device=device)
        return boxes, points, images, torch.ones(points.shape[:3], dtype=torch.int64, device=device)

    def crops(
        self, image: Any, layers: int, overlap: float, points: int | None, shrink: int
    ) -> tuple[list[Crop], list[np.ndarray]]:
        """The crops of an image, and the pixels (C, Y, X) of each; see `generate_crop_boxes`."""
        pixels = to_array(image, False, None).transpose(2, 0, 1)
        crops = crops_of(pixels.shape[1], pixels.shape[2], layers, overlap, points or 32, shrink)
        return crops, [pixels[:, top:bottom, left:right] for (left, top, right, bottom), _ in crops]

    @staticmethod
    def points_in(crop: Crop, target_size: int) -> np.ndarray:
        """The points of a crop (P, 2) in its pixels, once the longer edge has `target_size`."""
        left, top, right, bottom = crop.box
        height, width = bottom - top, right - left
        scale = target_size / max(height, width)
        resized = int(width * scale + 0.5), int(height * scale + 0.5)
        edges = np.array((width, height), dtype=np.float64)
        moved: np.ndarray = crop.points * edges * (np.array(resized) / edges)
        return moved

    def points_on(self, crop: Crop) -> np.ndarray:
        """The points of a crop (P, 2) in the pixels that a model sees of it."""
        size = self.get("size")  # type: ignore[attr-defined]
        return self.points_in(crop, size.get("longest_edge") or size["height"])

    def filter_masks(
        self,
        masks: Any,
        iou_scores: Any,
        original_size: Any,
        cropped_box_image: Any,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        mask_threshold: float = 0,
        stability_score_offset: float = 1,
    ) -> tuple[list[RunLengths], Any, Any]:
        """Of masks (P, M, Y, X) of a crop those that are good: as run lengths in the whole image, with scores (N,) and boxes
        (N, 4) in it.

        Args:
            iou_scores: (P, M). original_size: height and width of the image. cropped_box_image: the crop (4,).
            pred_iou_thresh: masks whose score is no higher are left out. stability_score_thresh: so are those that change more
                with the threshold. mask_threshold: above it an object is. stability_score_offset: how far the threshold is
                moved for that.
        """
        import torch

        height, width = (int(edge) for edge in original_size)
        left, top, right, bottom = (int(edge) for edge in cropped_box_image)
        scores, masks = iou_scores.flatten(0, 1), masks.flatten(0, 1)
        good = torch.ones(len(masks), dtype=torch.bool, device=masks.device)
        if pred_iou_thresh > 0:
            good &= scores > pred_iou_thresh
        if stability_score_thresh > 0:
            good &= stability(masks, mask_threshold, stability_score_offset) > stability_score_thresh
        scores, masks = scores[good], masks[good] > mask_threshold
        boxes = boxes_around(masks)
        boxes = boxes + boxes.new_tensor((left, top, left, top))
        whole = ~cut_by_crop(boxes, (left, top, right, bottom), (height, width))
        edges = (left, width - right, top, height - bottom)
        masks = torch.nn.functional.pad(masks[whole], edges)
        return [to_runs(mask) for mask in masks.cpu().numpy()], scores[whole], boxes[whole]

    def post_process_for_mask_generation(
        self, all_masks: Sequence[RunLengths], all_scores: Any, all_boxes: Any, crops_nms_thresh: float
    ) -> tuple[list[np.ndarray], Any, list[RunLengths], Any]:
        """Of the masks of all crops those whose boxes do not overlap a better one's by more than `crops_nms_thresh`, the best
        first: booleans (Y, X), their scores, their run lengths and their boxes."""
        kept = best_apart(all_boxes.float(), all_scores, crops_nms_thresh)
        runs = [all_masks[index] for index in kept.tolist()]
        return [from_runs(each) for each in runs], all_scores[kept], runs, all_boxes[kept]
