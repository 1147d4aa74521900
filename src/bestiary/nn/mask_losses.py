"""The loss of models that predict a set of masks: each predicted mask is matched to a real one, or to none.

Cheng et al. 2021 ("Per-pixel classification is not all you need for semantic segmentation"), sections 3.2 and 3.3, and Cheng et
al. 2022 ("Masked-attention mask transformer for universal image segmentation"), section 3.3, which looks at points alone.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import InputError
from ..core.optional import require
from .init import Starting
from .point_sampling import at_points, uncertain_points
from .values import extremes, may_look


class PredictedMasks(NamedTuple):
    """What a model predicts for a batch: `classes` (B, Q, N+1), logits, the last class being "nothing", and `masks`
    (B, Q, y, x), logits."""

    classes: Tensor
    masks: Tensor


class Points(NamedTuple):
    """At how many points masks are compared, and how those of the loss are drawn: see `uncertain_points`."""

    number: int
    oversampled: float
    share: float


def focal_terms(logits: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> tuple[Tensor, Tensor]:
    """The focal loss (Lin et al. 2017) of logits where the label is 1, and where it is 0."""
    probability = logits.sigmoid()
    positive = alpha * (1 - probability) ** gamma * F.softplus(-logits)
    return positive, (1 - alpha) * probability**gamma * F.softplus(logits)


def pair_costs(logits: Tensor, masks: Tensor, focal: bool) -> tuple[Tensor, Tensor]:
    """Of masks of logits (Q, P) and real ones (M, P) the mean focal loss or cross entropy, and the Dice loss: (Q, M) each."""
    positive, negative = focal_terms(logits) if focal else (F.softplus(-logits), F.softplus(logits))
    by_place = (positive @ masks.T + negative @ (1 - masks).T) / logits.shape[1]
    probability = logits.sigmoid()
    both, sizes = probability @ masks.T, probability.sum(1)[:, None] + masks.sum(1)
    return by_place, 1 - (2 * both + 1) / (sizes + 1)


def mask_losses(logits: Tensor, masks: Tensor, count: Tensor | float, focal: bool) -> tuple[Tensor, Tensor]:
    """The same of pairs (M, P), summed over these and divided by `count`."""
    if focal:
        positive, negative = focal_terms(logits)
        each = positive * masks + negative * (1 - masks)
    else:
        each = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    probability = logits.sigmoid()
    dice = 1 - (2 * (probability * masks).sum(1) + 1) / (probability.sum(1) + masks.sum(1) + 1)
    return each.mean(1).sum() / count, dice.sum() / count


class MaskCriterion(Starting):
    """The loss of masks and their classes, weighed; `empty_weight`, in files, holds what each class counts.

    Args:
        classes: how many there are besides "nothing", which counts `empty`.
        class_weight, mask_weight, dice_weight: of the costs in matching and of the losses.
        points: where masks are compared; None compares them at every place, by focal loss in place of cross entropy.
    """

    empty_weight: Tensor

    def __init__(
        self, classes: int, empty: float, class_weight: float, mask_weight: float, dice_weight: float, points: Points | None
    ) -> None:
        super().__init__()
        self.weights = {"loss_cross_entropy": class_weight, "loss_mask": mask_weight, "loss_dice": dice_weight}
        self.points, self.num_labels = points, classes
        self.register_buffer("empty_weight", torch.ones(classes + 1))

        def start(weight: Tensor) -> None:
            weight.fill_(1.0)
            weight[-1] = empty

        self.starts = {"empty_weight": start}

    def forward(
        self, predicted: PredictedMasks, earlier: Sequence[PredictedMasks], mask_labels: Any, class_labels: Any
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and the losses in it by name.

        Args:
            earlier: what the layers before the last predict; their losses have the layer's number in their names.
            mask_labels: of each image masks (M, Y, X) of 0 and 1. class_labels: of each image their classes (M,).

        Raises:
            InputError: labels that do not fit. MissingDependency: scipy.
        """
        real = read_masks(mask_labels, class_labels, predicted)
        losses = self.losses(predicted, real)
        for number, each in enumerate(earlier):
            losses |= {f"{name}_{number}": value for name, value in self.losses(each, real).items()}
        weighted = [value * self.weights[name.rstrip("0123456789").rstrip("_")] for name, value in losses.items()]
        return torch.stack(weighted).sum(), losses

    def losses(self, predicted: PredictedMasks, real: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Those of one layer, not weighed; `real` are the masks and classes of each image."""
        matches = self.match(predicted, real)
        count = max(sum(len(classes) for _, classes in real), 1)
        empty = predicted.classes.shape[-1] - 1
        labels = torch.full(predicted.classes.shape[:2], empty, device=predicted.classes.device)
        for row, (queries, objects) in enumerate(matches):
            labels[row, queries] = real[row][1][objects]
        logits = torch.cat([predicted.masks[row, queries] for row, (queries, _) in enumerate(matches)])
        masks = torch.cat([padded[objects] for padded, (_, objects) in zip(_one_size(real), matches, strict=True)])
        if self.points is None:
            size = masks.shape[-2:]
            logits = F.interpolate(logits[:, None], size=size, mode="bilinear", align_corners=False)[:, 0].flatten(1)
            masks = masks.flatten(1)
        else:
            places = uncertain_points(logits, *self.points)
            with torch.no_grad():
                masks = at_points(masks, places)
            logits = at_points(logits, places)
        by_place, dice = mask_losses(logits, masks, count, focal=self.points is None)
        by_class = F.cross_entropy(predicted.classes.transpose(1, 2), labels, self.empty_weight)
        return {"loss_cross_entropy": by_class, "loss_mask": by_place, "loss_dice": dice}

    @torch.no_grad()
    def match(self, predicted: PredictedMasks, real: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """Of each image the pairs of predicted and real masks with the least sum of costs (Kuhn 1955)."""
        assign = require("scipy.optimize", "matching predicted masks to labels").linear_sum_assignment
        pairs = []
        for logits, drawn, (masks, classes) in zip(predicted.classes, predicted.masks, real, strict=True):
            if self.points is None:
                small = F.interpolate(masks[:, None], size=drawn.shape[-2:], mode="nearest")[:, 0]
                flat, truth = drawn.flatten(1), small.flatten(1)
            else:
                places = torch.rand(1, self.points.number, 2, device=drawn.device)
                truth = at_points(masks, places.expand(len(masks), -1, -1))
                flat = at_points(drawn, places.expand(len(drawn), -1, -1))
            by_place, dice = pair_costs(flat, truth, focal=self.points is None)
            of_class, of_mask, of_dice = self.weights.values()
            cost = of_mask * by_place - of_class * logits.softmax(-1)[:, classes] + of_dice * dice
            rows, columns = assign(cost.clamp(-1e10, 1e10).nan_to_num(0.0).cpu().numpy())
            pairs.append((torch.as_tensor(rows, device=drawn.device), torch.as_tensor(columns, device=drawn.device)))
        return pairs


def _one_size(real: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """The masks of each image, with zeros below and to the right up to the largest height and width among them."""
    height, width = (max(masks.shape[axis] for masks, _ in real) for axis in (1, 2))
    return [F.pad(masks, (0, width - masks.shape[2], 0, height - masks.shape[1])) for masks, _ in real]


def read_masks(mask_labels: Any, class_labels: Any, predicted: PredictedMasks) -> list[tuple[Tensor, Tensor]]:
    """The labels of a batch, checked, where the predictions are: of each image masks (M, Y, X) as floats and classes (M,).

    Raises:
        InputError: not one of both for each image, of another shape, or classes that do not exist.
    """
    count, most = len(predicted.classes), predicted.classes.shape[-1] - 2
    for name, value in (("mask_labels", mask_labels), ("class_labels", class_labels)):
        listed = isinstance(value, list | tuple | Tensor)
        if not listed or len(value) != count or not all(isinstance(each, Tensor) for each in value):
            raise InputError(
                f"{name} are a {type(value).__name__}{f' of {len(value)}' if listed else ''}; expected a list of {count}"
                " tensors, one for each image"
            )
    real = []
    for index, (masks, classes) in enumerate(zip(mask_labels, class_labels, strict=True)):
        if masks.dim() != 3 or classes.shape != masks.shape[:1] or classes.is_floating_point():
            raise InputError(
                f"image {index} has mask_labels of shape {tuple(masks.shape)} and class_labels of shape {tuple(classes.shape)}"
                f" ({classes.dtype}); expected (masks, height, width) and (masks,) of whole numbers"
            )
        bounds = extremes(classes) if len(classes) and may_look(classes) else None
        if bounds is not None and (bounds[0] < 0 or bounds[1] > most):
            raise InputError(
                f"class_labels of image {index} go from {bounds[0]} to {bounds[1]}; this model has the classes 0 to {most}"
                f" (num_labels={most + 1})"
            )
        real.append((masks.to(predicted.masks), classes.to(predicted.classes.device).long()))
    return real
