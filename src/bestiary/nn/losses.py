"""Training losses of the task heads. Labels of -100 are ignored; means are over the labels that count."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.errors import InputError

IGNORE = -100


def token_loss(logits: Tensor, labels: Tensor, num_items: Tensor | int | None = None) -> Tensor:
    """Cross entropy of logits (..., V) against labels (...), in fp32.

    Args:
        num_items: divide the sum by this instead of the number of labels that count (for gradient accumulation, where the
            mean must be over all micro-batches).
    """
    flat, labels = logits.flatten(0, -2).float(), labels.flatten().to(logits.device)
    if num_items is None:
        return F.cross_entropy(flat, labels, ignore_index=IGNORE)
    return F.cross_entropy(flat, labels, ignore_index=IGNORE, reduction="sum") / num_items


def causal_lm_loss(logits: Tensor, labels: Tensor, num_items: Tensor | int | None = None) -> Tensor:
    """Next-token loss: logits (B, T, V) at t against labels (B, T) at t + 1."""
    shifted = F.pad(labels, (0, 1), value=IGNORE)[..., 1:]
    return token_loss(logits, shifted, num_items)


def classification_loss(logits: Tensor, labels: Tensor, problem_type: str | None) -> tuple[Tensor, str]:
    """Loss of logits (B, N) and the problem type used.

    `problem_type`: `regression` (mean squared error), `single_label_classification` (cross entropy) or
    `multi_label_classification` (binary cross entropy per label); None infers it: N = 1 is regression, integer labels
    are single-label, others multi-label.
    """
    labels = labels.to(logits.device)
    if problem_type is None:
        integer = labels.dtype in (torch.long, torch.int)
        many = "single_label_classification" if integer else "multi_label_classification"
        problem_type = "regression" if logits.shape[-1] == 1 else many
    if problem_type == "regression":
        if logits.shape[-1] == 1:
            return F.mse_loss(logits.squeeze(), labels.squeeze().to(logits.dtype)), problem_type
        return F.mse_loss(logits, labels.to(logits.dtype)), problem_type
    if problem_type == "single_label_classification":
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), labels.view(-1)), problem_type
    if problem_type == "multi_label_classification":
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype)), problem_type
    raise InputError(
        f"problem_type is {problem_type!r}; expected regression, single_label_classification or multi_label_classification"
    )


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """Mean cross entropy of the start and end (B,) of a span in logits (B, T); places outside the input are ignored."""
    length = start_logits.shape[1]

    def side(logits: Tensor, places: Tensor) -> Tensor:
        places = places.view(-1).clamp(0, length)
        return F.cross_entropy(logits, places, ignore_index=length)

    return (side(start_logits, starts) + side(end_logits, ends)) / 2


def contrastive_loss(logits: Tensor) -> Tensor:
    """Symmetric cross entropy of a square similarity matrix whose diagonal holds the pairs (Radford et al. 2021)."""
    if logits.shape[0] != logits.shape[1]:
        raise InputError(f"a contrastive loss needs pairs; found {logits.shape[0]} texts and {logits.shape[1]} images")
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.t(), pairs)) / 2
