"""Maps of instances, from models whose queries may be several classes at once (Cheng et al. 2021, MaskFormer)."""

from typing import Any, ClassVar

from ...core.errors import ArgumentError
from .segmentation import SegmentationMixin, Sizes, run_lengths, sizes_of


class InstanceMasksMixin(SegmentationMixin):
    """Predictions of masks to maps. `outputs` has `class_queries_logits` (B, Q, N+1), the last class meaning nothing, and
    `masks_queries_logits` (B, Q, Y, X)."""

    predictions: ClassVar[tuple[str, str]] = ("class_queries_logits", "masks_queries_logits")

    def post_process_instance_segmentation(  # with one option more, as published
        self,
        outputs: Any,
        threshold: float = 0.5,
        mask_threshold: float = 0.5,
        overlap_mask_area_threshold: float = 0.8,
        target_sizes: Sizes = None,
        return_coco_annotation: bool | None = False,
        return_binary_maps: bool | None = False,
    ) -> list[dict[str, Any]]:
        """For each image `segmentation` (Y, X), the number of the instance at each place, -1 for none, and `segments_info`: of
        each instance `id`, `label_id`, `score` and `was_fused`. Of as many pairs of query and class as there are queries, the
        likeliest, each is an instance whose score, times the mean of its mask, is no lower than `threshold`.

        Args:
            mask_threshold, overlap_mask_area_threshold: as of `post_process_panoptic_segmentation`; instances may overlap, so
                that neither has an effect.
            return_coco_annotation: give the map as COCO's run lengths, a list for each number in it.
            return_binary_maps: give a map (M, Y, X) for each instance instead, where there is one.

        Raises:
            ArgumentError: both forms are asked for. InputError: not one size for each image.
        """
        if return_coco_annotation and return_binary_maps:
            raise ArgumentError("return_coco_annotation and return_binary_maps are two forms of one map; ask for one of them")
        logits, drawn = self.predicted(outputs)
        results = []
        for classes, masks, size in zip(logits, drawn, sizes_of(target_sizes, len(logits)), strict=True):
            result = self._instances(classes, masks, size, threshold, bool(return_binary_maps))
            if return_coco_annotation:
                result["segmentation"] = run_lengths(result["segmentation"])
            results.append(result)
        return results

    def _instances(self, logits: Any, masks: Any, size: Any, threshold: float, apart: bool) -> dict[str, Any]:
        """The instances of one image, from logits (Q, N+1) and (Q, Y, X)."""
        import torch

        count = logits.shape[-1] - 1
        likely, pairs = logits.softmax(-1)[:, :-1].flatten().topk(len(logits), sorted=False)
        queries, labels = pairs.div(count, rounding_mode="floor"), pairs % count
        inside = masks > 0
        certainty = (masks.sigmoid() * inside).flatten(1).sum(1) / (inside.float().flatten(1).sum(1) + 1e-6)
        scores = likely * certainty[queries]
        shape = inside.shape[-2:] if size is None else (int(size[0]), int(size[1]))
        # Places of a map that is enlarged keep their values: only smaller ones may lose a mask before it is looked for.
        grows = shape[0] >= inside.shape[1] and shape[1] >= inside.shape[2]
        seen = inside if grows else nearest(inside, shape)
        visible = seen.flatten(1).any(1)
        chosen = (scores >= threshold) & visible[queries]
        segments, kept = [], []
        segmentation = torch.full(seen.shape[-2:], -1.0, device=masks.device)
        facts = zip(queries[chosen].tolist(), labels[chosen].tolist(), scores[chosen].tolist(), strict=True)
        for number, (query, label, score) in enumerate(facts):
            segmentation.masked_fill_(seen[query], number)
            kept.append(query)
            segments.append({"id": number, "label_id": label, "was_fused": False, "score": round(score, 6)})
        if apart and kept:
            segmentation = seen[kept].float()
        return {"segmentation": nearest(segmentation, shape), "segments_info": segments}


def nearest(maps: Any, size: tuple[int, int]) -> Any:
    """Maps (..., Y, X) in another height and width, each place with the value of one pixel."""
    import torch

    rows, columns = (
        (torch.arange(new, dtype=torch.float32) * (old / new)).floor().long().clamp(max=old - 1).to(maps.device)
        for old, new in zip(maps.shape[-2:], size, strict=True)
    )
    return maps if maps.shape[-2:] == size else maps[..., rows[:, None], columns]
