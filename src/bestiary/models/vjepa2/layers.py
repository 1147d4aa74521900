"""A block of V-JEPA 2, whose queries and keys turn by frame, row and column."""

import torch
from torch import Tensor, nn

from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import VJEPA2Config

LONGEST = 10000.0
Rotary = tuple[Tensor, Tensor]


def rates(last: float, count: int) -> list[float]:
    """How often each of `count` blocks is left out in training, the last as often as `last` says."""
    return rising_rates(last, count)


def angles(places: Tensor, config: VJEPA2Config, head_dim: int, like: Tensor) -> Rotary:
    """Cosines and sines (B, 1, N, K') for the tubes of numbers `places` (B, N), in the dtype of `like`.

    A third each of the first K' numbers of a head turns by frame, by row and by column, in the grid of the config. Numbers
    that turn together stand side by side, but the angles are those of the first half followed by themselves, as the models
    were trained.
    """
    rows = config.crop_size // config.patch_size
    frames, inside = places // (rows * rows), places % (rows * rows)
    width = 2 * (head_dim // 3 // 2)
    steps = torch.arange(width // 2, dtype=like.dtype, device=like.device) / (width / 2)
    speeds = 1.0 / LONGEST**steps
    turns = [axis.unsqueeze(-1) * speeds for axis in (frames, inside // rows, inside % rows)]
    whole = torch.cat([part for turn in turns for part in (turn, turn)], dim=-1).unsqueeze(1)
    return whole.cos(), whole.sin()


def rotated(x: Tensor, rotary: Rotary) -> Tensor:
    """Queries or keys (B, H, N, K), their first K' numbers turned."""
    cos, sin = rotary
    turning, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
    first, second = turning.unflatten(-1, (-1, 2)).unbind(-1)
    across = torch.stack((-second, first), dim=-1).flatten(-2)
    return torch.cat((turning * cos + across * sin, rest), dim=-1)


class VJEPA2RopeAttention(HasHeads):
    """Every tube looks at every tube."""

    query_name = "query"

    def __init__(self, config: VJEPA2Config, size: int, heads: int) -> None:
        super().__init__()
        self.config, self.head_dim = config, size // heads
        self.query = nn.Linear(size, size, bias=config.qkv_bias)
        self.key = nn.Linear(size, size, bias=config.qkv_bias)
        self.value = nn.Linear(size, size, bias=config.qkv_bias)
        self.proj = nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)

    def forward(self, x: Tensor, mask: Mask | None, *, rotary: Rotary) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.query, self.key, self.value))
        output: Tensor = self.proj(merge_heads(self.attend(rotated(query, rotary), rotated(key, rotary), value, mask)))
        return output


class VJEPA2MLP(nn.Module):
    """fc2(act(fc1(x))), `ratio` times as wide as the states."""

    def __init__(self, config: VJEPA2Config, size: int, ratio: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(size, int(size * ratio))
        self.activation = activation(config.hidden_act)
        self.fc2 = nn.Linear(int(size * ratio), size)

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.activation(self.fc1(hidden_state)))
        return output


class VJEPA2Layer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)), either of which may be left out in training."""

    hidden_size, num_attention_heads = Alias("attention.hidden_size"), Alias("attention.num_attention_heads")

    def __init__(self, config: VJEPA2Config, size: int, heads: int, ratio: float, drop_path_rate: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size, config.layer_norm_eps)
        self.attention = VJEPA2RopeAttention(config, size, heads)
        self.drop_path = StochasticDepth(drop_path_rate) if config.drop_path_rate else nn.Identity()
        self.norm2 = nn.LayerNorm(size, config.layer_norm_eps)
        self.mlp = VJEPA2MLP(config, size, ratio)

    def forward(self, x: Tensor, mask: Mask | None, *, rotary: Rotary) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm1(x), mask, rotary=rotary))
        output: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return output
