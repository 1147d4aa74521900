"""SpecAugment (Park et al. 2019): spans of a spectrogram, in time and in frequency, are blanked in training."""

import torch
from torch import Tensor


def random_spans(
    rows: int, length: int, share: float, span: int, least: int, device: torch.device, real: Tensor | None = None
) -> Tensor:
    """True (rows, length) at spans of `span` places drawn at random for each row; spans may overlap.

    Args:
        share: of the places are covered if no spans overlap, on average.
        least: spans per row at least, as far as they fit side by side.
        real: (rows,) places of each row that spans may cover; None for all.
    """
    real = torch.full((rows,), length, device=device) if real is None else real.to(device)
    counts = (share * real / span + torch.rand((), device=device)).long().clamp(min=least).minimum(real // span)
    starts = (real - span + 1).clamp(min=0).unsqueeze(1)
    places = torch.arange(length, device=device)
    # The places of the `counts` smallest random numbers are a draw without replacement.
    order = torch.rand(rows, length, device=device).masked_fill(places >= starts, torch.inf).argsort(1).argsort(1)
    is_start = (order < counts.unsqueeze(1)) & (places < starts)
    before = torch.nn.functional.pad(is_start.long().cumsum(1), (span, 0))
    return before[:, span:] > before[:, :length]
