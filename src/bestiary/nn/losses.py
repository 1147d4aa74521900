"""Training losses of the task heads. Labels of -100 are ignored; means are over the labels that count."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import InputError
from ..core.logging import warn_once
from .inputs import check_places
from .values import extremes, may_look

IGNORE = -100


def _check_shape(labels: Tensor, shape: torch.Size, name: str = "labels") -> None:
    """Refuse what is no tensor of this shape, dimensions of size 1 left out."""
    if not isinstance(labels, Tensor):
        raise InputError(f"{name} are a {type(labels).__name__}; expected a tensor")
    if [size for size in labels.shape if size != 1] != [size for size in shape if size != 1]:
        raise InputError(f"{name} have shape {tuple(labels.shape)}; expected {tuple(shape)}, one for each prediction")


def _classes(labels: Tensor, logits: Tensor, name: str = "labels") -> Tensor:
    """The labels (...) of logits (..., N), as int64 and where the logits are.

    Raises:
        InputError: another shape, no whole numbers, or, where the numbers are at hand, a class that does not exist.
    """
    _check_shape(labels, logits.shape[:-1], name)
    return check_classes(labels, logits.shape[-1], name).to(logits.device)


def check_classes(labels: Tensor, count: int, name: str = "labels") -> Tensor:
    """`labels` as int64, if they are whole numbers and, where the numbers are at hand, each one of `count` classes.

    Raises:
        InputError: they are not; -100, which stands for no label, is allowed.
    """
    if labels.is_floating_point() or labels.is_complex():
        raise InputError(f"{name} are of {labels.dtype}; expected the numbers of classes, torch.int64")
    labels = labels.long()
    bounds = extremes(labels.masked_fill(labels == IGNORE, 0)) if may_look(labels) else None
    if bounds is not None and (bounds[0] < 0 or bounds[1] >= count):
        wrong = bounds[0] if bounds[0] < 0 else bounds[1]
        raise InputError(f"{name} hold {wrong}; classes go from 0 to {count - 1}, and {IGNORE} is ignored")
    return labels


def _cross_entropy(logits: Tensor, labels: Tensor, num_items: Tensor | int | None) -> Tensor:
    flat, labels = logits.flatten(0, -2).float(), labels.flatten()
    if num_items is None:
        return F.cross_entropy(flat, labels, ignore_index=IGNORE)
    return F.cross_entropy(flat, labels, ignore_index=IGNORE, reduction="sum") / num_items


def token_loss(logits: Tensor, labels: Tensor, num_items: Tensor | int | None = None, name: str = "labels") -> Tensor:
    """Cross entropy of logits (..., V) against labels (...), in fp32.

    Args:
        num_items: divide the sum by this instead of the number of labels that count (for gradient accumulation, where the
            mean must be over all micro-batches).
        name: what the labels are called, for errors.

    Raises:
        InputError: labels that do not fit the logits.
    """
    return _cross_entropy(logits, _classes(labels, logits, name), num_items)


def causal_lm_loss(logits: Tensor, labels: Tensor, num_items: Tensor | int | None = None) -> Tensor:
    """Next-token loss: logits (B, T, V) at t against labels (B, T) at t + 1; otherwise as `token_loss`."""
    shifted = F.pad(_classes(labels, logits), (0, 1), value=IGNORE)[..., 1:]
    return _cross_entropy(logits, shifted, num_items)


def classification_loss(logits: Tensor, labels: Tensor, problem_type: str | None) -> tuple[Tensor, str]:
    """Loss of logits (B, N) and the problem type used.

    `problem_type`: `regression` (mean squared error), `single_label_classification` (cross entropy) or
    `multi_label_classification` (binary cross entropy per label); None infers it: N = 1 is regression, integer labels
    are single-label, others multi-label.

    Raises:
        InputError: labels that do not fit the logits, or an unknown problem type.
    """
    if problem_type is None:
        integer = isinstance(labels, Tensor) and labels.dtype in (torch.long, torch.int)
        many = "single_label_classification" if integer else "multi_label_classification"
        problem_type = "regression" if logits.shape[-1] == 1 else many
    if problem_type == "single_label_classification":
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), _classes(labels, logits).view(-1)), problem_type
    if problem_type not in ("regression", "multi_label_classification"):
        raise InputError(
            f"problem_type is {problem_type!r}; expected regression, single_label_classification or multi_label_classification"
        )
    _check_shape(labels, logits.shape)
    loss = F.mse_loss if problem_type == "regression" else F.binary_cross_entropy_with_logits
    return loss(logits, labels.to(logits).view(logits.shape)), problem_type


def yes_no_loss(logits: Tensor, labels: Tensor, real: Tensor | None = None) -> Tensor:
    """Mean binary cross entropy of logits (B, T) against labels (B, T) of 0 and 1, where `real` (B, T) is not 0.

    Raises:
        InputError: labels that do not fit the logits.
    """
    _check_shape(labels, logits.shape)
    labels = labels.to(logits).view(logits.shape)
    if real is None:
        return F.binary_cross_entropy_with_logits(logits, labels)
    each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return each.masked_fill(real == 0, 0.0).sum() / (real != 0).sum()


def _enlarged(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits (B, N, y, x), bilinear, of the size of the labels (B, Y, X).

    Raises:
        InputError: labels of another number of images or dimensions.
    """
    if not isinstance(labels, Tensor) or labels.dim() != 3 or len(labels) != len(logits):
        found = f"of shape {tuple(labels.shape)}" if isinstance(labels, Tensor) else f"a {type(labels).__name__}"
        raise InputError(f"labels are {found}; expected ({len(logits)}, height, width), the class of each pixel")
    return F.interpolate(logits.float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)


