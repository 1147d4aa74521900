"""Maps of what stands where in an image, from a model that predicts a class and a mask for each of its queries."""

from collections.abc import Collection
from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ..batch import BatchFeature

Sizes = Any  # height and width of each image: a list of pairs, or a tensor (B, 2)


class SegmentationMixin:
    """Predictions of masks to maps. `outputs` has `logits` (B, Q, N+1), the last class meaning nothing, and `pred_masks`
    (B, Q, Y, X); with `target_sizes`, height and width of each image, maps have these.

    Class attribute `every_class_has_places`: in maps of classes the last one means something too.

    Raises:
        InputError: not one size for each image.
    """

    every_class_has_places: ClassVar[bool] = False

    def post_process_semantic_segmentation(
        self, outputs: Any, target_sizes: Sizes = None, return_segmentation_scores: bool = False
    ) -> list[Any]:
        """The class at each place, (Y, X) for each image.

        Args:
            return_segmentation_scores: give `segmentation`, that map, with `segmentation_scores` (N, Y, X).
        """
        import torch

        shares = outputs.logits.softmax(-1)
        shares = shares if self.every_class_has_places else shares[..., :-1]
        scores = torch.einsum("bqc,bqyx->bcyx", shares, outputs.pred_masks.sigmoid())
        rows = [resized(row, size) for row, size in zip(scores, sizes_of(target_sizes, len(scores)), strict=True)]
        if not return_segmentation_scores:
            return [row.argmax(0) for row in rows]
        return [BatchFeature({"segmentation": row.argmax(0), "segmentation_scores": row}) for row in rows]

    def post_process_instance_segmentation(
        self,
        outputs: Any,
        threshold: float = 0.5,
        mask_threshold: float = 0.5,
        overlap_mask_area_threshold: float = 0.8,
        target_sizes: Sizes = None,
        return_coco_annotation: bool | None = False,
    ) -> list[dict[str, Any]]:
        """As `post_process_panoptic_segmentation`, each object a segment of its own.

        Args:
            return_coco_annotation: give the map as COCO's run lengths, a list for each number in it.
        """
        results = self.post_process_panoptic_segmentation(
            outputs, threshold, mask_threshold, overlap_mask_area_threshold, (), target_sizes
        )
        for result in results if return_coco_annotation else ():
            if result["segments_info"]:
                result["segmentation"] = run_lengths(result["segmentation"])
        return results

    def post_process_panoptic_segmentation(
        self,
        outputs: Any,
        threshold: float = 0.5,
        mask_threshold: float = 0.5,
        overlap_mask_area_threshold: float = 0.8,
        label_ids_to_fuse: Collection[int] | None = None,
        target_sizes: Sizes = None,
    ) -> list[dict[str, Any]]:
        """For each image `segmentation` (Y, X), the number of the segment at each place, 0 for none, and `segments_info`:
        of each segment `id`, `label_id`, `score` and `was_fused`. Without any segment the map is -1 everywhere.

        Args:
            threshold: queries of lower scores are left out.
            mask_threshold: from this probability, times the score, a place belongs to a query's mask.
            overlap_mask_area_threshold: the part of its mask that a segment must keep where others overlap it.
            label_ids_to_fuse: classes of which all objects are one segment, such as the sky.
        """
        import torch

        sizes = sizes_of(target_sizes, len(outputs.logits))
        best, labels = outputs.logits.softmax(-1).max(-1)
        results = []
        for masks, scores, classes, size in zip(outputs.pred_masks.sigmoid(), best, labels, sizes, strict=True):
            kept = (classes != outputs.logits.shape[-1] - 1) & (scores > threshold)
            if not kept.any():
                empty = torch.full(tuple(masks.shape[-2:] if size is None else map(int, size)), -1.0)
                results.append({"segmentation": empty, "segments_info": []})
                continue
            weighted = resized(masks[kept], size) * scores[kept][:, None, None]
            limits = mask_threshold, overlap_mask_area_threshold
            results.append(_segments(weighted, scores[kept], classes[kept], limits, label_ids_to_fuse or ()))
        return results


def _segments(masks: Any, scores: Any, labels: Any, limits: tuple[float, float], fused: Collection[int]) -> dict[str, Any]:
    """The map and the facts of the segments of an image, from its masks (Q, Y, X), scores and labels (Q,)."""
    import torch

    winner = masks.argmax(0)
    segmentation = torch.zeros(winner.shape, dtype=torch.int32, device=masks.device)
    segments: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}
    for query, label in enumerate(labels.tolist()):
        own = winner == query
        part = own.sum() / (masks[query] >= limits[0]).sum()  # not finite where there is no mask
        if not own.any() or not part.isfinite() or part.item() <= limits[1]:
            continue
        last = max((segment["id"] for segment in segments), default=0)
        number = numbers.get(label, last + 1)
        if label in fused:
            numbers[label] = number
        segmentation[own] = number
        score = round(scores[query].item(), 6)
        segments.append({"id": number, "label_id": label, "was_fused": label in fused, "score": score})
    return {"segmentation": segmentation, "segments_info": segments}


def run_lengths(segmentation: Any) -> list[list[int]]:
    """For each number in a map (Y, X), in rising order: where its runs begin, counted from 1 row by row, and their lengths."""
    runs = []
    for number in segmentation.unique():
        inside = np.concatenate([[0], (segmentation == number).cpu().numpy().reshape(-1).astype(np.int64), [0]])
        edges = np.flatnonzero(np.diff(inside)) + 1
        edges[1::2] -= edges[::2]
        runs.append(edges.tolist())
    return runs


def sizes_of(target_sizes: Sizes, count: int) -> Any:
    """The sizes, one for each of `count` images, or as many None.

    Raises:
        InputError: other than `count`.
    """
    if target_sizes is not None and len(target_sizes) != count:
        raise InputError(f"target_sizes holds {len(target_sizes)} sizes for {count} images")
    return [None] * count if target_sizes is None else target_sizes


def resized(maps: Any, size: Any) -> Any:
    """Maps (N, Y, X) in another height and width, bilinear; None leaves them."""
    from torch.nn.functional import interpolate

    if size is None:
        return maps
    return interpolate(maps[None], size=tuple(map(int, size)), mode="bilinear", align_corners=False)[0]
