"""Predictions of EoMT to maps, of images that were padded, or cut along their longer edge, to the size that the model takes."""

from collections.abc import Collection
from typing import Any

from ...core.errors import InputError
from ...preprocess.batch import BatchFeature
from ...preprocess.image import transforms
from ...preprocess.image.segmentation import Sizes, highest_class, resized, resized_all, sizes_of


def edges_of(size: transforms.SizeDict) -> tuple[int, int]:
    """Height and width of the images that the model takes."""
    if "height" in size:
        return size["height"], size["width"]
    return size["shortest_edge"], size.get("longest_edge") or size["shortest_edge"]


def cuts(height: int, width: int, side: int) -> list[tuple[int, int]]:
    """Where an image is cut along its longer edge into pieces of `side` that overlap alike: first and behind last."""
    length = max(height, width)
    count = -(-length // side)
    step = side - (count * side - length) / (count - 1) if count > 1 else side
    return [(int(number * step), int(number * step) + side) for number in range(count)]


class EomtMapsMixin:
    """`outputs` has `class_queries_logits` (B, Q, N+1), the last class being "nothing", `masks_queries_logits` (B, Q, y, x),
    and of images that were cut `patch_offsets`; `target_sizes` are height and width of each image.

    `size` is that of the image processor that prepared the images, by default that of this one.

    Raises:
        InputError: not one size for each image.
    """

    size: Any

    def unpad_image(self, segmentation_logits: Any, target_sizes: Sizes, size: Any) -> list[Any]:
        """Maps (B, N, Y, X) of padded images -> of each image (N, Y', X') in its own size, without the padding."""
        maps = []
        for each, target in zip(segmentation_logits, target_sizes, strict=True):
            height, width = map(int, target)
            rows, columns = transforms.output_size(height, width, _read(size))
            maps.append(resized(each[:, :rows, :columns], (height, width)))
        return maps

    def merge_image_patches(self, segmentation_logits: Any, patch_offsets: Any, target_sizes: Sizes, size: Any) -> list[Any]:
        """Maps (P, N, Y, X) of pieces of images -> of each image (N, Y', X') in its own size, the mean where pieces overlap.

        Args:
            patch_offsets: of each piece the number of its image, and its first and last place along the longer edge.
        """
        maps = []
        places = [tuple(map(int, each)) for each in patch_offsets]
        for image, target in enumerate(target_sizes):
            height, width = map(int, target)
            rows, columns = transforms.output_size(height, width, _read(size))
            axis, length = (1, rows) if height > width else (2, columns)
            total = segmentation_logits.new_zeros((segmentation_logits.shape[1], rows, columns))
            count = segmentation_logits.new_zeros((1, rows, columns))
            for piece, (number, start, stop) in zip(segmentation_logits, places, strict=True):
                if number == image:
                    part = min(stop, length) - start
                    total.narrow(axis, start, part).add_(piece.narrow(axis, 0, part))
                    count.narrow(axis, start, part).add_(1)
            maps.append(resized(total / count.clamp(min=1), (height, width)))
        return maps

    def post_process_semantic_segmentation(
        self, outputs: Any, target_sizes: Sizes, size: Any = None, return_segmentation_scores: bool = False
    ) -> list[Any]:
        """The class at each place, (Y, X) for each image.

        Args:
            return_segmentation_scores: give `segmentation`, that map, with `segmentation_scores` (N, Y, X).
        """
        import torch

        size = _read(self.size if size is None else size)
        logits, masks = outputs.class_queries_logits, resized_all(outputs.masks_queries_logits, edges_of(size))
        scores = torch.einsum("bqc,bqyx->bcyx", logits.softmax(-1)[..., :-1], masks.sigmoid())
        offsets = getattr(outputs, "patch_offsets", None)
        if offsets is not None and len(offsets):
            if len(offsets) != len(scores):
                raise InputError(f"patch_offsets are of {len(offsets)} pieces; there are predictions for {len(scores)}")
            maps = self.merge_image_patches(scores, offsets, target_sizes, size)
        elif not return_segmentation_scores:
            return [highest_class(row, each) for row, each in zip(scores, sizes_of(target_sizes, len(scores)), strict=True)]
        else:
            maps = [resized(row, each) for row, each in zip(scores, sizes_of(target_sizes, len(scores)), strict=True)]
        if not return_segmentation_scores:
            return [row.argmax(0) for row in maps]
        return [BatchFeature({"segmentation": row.argmax(0), "segmentation_scores": row}) for row in maps]

    def post_process_instance_segmentation(
        self, outputs: Any, target_sizes: Sizes, threshold: float = 0.8, size: Any = None
    ) -> list[dict[str, Any]]:
        """For each image `segmentation` (Y, X), the number of the instance at each place, -1 for none, and `segments_info`: of
        each instance `id`, `label_id` and `score`, the probability of its class times the mean of its mask.

        Args:
            threshold: instances of lower scores are left out.
        """
        import torch

        results = []
        for logits, masks in self._each(outputs, target_sizes, size):
            likely, labels = logits.softmax(-1)[:, :-1].max(-1)
            inside = masks > 0
            area = inside.float().flatten(1).sum(1)
            scores = likely * ((masks.sigmoid() * inside).flatten(1).sum(1) / (area + 1e-6))
            segmentation = torch.full(masks.shape[1:], -1.0, device=masks.device)
            segments: list[dict[str, Any]] = []
            for query in ((scores >= threshold) & (area > 0)).nonzero()[:, 0].tolist():
                segmentation.masked_fill_(inside[query], len(segments))
                score = round(scores[query].item(), 6)
                segments.append({"id": len(segments), "label_id": int(labels[query]), "score": score})
            results.append({"segmentation": segmentation, "segments_info": segments})
        return results

    def post_process_panoptic_segmentation(
        self,
        outputs: Any,
        target_sizes: Sizes,
        threshold: float = 0.8,
        mask_threshold: float = 0.5,
        overlap_mask_area_threshold: float = 0.8,
        stuff_classes: Collection[int] | None = None,
        size: Any = None,
    ) -> list[dict[str, Any]]:
        """For each image `segmentation` (Y, X), the number of the segment at each place, -1 for none, and `segments_info`: of
        each segment `id`, `label_id` and `score`.

        Args:
            threshold: queries of lower scores are left out. mask_threshold: from this probability a place belongs to a mask.
            overlap_mask_area_threshold: the part of its mask that a segment must keep where others overlap it.
            stuff_classes: classes of which all objects are one segment, such as the sky.
        """
        import torch

        results = []
        for logits, masks in self._each(outputs, target_sizes, size):
            best, labels = logits.softmax(-1).max(-1)
            kept = (labels != logits.shape[-1] - 1) & (best > threshold)
            if not kept.any():
                results.append({"segmentation": torch.full(masks.shape[1:], -1.0), "segments_info": []})
                continue
            limits = mask_threshold, overlap_mask_area_threshold
            results.append(_segments(masks[kept].sigmoid(), best[kept], labels[kept], limits, stuff_classes or ()))
        return results

    def _each(self, outputs: Any, target_sizes: Sizes, size: Any) -> Any:
        """Of each image the logits of classes (Q, N+1) and of masks (Q, Y, X) in its own size."""
        size = _read(self.size if size is None else size)
        logits, masks = outputs.class_queries_logits, resized_all(outputs.masks_queries_logits, edges_of(size))
        return zip(logits, self.unpad_image(masks, sizes_of(target_sizes, len(logits)), size), strict=True)


def _segments(masks: Any, scores: Any, labels: Any, limits: tuple[float, float], fused: Collection[int]) -> dict[str, Any]:
    """The map and the facts of the segments of an image, from its masks (Q, Y, X) in 0..1, scores and labels (Q,)."""
    import torch

    winner = (masks * scores[:, None, None]).argmax(0)
    segmentation = torch.full(winner.shape, -1, dtype=torch.long, device=masks.device)
    segments: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}
    for query, (mask, label, score) in enumerate(zip(masks, labels.tolist(), scores.tolist(), strict=True)):
        own, whole = winner == query, mask >= limits[0]
        inside = own & whole
        if not inside.any() or not (own.sum() / whole.sum()).item() > limits[1]:
            continue
        if label in fused and label in numbers:
            segmentation[inside] = numbers[label]
            continue
        segmentation[inside] = numbers[label] = len(segments)
        segments.append({"id": len(segments), "label_id": label, "score": round(score, 6)})
    return {"segmentation": segmentation, "segments_info": segments}


def _read(size: Any) -> transforms.SizeDict:
    return transforms.read_size(size, False)