def semantic_loss(logits: Tensor, labels: Tensor, ignored: int = 255, num_items: Tensor | int | None = None) -> Tensor:
    """Cross entropy of logits (B, N, y, x), enlarged to the labels (B, Y, X), of places whose label is not `ignored`.

    Raises:
        InputError: labels that do not fit the logits.
    """
    enlarged = _enlarged(logits, labels)
    classes = check_classes(labels.masked_fill(labels == ignored, IGNORE), logits.shape[1]).to(logits.device)
    if num_items is None:
        return F.cross_entropy(enlarged, classes, ignore_index=IGNORE)
    return F.cross_entropy(enlarged, classes, ignore_index=IGNORE, reduction="sum") / num_items


def binary_map_loss(logits: Tensor, labels: Tensor, ignored: int = 255) -> Tensor:
    """Binary cross entropy of logits (B, 1, y, x), enlarged to the labels (B, Y, X) of 0 and 1.

    Places whose label is `ignored` or below 0 give 0, and count in the mean, as published.

    Raises:
        InputError: labels that do not fit the logits.
    """
    enlarged, counted = _enlarged(logits, labels)[:, 0], (labels >= 0) & (labels != ignored)
    each = F.binary_cross_entropy_with_logits(enlarged, labels.to(enlarged), reduction="none")
    return (each * counted).mean()


def scale_invariant_loss(depth: Tensor, labels: Tensor, share: float = 0.5) -> Tensor:
    """The scale-invariant loss of logarithms of depth (Eigen et al. 2014, eq. 4), its root, over places whose label is above 0.

    Raises:
        InputError: labels that do not fit the depth, or none above 0.
    """
    _check_shape(labels, depth.shape)
    labels = labels.to(depth).view(depth.shape)
    known = labels > 0
    if may_look(labels) and not known.any():
        raise InputError("labels hold no depth above 0, so there is nothing to learn from")
    error = labels[known].log() - depth[known].log()
    return (error.square().mean() - share * error.mean().square()).sqrt()


