"""Embeddings that torch lacks."""

import math

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError, InputError
from .init import Starting
from .inputs import check_rows


class LearnedPositions(nn.Embedding):
    """A table with one row per position; positions beyond it are refused by name instead of by an index error.

    Args:
        first: the position of a text's first token; the row before it, if there is one, is that of padding and stays zero.
    """

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        if count <= first:
            raise ConfigError(
                f"a table of {count} positions (max_position_embeddings) has none for text, which begins at {first}"
            )
        super().__init__(count, size, padding_idx=first - 1 if first else None)
        self.first = first

    def forward(self, position_ids: Tensor) -> Tensor:
        """(B or 1, T) -> (B or 1, T, D)."""
        if torch.compiler.is_compiling():
            return super().forward(position_ids)
        if position_ids.shape[-1] > self.num_embeddings - self.first:
            raise InputError(self._too_long(position_ids.shape[-1]))
        try:
            return super().forward(position_ids)
        except (IndexError, RuntimeError) as error:
            check_rows(position_ids, "position_ids")
            if not isinstance(error, IndexError):
                raise
            raise InputError(self._too_long(int(position_ids.max()) + 1 - self.first)) from error

    def _too_long(self, length: int) -> str:
        available = self.num_embeddings - self.first
        return (
            f"the input has {length} positions, and this model knows {available};"
            f" cut {length - available} tokens (truncation=True in the tokenizer) or split the text"
        )


def sinusoids(length: int, size: int, longest: float = 10000.0) -> Tensor:
    """Positions (length, size) in fp32: sines, then cosines, of wavelengths from 2 pi to 2 pi * `longest` (geometric)."""
    steps = torch.arange(size // 2, dtype=torch.float32) / (size // 2 - 1)
    angles = torch.arange(length, dtype=torch.float32).unsqueeze(1) * torch.exp(-math.log(longest) * steps)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def alternating_sinusoids(length: int, size: int, longest: float = 10000.0) -> Tensor:
    """Positions (length, size) in fp32: the sine and the cosine of each wavelength side by side (Vaswani et al. 2017)."""
    wavelengths = longest ** (2 * (torch.arange(size, dtype=torch.float64) // 2) / size)
    angles = torch.arange(length, dtype=torch.float64).unsqueeze(1) / wavelengths
    return torch.where(torch.arange(size) % 2 == 0, angles.sin(), angles.cos()).float()


class FixedPositions(LearnedPositions, Starting):
    """Sinusoids of Vaswani et al. 2017, all sines before all cosines: a table that is stored, and not trained."""

    starts = {"weight": lambda weight: weight.copy_(alternating_sinusoids(*weight.shape).unflatten(1, (-1, 2)).mT.flatten(1))}

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        super().__init__(count, size, first)
        self.weight.requires_grad_(False)


class ComputedPositions(nn.Module):
    """Sinusoids of every position, in no table; arguments as of `LearnedPositions`, where `count` is no limit.

    Attributes:
        num_positions: how many the config speaks of. padding_idx: the row of padding.
    """

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        super().__init__()
        self.num_positions, self.size, self.first = count - first, size, first
        self.padding_idx = first - 1 if first else None

    def forward(self, position_ids: Tensor) -> Tensor:
        """(B or 1, T) -> (B or 1, T, D) in fp32; zeros for the position before `first`, which is padding's."""
        steps = torch.arange(self.size // 2, device=position_ids.device) / (self.size // 2 - 1)
        angles = position_ids[..., None] * torch.exp(-math.log(10000.0) * steps)
        return torch.cat([angles.sin(), angles.cos()], dim=-1) * (position_ids >= self.first)[..., None]


class ScaledEmbedding(nn.Embedding):
    """Rows of a table times `scale`, which is rounded to their dtype first (Gemma: sqrt(D))."""

    def __init__(self, count: int, size: int, padding_idx: int | None = None, *, scale: float) -> None:
        super().__init__(count, size, padding_idx)
        self.embed_scale = scale

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        rows = super().forward(ids)
        return rows * torch.tensor(self.embed_scale, dtype=rows.dtype, device=rows.device)
