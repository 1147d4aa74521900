"""A mask for each object: attention says where it is, convolutions refine it (Carion et al. 2020, section 4.3)."""

import torch
from torch import Tensor, nn

from ...nn.init import Start, Starting
from ...nn.kernels import default_scaling


class AttentionMap(Starting):
    """Where each query looks: probabilities over all heads and places together."""

    def __init__(self, size: int, heads: int, start: Start) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, size // heads
        self.scaling = default_scaling(self.head_dim)
        self.q_linear, self.k_linear = nn.Linear(size, size), nn.Linear(size, size)
        self.starts = {"q_linear.weight": start, "k_linear.weight": start}

    def forward(self, queries: Tensor, places: Tensor, real: Tensor) -> Tensor:
        """Queries (B, Q, D), places (B, T, D) and which of them are real (B, T) -> (B, Q, H, T)."""
        q, k = (x.unflatten(-1, (self.heads, -1)) for x in (self.q_linear(queries), self.k_linear(places)))
        scores = torch.einsum("bqhk,bthk->bqht", q * self.scaling, k)
        scores = scores.masked_fill(~real[:, None, None], torch.finfo(scores.dtype).min)
        return scores.flatten(2).softmax(-1).view_as(scores)


class MaskHead(nn.Module):
    """Five convolutions; before each of the last three the map of an earlier, larger stage of the backbone is added."""

    def __init__(self, size: int, heads: int, channels: list[int]) -> None:
        super().__init__()
        widths = [size + heads, size + heads, size // 2, size // 4, size // 8, size // 16]
        for number in range(1, 6):
            inner, outer = widths[number - 1], widths[number]
            if number > 2:
                setattr(self, f"adapter{number - 2}", nn.Conv2d(channels[number - 3], inner, 1))
            setattr(self, f"lay{number}", nn.Conv2d(inner, outer, 3, padding=1))
            setattr(self, f"gn{number}", nn.GroupNorm(min(8, outer), outer))
        self.out_lay = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Tensor, stages: list[Tensor]) -> Tensor:
        """(B * Q, D + H, y, x) and larger maps (B, C, 2y, 2x), ... -> (B * Q, 1, 8y, 8x)."""
        for number in range(1, 6):
            if number > 2:
                larger = self.get_submodule(f"adapter{number - 2}")(stages[number - 3])
                x = nn.functional.interpolate(x, size=larger.shape[-2:], mode="nearest")
                x = x + larger.repeat_interleave(len(x) // len(larger), 0)
            x = self.get_submodule(f"gn{number}")(self.get_submodule(f"lay{number}")(x)).relu()
        output: Tensor = self.out_lay(x)
        return output