def both_ends(starts: Tensor | None, ends: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """The ends of a span, where both are given; one alone is told once."""
    if starts is not None and ends is not None:
        return starts, ends
    if starts is not ends:
        present, missing = ("start", "end") if ends is None else ("end", "start")
        warn_once("half-a-span", f"{present}_positions without {missing}_positions: there is no loss without both")
    return None


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor | None, ends: Tensor | None) -> Tensor | None:
    """Mean cross entropy of the start and end (B,) of a span in logits (B, T); places outside the input are ignored.

    None without labels; with one of them alone too, as in the published library, which is told once.

    Raises:
        InputError: places that are no whole numbers, or not one for each text.
    """
    span = both_ends(starts, ends)
    if span is None:
        return None
    rows, length = start_logits.shape
    sides = {"start_positions": (start_logits, span[0]), "end_positions": (end_logits, span[1])}
    losses = []
    for name, (logits, labels) in sides.items():
        flat = labels.squeeze(-1) if isinstance(labels, Tensor) and labels.dim() > 1 else labels
        places = check_places(flat, name, (rows,)).to(logits.device).clamp(0, length)
        losses.append(F.cross_entropy(logits, places, ignore_index=length))
    return (losses[0] + losses[1]) / 2


def contrastive_loss(logits: Tensor) -> Tensor:
    """Symmetric cross entropy of a square similarity matrix whose diagonal holds the pairs (Radford et al. 2021)."""
    if logits.shape[0] != logits.shape[1]:
        raise InputError(f"a contrastive loss needs pairs; found {logits.shape[0]} texts and {logits.shape[1]} images")
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.t(), pairs)) / 2


def load_balancing_loss(router_logits: Sequence[Tensor], chosen: int, attention_mask: Tensor | None = None) -> Tensor:
    """E times the sum over experts of the share of tokens sent there times the mean probability (Fedus et al. 2021, eq. 4).

    All layers together are taken for one. It is `chosen` where every expert gets as many tokens as any other, and more else.

    Args:
        router_logits: for each layer the scores (B * T, E). chosen: how many experts serve a token.
        attention_mask: (B, past + T), 0 for padding, which does not count; other masks say nothing of padding.
    """
    scores = torch.cat([logits.to(router_logits[0].device) for logits in router_logits])
    probabilities = scores.softmax(dim=-1)
    sent = torch.zeros_like(probabilities).scatter(1, probabilities.topk(chosen, dim=-1).indices, 1.0)
    counts = torch.ones_like(scores[:, :1])
    if attention_mask is not None and attention_mask.dim() == 2:
        tokens = len(router_logits[0]) // len(attention_mask)
        real = (attention_mask[:, -tokens:] != 0).flatten().to(scores)
        counts = real.repeat(len(router_logits)).unsqueeze(1)
    total = counts.sum()
    return scores.shape[1] * ((sent * counts).sum(0) / total * ((probabilities * counts).sum(0) / total)).sum()


def row_balancing_loss(router_logits: Sequence[Tensor]) -> Tensor:
    """The same for experts of which each token gets one, each row by itself: the mean over rows of the scores (B, T, E)."""
    probabilities = torch.cat(list(router_logits), dim=1).softmax(dim=-1)
    experts = probabilities.shape[-1]
    sent = F.one_hot(probabilities.argmax(dim=-1), experts).to(probabilities)
    return experts * (sent.mean(dim=1) * probabilities.mean(dim=1)).sum(dim=-1).mean()


def router_z_loss(router_logits: Sequence[Tensor]) -> Tensor:
    """The mean square of log(sum(exp(scores))), which keeps the scores (..., E) of routers small (Zoph et al. 2022, eq. 5)."""
    return torch.cat([scores.logsumexp(dim=-1).flatten() for scores in router_logits]).square().mean()


def weighted_average(values: Tensor, weights: Tensor) -> Tensor:
    """The mean of values (...), weighted; what weighs nothing may be NaN. Weights that sum to less than 1 count as 1."""
    weighted = torch.where(weights != 0, values * weights, 0.0)
    return weighted.sum() / weights.sum().clamp(min=1.0)
