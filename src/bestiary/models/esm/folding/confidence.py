"""How sure a folding model is: the predicted lDDT of each atom, and the predicted errors of all residues' places."""

from typing import Any

import torch
from torch import Tensor


def categorical_lddt(logits: Tensor, bins: int = 50) -> Tensor:
    """The expected lDDT, 0 to 1, (...) of distributions over equal shares of that (..., bins) (algorithm 29)."""
    edges = torch.linspace(0, 1, bins + 1, device=logits.device, dtype=logits.dtype)
    return logits.softmax(-1) @ ((edges[:-1] + edges[1:]) / 2)


def _centers(max_bin: float, no_bins: int, device: torch.device) -> Tensor:
    """The middles of the bins, angstroms: those that end before `max_bin`, and one for all beyond."""
    edges = torch.linspace(0, max_bin, no_bins - 1, device=device)
    step = edges[1] - edges[0]
    return torch.cat([edges + step / 2, (edges[-1:] + step / 2) + step])


def compute_predicted_aligned_error(logits: Tensor, max_bin: int = 31, no_bins: int = 64, **kwargs: Any) -> dict[str, Tensor]:
    """The error expected of residue j where the frame of residue i is laid over its true one (section 1.9.7).

    Args:
        logits: of the error's bins (B, T, T, no_bins), which reach to `max_bin` angstroms.

    Returns:
        `aligned_confidence_probs` (B, T, T, no_bins); `predicted_aligned_error` (B, T, T) and the greatest there can be,
        `max_predicted_aligned_error` (), in angstroms.
    """
    centers, probabilities = _centers(max_bin, no_bins, logits.device), logits.softmax(-1)
    return {
        "aligned_confidence_probs": probabilities,
        "predicted_aligned_error": (probabilities * centers).sum(-1),
        "max_predicted_aligned_error": centers[-1],
    }


def compute_tm(
    logits: Tensor,
    residue_weights: Tensor | None = None,
    max_bin: int = 31,
    no_bins: int = 64,
    eps: float = 1e-8,
    **kwargs: Any,
) -> Tensor:
    """The TM-score, 0 to 1, expected by the best residue to lay the frames over each other; of a batch, by the best of all ().

    Section 1.9.7; `logits` are those of `compute_predicted_aligned_error`, `residue_weights` (T,) count residues more or less.
    """
    length = logits.shape[-2]
    weights = logits.new_ones(length) if residue_weights is None else residue_weights
    scale = 1.24 * (max(length, 19) - 15) ** (1.0 / 3) - 1.8
    terms = 1.0 / (1 + _centers(max_bin, no_bins, logits.device).square() / scale**2)
    scores = (logits.softmax(-1) * terms).sum(-1)
    expected = (scores * (weights / (eps + weights.sum()))).sum(-1)
    best: Tensor = expected.flatten()[(expected * weights).flatten().argmax()]
    return best
