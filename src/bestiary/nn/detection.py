"""The loss of models that predict a set of objects: each predicted object is matched to a real one, or to none.

Carion et al. 2020 ("End-to-end object detection with transformers"), section 3.1 and appendix A.2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import InputError, NumericsError
from ..core.logging import warn_once
from ..core.optional import require
from .boxes import center_to_corners, generalized_iou, pairwise_generalized_iou
from .focal_loss import focal_loss


class Predicted(NamedTuple):
    """What a model predicts for a batch: `logits` of each class and `boxes` (B, Q, 4), (center x, center y, width, height)
    in 0..1 of the image. Logits are (B, Q, N+1), the last class being "no object"; those of models whose classes are judged
    one by one (see `focal_set_loss.py`) are (B, Q, N)."""

    logits: Tensor
    boxes: Tensor


class Real(NamedTuple):
    """The objects of one image: `classes` (M,), `boxes` (M, 4), and where they are needed `masks` (M, Y, X)."""

    classes: Tensor
    boxes: Tensor
    masks: Tensor | None


Match = tuple[Tensor, Tensor]  # of one image: the predicted objects that have a real one, and those


@dataclass(frozen=True)
class SetLoss:
    """Weights of the costs by which objects are matched, and of the losses of those matched."""

    class_cost: float = 1.0
    bbox_cost: float = 5.0
    giou_cost: float = 2.0
    bbox_weight: float = 5.0
    giou_weight: float = 2.0
    mask_weight: float = 1.0
    dice_weight: float = 1.0
    empty_weight: float = 0.1

    def __call__(
        self, predicted: Predicted, labels: Any, earlier: Sequence[Predicted] = (), masks: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and the losses in it by name.

        Args:
            labels: of each image `class_labels` (M,), `boxes` (M, 4) and, with `masks`, `masks` (M, Y, X).
            earlier: what the layers before the last predict; their losses have the layer's number in their names.
            masks: (B, Q, Y, X), logits of the masks.

        Raises:
            InputError: labels that do not fit. NumericsError: predictions that are not finite. MissingDependency: scipy.
        """
        real = read_labels(labels, predicted, masks is not None, self.class_count(predicted.logits))
        losses, matches = self._losses(predicted, real)
        if masks is not None:
            losses |= _mask_losses(masks, real, matches)
        for number, each in enumerate(earlier):
            losses |= {f"{name}_{number}": value for name, value in self._losses(each, real)[0].items()}
        weights = {
            "loss_ce": 1.0,
            "loss_bbox": self.bbox_weight,
            "loss_giou": self.giou_weight,
            "loss_mask": self.mask_weight,
            "loss_dice": self.dice_weight,
        }
        kinds = {name: name.rstrip("0123456789").removesuffix("_") for name in losses}
        total = torch.stack([value * weights[kinds[name]] for name, value in losses.items() if kinds[name] in weights]).sum()
        return total, losses

    @torch.no_grad()
    def match(self, predicted: Predicted, real: Sequence[Real]) -> list[Match]:
        """Of each image the pairs with the least sum of costs (Kuhn 1955, the Hungarian method)."""
        assign = require("scipy.optimize", "matching predicted objects to labels").linear_sum_assignment
        pairs = []
        for logits, boxes, image in zip(predicted.logits.float(), predicted.boxes.float(), real, strict=True):
            by_class = self.class_costs(logits)[:, image.classes]
            by_corner = torch.cdist(boxes, image.boxes, p=1)
            by_overlap = -pairwise_generalized_iou(center_to_corners(boxes), center_to_corners(image.boxes))
            cost = self.class_cost * by_class + self.bbox_cost * by_corner + self.giou_cost * by_overlap
            if not cost.isfinite().all():
                raise NumericsError("predicted logits or boxes hold NaN or infinite numbers; no object can be matched")
            rows, columns = assign(cost.cpu().numpy())
            pairs.append((torch.as_tensor(rows, device=boxes.device), torch.as_tensor(columns, device=boxes.device)))
        return pairs

    def class_count(self, logits: Tensor) -> int:
        """How many classes objects can have, of logits (..., N+1)."""
        return logits.shape[-1] - 1

    def objects_seen(self, logits: Tensor) -> Tensor:
        """How many objects (B,) these logits (B, Q, N+1) tell of."""
        return (logits.argmax(-1) != logits.shape[-1] - 1).sum(1)

    def class_costs(self, logits: Tensor) -> Tensor:
        """What it costs to give each query (Q, N+1) each class."""
        return -logits.softmax(-1)

    def class_loss(self, logits: Tensor, real: Sequence[Real], matches: Sequence[Match]) -> Tensor:
        """The loss of logits (B, Q, N+1) whose queries have the classes of their objects, or "no object"."""
        empty = logits.shape[-1] - 1
        weights = torch.ones(empty + 1, device=logits.device)
        weights[empty] = self.empty_weight
        return F.cross_entropy(logits.transpose(1, 2), classes_of(logits, real, matches, empty), weights)

    def _losses(self, predicted: Predicted, real: Sequence[Real]) -> tuple[dict[str, Tensor], list[Match]]:
        """Losses of classes and boxes, and by how many objects an image is miscounted on average, which is not trained."""
        logits, boxes = predicted.logits.float(), predicted.boxes.float()
        matches = self.match(predicted, real)
        predicted_boxes = torch.cat([boxes[row, queries] for row, (queries, _) in enumerate(matches)])
        label_boxes = torch.cat([real[row].boxes[objects] for row, (_, objects) in enumerate(matches)])
        overlap = generalized_iou(center_to_corners(predicted_boxes), center_to_corners(label_boxes))
        counts = torch.tensor([len(image.classes) for image in real], dtype=torch.float32, device=logits.device)
        losses = {
            "loss_ce": self.class_loss(logits, real, matches),
            "loss_bbox": (predicted_boxes - label_boxes).abs().sum() / object_count(real),
            "loss_giou": (1 - overlap).sum() / object_count(real),
            "cardinality_error": F.l1_loss(self.objects_seen(logits).float(), counts),
        }
        return losses, matches


