"""Queries that look at places inside of their masks (Cheng et al. 2022, "Masked-attention mask transformer", section 3.2)."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.layer import Layer
from ..nn.masks import Mask
from ..nn.query_attention import FusedQueryAttention, QueryAttention


class Memory(NamedTuple):
    """A map that queries look at: states of its places (B, S, D), these with positions, and its rows and columns."""

    values: Tensor
    keys: Tensor
    size: tuple[int, int]


class LayerSizes(NamedTuple):
    """Width of states and of the MLP, heads, rate of dropout, activation; whether norms stand before each part."""

    states: int
    inner: int
    heads: int
    dropout: float
    activation: str
    norm_first: bool


class MaskedDecoderLayer(Layer):
    """Three parts, each norm(x + part(x)) or x + part(norm(x)): attention to a map, among the queries, an MLP.

    Class attribute `attention_class`: that among the queries.
    """

    attention_class: ClassVar[type[QueryAttention]] = QueryAttention
    embed_dim, activation_dropout, activation_fn = Alias("self_attn.embed_dim"), Alias("dropout"), Alias("act")
    pre_norm = Alias("norm_first")

    def __init__(self, sizes: LayerSizes) -> None:
        super().__init__()
        size, inner = sizes.states, sizes.inner
        self.self_attn = self.attention_class(size, sizes.heads, sizes.dropout)
        self.act = activation(sizes.activation)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.cross_attn = FusedQueryAttention(size, sizes.heads, sizes.dropout, cross=True)
        self.cross_attn_layer_norm = nn.LayerNorm(size)
        self.fc1, self.fc2 = nn.Linear(size, inner), nn.Linear(inner, size)
        self.final_layer_norm = nn.LayerNorm(size)
        self.dropout, self.norm_first = sizes.dropout, sizes.norm_first

    def forward(self, x: Tensor, mask: Mask, *, positions: Tensor, memory: Memory) -> Tensor:
        """Queries (B, Q, D) and what is added to them where they look; `mask` says what they see of `memory`."""
        every = Mask(x.shape[1], x.shape[1], x.device)
        x = self.part(x, self.cross_attn_layer_norm, lambda x: self.cross_attn(x + positions, memory.keys, memory.values, mask))
        x = self.part(x, self.self_attn_layer_norm, lambda x: self.self_attn(x + positions, x + positions, x, every))
        return self.part(x, self.final_layer_norm, lambda x: self.fc2(self.dropped(self.act(self.fc1(x)))))

    def part(self, x: Tensor, norm: nn.Module, run: Callable[[Tensor], Tensor]) -> Tensor:
        """norm(x + run(x)), or x + run(norm(x))."""
        if self.norm_first:
            return x + self.dropped(run(norm(x)))
        output: Tensor = norm(x + self.dropped(run(x)))
        return output

    def dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def places_to_see(masks: Tensor, size: tuple[int, int]) -> Mask:
    """Each query sees the places of a map of this size inside of its mask, of logits (B, Q, Y, X), or all if there are none."""
    small = F.interpolate(masks.detach(), size=size, mode="bilinear", align_corners=False).flatten(2)
    inside = small.sigmoid() >= 0.5
    inside = inside | ~inside.any(-1, keepdim=True)
    return Mask(inside.shape[1], inside.shape[2], masks.device, dense=inside[:, None])
