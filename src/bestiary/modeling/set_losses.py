"""The losses of models that predict a set of objects, under the published names and calls (see `loss_functions.py`)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..nn.detection import Predicted, SetLoss
from ..nn.focal_set_loss import FocalSetLoss

SetLosses = tuple[Tensor, dict[str, Tensor], list[dict[str, Tensor]] | None]


def _weights(config: Any) -> dict[str, Any]:
    """The weights of costs and losses that a config says."""
    return {
        "class_cost": config.class_cost,
        "bbox_cost": config.bbox_cost,
        "giou_cost": config.giou_cost,
        "bbox_weight": config.bbox_loss_coefficient,
        "giou_weight": config.giou_loss_coefficient,
        "mask_weight": getattr(config, "mask_loss_coefficient", 1),  # which models without masks do not have
        "dice_weight": getattr(config, "dice_loss_coefficient", 1),
    }


def _set_loss(
    weigh: SetLoss,
    logits: Tensor,
    labels: Any,
    boxes: Tensor,
    masks: Tensor | None,
    outputs_class: Sequence[Tensor] | None,
    outputs_coord: Sequence[Tensor] | None,
) -> SetLosses:
    layers = zip(outputs_class, outputs_coord, strict=True) if outputs_class is not None and outputs_coord is not None else ()
    earlier = [Predicted(*layer) for layer in layers][:-1]
    loss, parts = weigh(Predicted(logits, boxes), labels, earlier, masks)
    return loss, parts, [{"logits": each.logits, "pred_boxes": each.boxes} for each in earlier] or None


def ForSegmentationLoss(
    logits: Tensor,
    labels: Any,
    device: torch.device,
    pred_boxes: Tensor,
    pred_masks: Tensor | None,
    config: Any,
    outputs_class: Sequence[Tensor] | None = None,
    outputs_coord: Sequence[Tensor] | None = None,
    **kwargs: Any,
) -> SetLosses:
    """Loss of a set of objects and their masks (B, Q, y, x), weighted as the config says (see `nn/detection.py`).

    Args:
        logits: (B, Q, N+1). pred_boxes: (B, Q, 4). outputs_class, outputs_coord: those of all layers, (L, B, Q, ...).

    Returns:
        the sum, its parts by name, and the predictions of the layers before the last.
    """
    weigh = SetLoss(**_weights(config), empty_weight=config.eos_coefficient)
    return _set_loss(weigh, logits, labels, pred_boxes, pred_masks, outputs_class, outputs_coord)


def ForObjectDetectionLoss(
    logits: Tensor,
    labels: Any,
    device: torch.device,
    pred_boxes: Tensor,
    config: Any,
    outputs_class: Sequence[Tensor] | None = None,
    outputs_coord: Sequence[Tensor] | None = None,
    **kwargs: Any,
) -> SetLosses:
    """The same without masks."""
    return ForSegmentationLoss(logits, labels, device, pred_boxes, None, config, outputs_class, outputs_coord)


def DeformableDetrForSegmentationLoss(
    logits: Tensor,
    labels: Any,
    device: torch.device,
    pred_boxes: Tensor,
    pred_masks: Tensor | None,
    config: Any,
    outputs_class: Sequence[Tensor] | None = None,
    outputs_coord: Sequence[Tensor] | None = None,
    **kwargs: Any,
) -> SetLosses:
    """As `ForSegmentationLoss`, of logits (B, Q, N) whose classes are judged one by one (see `nn/focal_set_loss.py`).

    Objects are matched by the costs of `ForSegmentationLoss` here, as in the published library.
    """
    weigh = FocalSetLoss(**_weights(config), alpha=config.focal_alpha, softmax_costs=True)
    return _set_loss(weigh, logits, labels, pred_boxes, pred_masks, outputs_class, outputs_coord)


def DeformableDetrForObjectDetectionLoss(
    logits: Tensor,
    labels: Any,
    device: torch.device,
    pred_boxes: Tensor,
    config: Any,
    outputs_class: Sequence[Tensor] | None = None,
    outputs_coord: Sequence[Tensor] | None = None,
    **kwargs: Any,
) -> SetLosses:
    """The same without masks, objects being matched by focal costs."""
    weigh = FocalSetLoss(**_weights(config), alpha=config.focal_alpha)
    outputs_class = outputs_class if config.auxiliary_loss else None
    return _set_loss(weigh, logits, labels, pred_boxes, None, outputs_class, outputs_coord)


SET_LOSSES: dict[str, Callable[..., SetLosses]] = {
    "ForObjectDetection": ForObjectDetectionLoss,
    "ForSegmentation": ForSegmentationLoss,
    "ConditionalDetrForObjectDetection": DeformableDetrForObjectDetectionLoss,
    "ConditionalDetrForSegmentation": DeformableDetrForSegmentationLoss,
    "DeformableDetrForObjectDetection": DeformableDetrForObjectDetectionLoss,
}