def object_count(real: Sequence[Real]) -> int:
    """The number of objects in a batch that sums are divided by."""
    return max(1, sum(len(image.classes) for image in real))


def classes_of(logits: Tensor, real: Sequence[Real], matches: Sequence[Match], empty: int) -> Tensor:
    """Of each query of (B, Q, ...) the class of its object, `empty` where it has none."""
    classes = torch.full(logits.shape[:2], empty, device=logits.device)
    for row, (queries, objects) in enumerate(matches):
        classes[row, queries] = real[row].classes[objects]
    return classes


def _mask_losses(masks: Tensor, real: Sequence[Real], matches: Sequence[Match]) -> dict[str, Tensor]:
    """Focal loss (Lin et al. 2017) and Dice loss (Milletari et al. 2016) of masks (B, Q, y, x), scaled to the labels' size."""
    sizes = [image.masks.shape[-2:] for image in real if image.masks is not None]
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    matched = torch.cat([masks[row, queries] for row, (queries, _) in enumerate(matches)]).float()
    logits = F.interpolate(matched[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0].flatten(1)
    targets = []
    for image, (_, objects) in zip(real, matches, strict=True):
        if image.masks is not None:
            below, right = height - image.masks.shape[-2], width - image.masks.shape[-1]
            targets.append(F.pad(image.masks[objects].float(), (0, right, 0, below)).flatten(1))
    truth, count = torch.cat(targets), object_count(real)
    probability = logits.sigmoid()
    focal = focal_loss(logits, truth).mean(1).sum() / count
    dice = 1 - (2 * (probability * truth).sum(1) + 1) / (probability.sum(1) + truth.sum(1) + 1)
    return {"loss_mask": focal, "loss_dice": dice.sum() / count}


def read_labels(labels: Any, predicted: Predicted, need_masks: bool = False, classes: int | None = None) -> list[Real]:
    """The labels of a batch, checked, where the predictions are; there are so many `classes`, or one less than logits.

    Raises:
        InputError: not one for each image; a field is missing or misshapen; classes that do not exist; boxes that are none.
    """
    logits = predicted.logits
    known = logits.shape[-1] - 1 if classes is None else classes
    listed = isinstance(labels, list | tuple)
    if not listed or len(labels) != len(logits) or not all(isinstance(image, Mapping) for image in labels):
        raise InputError(
            f"labels are a {type(labels).__name__}{f' of {len(labels)}' if listed else ''}; expected a list of {len(logits)}"
            " dictionaries, one for each image, with class_labels and boxes"
        )
    required = ("class_labels", "boxes", "masks") if need_masks else ("class_labels", "boxes")
    real = []
    for index, image in enumerate(labels):
        missing = [name for name in required if not isinstance(image.get(name), Tensor)]
        if missing:
            content = ", ".join(f"{name} ({type(value).__name__})" for name, value in image.items()) or "nothing"
            raise InputError(f"labels[{index}] has no tensor {' and no '.join(missing)}; it has {content}")
        if image["class_labels"].is_floating_point():
            raise InputError(f"class_labels of labels[{index}] are of {image['class_labels'].dtype}; expected torch.int64")
        labelled, boxes = image["class_labels"].to(logits.device).long(), image["boxes"].to(logits.device).float()
        if labelled.dim() != 1 or boxes.shape != (len(labelled), 4):
            raise InputError(
                f"labels[{index}] has class_labels of shape {tuple(labelled.shape)} and boxes of shape {tuple(boxes.shape)};"
                " expected (objects,) and (objects, 4)"
            )
        if len(labelled) and not 0 <= int(labelled.min()) <= int(labelled.max()) < known:
            raise InputError(
                f"class_labels of labels[{index}] go from {int(labelled.min())} to {int(labelled.max())}; this model has the"
                f" classes 0 to {known - 1} (num_labels={known})"
            )
        if not boxes.isfinite().all() or (boxes[:, 2:] < 0).any():
            raise InputError(f"boxes of labels[{index}] hold numbers that are not finite, or a width or height below 0")
        if len(boxes) and not 0 <= boxes.min() <= boxes.max() <= 1:
            warn_once(
                "boxes-of-pixels",
                f"boxes of labels[{index}] go from {boxes.min():.4g} to {boxes.max():.4g}; expected (center x, center y, width,"
                " height) in 0..1 of the image: divide pixels by its width and height",
            )
        masks = image["masks"].to(logits.device) if need_masks else None
        if masks is not None and (masks.dim() != 3 or len(masks) != len(labelled)):
            raise InputError(
                f"masks of labels[{index}] have shape {tuple(masks.shape)}; expected ({len(labelled)}, height, width)"
            )
        real.append(Real(labelled, boxes, masks))
    return real
