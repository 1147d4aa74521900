"""The losses of RT-DETR and its relatives, under the published names and calls (see `loss_functions.py`)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..nn.detection import Predicted
from ..nn.distribution_set_loss import DistributionSetLoss
from ..nn.edge_distributions import Edges
from ..nn.varifocal_set_loss import Told, VarifocalSetLoss

SetLosses = tuple[Tensor, dict[str, Tensor], list[dict[str, Tensor]] | None]


def _realtime_weights(config: Any) -> dict[str, Any]:
    """The weights of costs and losses that a config of RT-DETR or a relative says."""
    return {
        "class_cost": config.matcher_class_cost,
        "bbox_cost": config.matcher_bbox_cost,
        "giou_cost": config.matcher_giou_cost,
        "bbox_weight": config.weight_loss_bbox,
        "giou_weight": config.weight_loss_giou,
        "alpha": config.focal_loss_alpha,
        "gamma": config.focal_loss_gamma,
        "match_alpha": config.matcher_alpha,
        "match_gamma": config.matcher_gamma,
        "softmax_costs": not config.use_focal_loss,
        "class_weight": config.weight_loss_vfl,
    }


def _layers(part: slice, logits: Tensor, boxes: Tensor, edges: Sequence[Tensor] | None) -> list[Told]:
    """What each layer tells of the queries `part`, of numbers (B, L, Q, ...); `edges` are its logits of bins and first boxes.

    Layers without edges are left out where any have some, as in the published library.
    """
    told: list[Told] = [
        (Predicted(*each), None) for each in zip(logits[:, :, part].unbind(1), boxes[:, :, part].unbind(1), strict=True)
    ]
    if edges is None:
        return told
    corners, first = (each[:, :, part] for each in edges)
    last, classes = corners[:, -1], logits[:, -1, part]
    own = [Edges(*each, last, classes) for each in zip(corners.unbind(1), first.unbind(1), strict=True)]
    return [(predicted, each) for (predicted, _), each in zip(told, own, strict=False)]


def _realtime_loss(
    weigh: VarifocalSetLoss,
    logits: Tensor,
    labels: Any,
    pred_boxes: Tensor,
    layers: tuple[Tensor, Tensor] | None,
    proposed: tuple[Any, Any],
    made: dict[str, Any] | None,
    edges: Sequence[Tensor] | None = None,
) -> SetLosses:
    """The loss of what the last layer, those of `layers` (B, L, Q, ...) before it and the encoder predict.

    Args:
        made: what is told of queries made of real objects, the first of all: they have a loss of their own behind each layer.
    """
    count = 0 if made is None else made["dn_num_split"][0]
    predicted: dict[str, Told] = {"": (Predicted(logits[:, count:], pred_boxes.clamp(0, 1)[:, count:]), None)}
    earlier, denoised = [], {}
    if layers is not None:
        every = (layers[0], layers[1].clamp(0, 1), edges)
        own = _layers(slice(count, None), *every)
        earlier = [*own[: len(own) - 1], (Predicted(proposed[0], proposed[1].clamp(0, 1)), None)]
        predicted |= {f"_aux_{number}": each for number, each in enumerate(earlier)}
        denoised = dict(enumerate(_layers(slice(count), *every))) if count else {}
    parts = weigh.over(predicted, labels, {f"_dn_{number}": each for number, each in denoised.items()}, made)
    told = [_told(*each) for each in earlier]
    return torch.stack(list(parts.values())).sum(), parts, told or None


def _told(predicted: Predicted, edges: Edges | None) -> dict[str, Tensor]:
    """The predictions of a layer under their published names."""
    names = ("pred_corners", "ref_points", "teacher_corners", "teacher_logits")
    further = {} if edges is None else dict(zip(names, edges, strict=True))
    return {"logits": predicted.logits, "pred_boxes": predicted.boxes, **further}


def RTDetrForObjectDetectionLoss(
    logits: Tensor,
    labels: Any,
    device: torch.device,
    pred_boxes: Tensor,
    config: Any,
    outputs_class: Tensor | None = None,
    outputs_coord: Tensor | None = None,
    enc_topk_logits: Tensor | None = None,
    enc_topk_bboxes: Tensor | None = None,
    denoising_meta_values: dict[str, Any] | None = None,
    **kwargs: Any,
) -> SetLosses:
    """Loss of a set of objects whose classes are told as surely as their boxes lie well (see `nn/varifocal_set_loss.py`).

    Args:
        logits: (B, Q, N). pred_boxes: (B, Q, 4). outputs_class, outputs_coord: those of all layers, (B, L, Q, ...).
        enc_topk_logits, enc_topk_bboxes: the encoder's proposals.
        denoising_meta_values: of queries made of real objects, which are the first of all (see `nn/denoising.py`).

    Returns:
        the sum, its parts by name, and the predictions of the layers before the last and of the encoder.
    """
    weigh = VarifocalSetLoss(**_realtime_weights(config))
    given = config.auxiliary_loss and outputs_class is not None and outputs_coord is not None
    layers = (outputs_class, outputs_coord) if given else None
    proposed = (enc_topk_logits, enc_topk_bboxes)
    return _realtime_loss(weigh, logits, labels, pred_boxes, layers, proposed, denoising_meta_values)  # type: ignore[arg-type]


def DFineForObjectDetectionLoss(
    logits: Tensor,
    labels: Any,
    device: torch.device,
    pred_boxes: Tensor,
    config: Any,
    outputs_class: Tensor | None = None,
    outputs_coord: Tensor | None = None,
    enc_topk_logits: Tensor | None = None,
    enc_topk_bboxes: Tensor | None = None,
    denoising_meta_values: dict[str, Any] | None = None,
    predicted_corners: Tensor | None = None,
    initial_reference_points: Tensor | None = None,
    **kwargs: Any,
) -> SetLosses:
    """As `RTDetrForObjectDetectionLoss`, with that of edges told by distributions (see `nn/distribution_set_loss.py`).

    Args:
        predicted_corners: logits of bins, (B, L, Q, 4 * (N + 1)). initial_reference_points: the boxes that edges are counted
            from, (B, L, Q, 4). Both are used with `denoising_meta_values` alone, as in the published library.
    """
    weigh = DistributionSetLoss(
        **_realtime_weights(config),
        fine_weight=config.weight_loss_fgl,
        taught_weight=config.weight_loss_ddf,
        bins=config.max_num_bins,
        scale=config.reg_scale,
        widest=config.up,
    )
    given = config.auxiliary_loss and outputs_class is not None and outputs_coord is not None
    layers = (outputs_class, outputs_coord) if given else None
    told = denoising_meta_values is not None and predicted_corners is not None and initial_reference_points is not None
    edges = (predicted_corners, initial_reference_points) if told else None
    proposed = (enc_topk_logits, enc_topk_bboxes)
    return _realtime_loss(weigh, logits, labels, pred_boxes, layers, proposed, denoising_meta_values, edges)  # type: ignore[arg-type]


REALTIME_LOSSES: dict[str, Callable[..., SetLosses]] = {
    "RTDetrForObjectDetection": RTDetrForObjectDetectionLoss,
    "RTDetrV2ForObjectDetection": RTDetrForObjectDetectionLoss,
    "DFineForObjectDetection": DFineForObjectDetectionLoss,
}
