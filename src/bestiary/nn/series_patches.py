"""Series as patches of neighbouring values, some of which are masked (Nie et al. 2023, PatchTST)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .embeddings import alternating_sinusoids


def patched(values: Tensor, length: int, stride: int) -> Tensor:
    """Values (B, T, C) -> patches (B, C, P, length), `stride` steps apart, the last of which ends with the series."""
    patches = values.unfold(1, length, stride)
    start = (values.shape[1] - length) % stride
    return (patches if not start else values[:, start:].unfold(1, length, stride)).transpose(1, 2)


def random_mask(patches: Tensor, ratio: float, same_for_channels: bool) -> Tensor:
    """Which patches (B, C, P) to hide: a share of `ratio` of them, drawn for each channel or the same for all."""
    rows, channels, count, _ = patches.shape
    noise = torch.rand(rows, 1 if same_for_channels else channels, count, device=patches.device)
    ranks = noise.expand(-1, channels, -1).argsort(dim=-1).argsort(dim=-1)
    return ranks >= int(count * (1 - ratio))


def forecast_mask(patches: Tensor, counts: Sequence[int]) -> Tensor:
    """Which patches (B, C, P) to hide: the last ones, as many as `counts` says for equal shares of rows."""
    rows, channels, total, _ = patches.shape
    share = rows // len(counts)
    sizes = torch.tensor(counts).repeat_interleave(
        torch.tensor([rows - share * (len(counts) - 1), *[share] * (len(counts) - 1)])
    )
    hidden = torch.arange(total) >= total - sizes[torch.randperm(rows), None]
    return hidden.to(patches.device)[:, None].expand(-1, channels, -1)


def start_sinusoids(weight: Tensor) -> None:
    """Fill a table (P, D) with sinusoids of mean 0 and deviation 0.1."""
    table = alternating_sinusoids(*weight.shape)
    table = table - table.mean()
    weight.copy_(table / (table.std() * 10))
