"""The objects of models that judge classes one by one: of all queries and classes together, the likeliest."""

from typing import Any

from .detection import objects_above


class RankedObjectsMixin:
    """Predictions of logits (B, Q, N), without a class that means nothing, to objects."""

    def post_process_object_detection(
        self, outputs: Any, threshold: float = 0.5, target_sizes: Any = None, top_k: int = 100
    ) -> list[dict[str, Any]]:
        """As `DetectionImageProcessor.post_process_object_detection`, of the `top_k` likeliest pairs of query and class."""
        scores, labels, boxes = likeliest(outputs.logits, outputs.pred_boxes, top_k)
        return objects_above(threshold, scores, labels, boxes, target_sizes)


def likeliest(logits: Any, boxes: Any, count: int) -> tuple[Any, Any, Any]:
    """Scores and labels (B, K) and boxes (B, K, 4) of the K likeliest pairs of query and class, of logits (B, Q, N)."""
    classes = logits.shape[-1]
    scores, places = logits.sigmoid().flatten(1).topk(min(count, logits.shape[1] * classes), dim=1)
    chosen = places.div(classes, rounding_mode="floor")
    return scores, places % classes, boxes.gather(1, chosen[..., None].expand(-1, -1, 4))
