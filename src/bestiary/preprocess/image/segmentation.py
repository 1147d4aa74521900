"""Maps of what stands where in an image, from a model that predicts a class and a mask for each of its queries."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ..batch import BatchFeature

Sizes = Any  # height and width of each image: a list of pairs, or a tensor (B, 2)


class SegmentationMixin:
    """Predictions of masks to maps. `outputs` has `logits` (B, Q, N+1), the last class meaning nothing, and `pred_masks`
    (B, Q, Y, X); with `target_sizes`, height and width of each image, maps have these.

    Class attributes:
        predictions: the names of these two, where they are others.
        mask_size: height and width that masks are brought to before all else, bilinear.
        every_class_has_places: in maps of classes the last one means something too.

    Raises:
        InputError: not one size for each image.
    """

    every_class_has_places: ClassVar[bool] = False
    predictions: ClassVar[tuple[str, str]] = ("logits", "pred_masks")
    mask_size: ClassVar[tuple[int, int] | None] = None

    def predicted(self, outputs: Any) -> tuple[Any, Any]:
        """Logits of classes (B, Q, N+1) and of masks (B, Q, Y, X)."""
        logits, masks = (outputs[name] if isinstance(outputs, dict) else getattr(outputs, name) for name in self.predictions)
        return logits, masks if self.mask_size is None else resized_all(masks, self.mask_size)

    def post_process_semantic_segmentation(
        self, outputs: Any, target_sizes: Sizes = None, return_segmentation_scores: bool = False
    ) -> list[Any]:
        """The class at each place, (Y, X) for each image.

        Args:
            return_segmentation_scores: give `segmentation`, that map, with `segmentation_scores` (N, Y, X).
        """
        import torch

        logits, masks = self.predicted(outputs)
        shares = logits.softmax(-1)
        shares = shares if self.every_class_has_places else shares[..., :-1]
        scores = torch.einsum("bqc,bqyx->bcyx", shares, masks.sigmoid())
        each = zip(scores, sizes_of(target_sizes, len(scores)), strict=True)
        if not return_segmentation_scores:
            return [highest_class(row, size) for row, size in each]
        rows = [resized(row, size) for row, size in each]
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

        logits, drawn = self.predicted(outputs)
        sizes = sizes_of(target_sizes, len(logits))
        best, labels = logits.softmax(-1).max(-1)
        results = []
        for masks, scores, classes, size in zip(drawn, best, labels, sizes, strict=True):
            kept = (classes != logits.shape[-1] - 1) & (scores > threshold)
            if not kept.any():
                empty = torch.full(tuple(masks.shape[-2:] if size is None else map(int, size)), -1.0)
                results.append({"segmentation": empty, "segments_info": []})
                continue
            limits = mask_threshold, overlap_mask_area_threshold
            found = masks[kept].sigmoid(), scores[kept], classes[kept]
            results.append(_segments(*found, size, limits, label_ids_to_fuse or ()))
        return results


def _segments(
    masks: Any, scores: Any, labels: Any, size: Any, limits: tuple[float, float], fused: Collection[int]
) -> dict[str, Any]:
    """The map and the facts of the segments of an image, from its masks (Q, Y, X) in 0..1, scores and labels (Q,)."""
    import torch

    areas: list[Any] = []

    def weighted() -> Iterable[Any]:
        for place, some in zip(range(0, len(masks), TOGETHER), sized_in_turn(masks, size), strict=True):
            some = some * scores[place : place + TOGETHER, None, None]
            areas.extend((each >= limits[0]).count_nonzero() for each in some)
            yield some

    winner = highest(weighted())
    own = winner.flatten().bincount(minlength=len(masks))
    parts = (own / torch.stack(areas)).tolist()  # not finite where there is no mask
    segments: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}
    table = torch.zeros(len(masks), dtype=torch.int32)
    last = 0
    facts = zip(labels.tolist(), scores.tolist(), own.tolist(), parts, strict=True)
    for query, (label, score, count, part) in enumerate(facts):
        if not count or not limits[1] < part < float("inf"):
            continue
        number = numbers.get(label, last + 1)
        if label in fused:
            numbers[label] = number
        table[query], last = number, max(last, number)
        segments.append({"id": number, "label_id": label, "was_fused": label in fused, "score": round(score, 6)})
    return {"segmentation": table.to(winner.device)[winner], "segments_info": segments}


# Maps that are resized and compared together: as many as a cache of two megabytes holds in a usual size.
TOGETHER = 2


def highest_class(scores: Any, size: Any) -> Any:
    """Which of the maps (N, Y, X) is highest at each place of another height and width (Y', X').

    A place gets a mean of up to four neighbours, so a class that among any four stays below what another does not fall under
    is nowhere the highest, and its map is not enlarged.
    """
    if size is None or len(scores) <= TOGETHER or not scores.is_floating_point():
        return highest(sized_in_turn(scores, size))
    import torch
    from torch.nn.functional import max_pool2d

    with torch.no_grad():
        around = [min(2, edge) for edge in scores.shape[-2:]]
        upper = max_pool2d(scores[:, None], around, stride=1)[:, 0]
        floor = (-max_pool2d(-scores[:, None], around, stride=1)[:, 0]).amax(0)
        rounding = 16 * torch.finfo(scores.dtype).eps * scores.abs().amax()
        possible = (~(upper < floor - rounding)).flatten(1).any(1).nonzero()[:, 0]
    return possible[highest(sized_in_turn(scores[possible], size))]


def sized_in_turn(maps: Any, size: Any) -> Iterable[Any]:
    """Maps (N, Y, X) in another height and width, as `resized` gives them, some at a time."""
    for some in maps.split(TOGETHER):
        yield resized(some, size)


def highest(maps: Iterable[Any]) -> Any:
    """Which map is highest at each place (Y, X), the first of equals, of maps that come some at a time (N, Y, X)."""
    import torch

    with torch.no_grad():
        singles = (each for some in maps for each in some)
        best = next(singles).clone()
        # Numbers of maps as floats: comparing and filling by masks of bytes takes several times longer.
        winner, better = torch.zeros_like(best), torch.empty_like(best)
        for place, each in enumerate(singles, start=1):
            torch.gt(each, best, out=better)
            torch.maximum(winner, better.mul_(place), out=winner)
            torch.maximum(best, each, out=best)
    return winner.long()


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


def resized_all(maps: Any, size: tuple[int, int]) -> Any:
    """Maps (B, N, Y, X) in another height and width, bilinear."""
    from torch.nn.functional import interpolate

    return interpolate(maps, size=size, mode="bilinear", align_corners=False)


def resized(maps: Any, size: Any) -> Any:
    """Maps (N, Y, X) in another height and width, bilinear; None leaves them."""
    return maps if size is None else resized_all(maps[None], (int(size[0]), int(size[1])))[0]
