"""Locality-sensitive hashing: vectors that point alike mostly fall into the same bucket (Andoni et al. 2015)."""

from collections.abc import Sequence

import torch
from torch import Tensor


def rotations(shape: Sequence[int], like: Tensor, seed: int | None = None) -> Tensor:
    """Random directions of this shape; with a `seed`, those that torch draws behind `manual_seed(seed)`, which is not called.

    Args:
        like: a tensor of their dtype and device.
    """
    if seed is None or like.is_meta:
        return torch.randn(*shape, dtype=like.dtype, device=like.device)
    drawn: Tensor = _seeded(tuple(shape), like.dtype, like.device, seed)
    return drawn


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _seeded(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, seed: int) -> Tensor:
    generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(*shape, dtype=dtype, device=device, generator=generator)


def hashed(vectors: Tensor, directions: Tensor, counts: Sequence[int]) -> Tensor:
    """The buckets (B, H, R, T), one in each round, of vectors (B, H, T, K): which direction, or opposite of one, is nearest.

    Args:
        directions: (H, K, R, N / 2), N the sum of `counts`.
        counts: how many buckets there are, even, in one number, or in several whose product it is.
    """
    rotated = torch.einsum("bhtk,hkrn->bhrtn", vectors, directions)
    buckets, step = torch.zeros_like(rotated[..., 0], dtype=torch.long), 1
    for part, count in zip(rotated.split([count // 2 for count in counts], dim=-1), counts, strict=True):
        buckets = buckets + step * torch.cat([part, -part], dim=-1).argmax(dim=-1)
        step *= count
    return buckets
