"""Attention of XLNet: one set of weights for two streams of queries. Parameter names are the published ones."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...nn.attention import Attend, HasHeads, merge_heads
from ...nn.init import Starting, normal
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from ...nn.relative import relative_shift
from . import XLNetConfig


@dataclass(frozen=True)
class Frame:
    """What all layers of a pass share, for T tokens behind M remembered ones, S = M + T.

    Attributes:
        places: (1 or B, count, D), the distances from a query to keys as waves, from the greatest on.
        same_segment: (B, 1, T, S), True where query and key are of one segment; None where nobody tells segments.
        mask: for the stream of contents, which sees itself; query_mask: for that of queries. None where nothing is hidden.
        targets: (B, P, T), which tokens the P states of the stream of queries stand for; None where there is no such stream.
    """

    places: Tensor
    same_segment: Tensor | None
    mask: Mask | None
    query_mask: Mask | None
    targets: Tensor | None


class XLNetRelativeAttention(HasHeads, Starting):
    """norm(x + attention(x)) for each stream; keys and values are of the contents and what is remembered (section 2.5)."""

    dropout_name, calls_dropout = "dropout", True

    def __init__(self, config: XLNetConfig) -> None:
        super().__init__()
        size, heads, self.head_dim = config.d_model, config.n_head, config.d_model // config.n_head
        self.q, self.k, self.v, self.o, self.r = (nn.Parameter(torch.zeros(size, heads, self.head_dim)) for _ in range(5))
        self.r_r_bias, self.r_s_bias, self.r_w_bias = (nn.Parameter(torch.zeros(heads, self.head_dim)) for _ in range(3))
        self.seg_embed = nn.Parameter(torch.zeros(2, heads, self.head_dim))
        self.starts = dict.fromkeys([name for name, _ in self.named_parameters()], normal(config.initializer_range))
        self.layer_norm = nn.LayerNorm(size, config.layer_norm_eps)
        self.attend = Attend(default_scaling(self.head_dim), config.dropout)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.q.shape[1] * self.q.shape[2], self.q.shape[0]

    def forward(
        self, x: Tensor, mask: Mask | None, *, frame: Frame, memory: Tensor | None = None, queries: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, T, D), the stream of contents, and `queries` (B, P, D), the other one -> both; `memory` is (B, M, D)."""
        source = x if memory is None else torch.cat([memory, x], dim=1)
        key, value = (self.projected(source, weight) for weight in (self.k, self.v))
        places = self.projected(frame.places.to(x.dtype), self.r).mT
        contents = self.mixed(self.projected(x, self.q), key, value, places, mask, frame)
        if queries is None or frame.targets is None:
            return self.added(x, contents), None
        targets = frame.targets[:, None]
        query = targets.mT @ self.projected(queries, self.q)
        mixed = targets @ self.mixed(query, key, value, places, frame.query_mask, frame)
        return self.added(x, contents), self.added(queries, mixed)

    def projected(self, x: Tensor, weight: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, K)."""
        heads: Tensor = (x @ weight.flatten(1)).unflatten(-1, weight.shape[1:])
        return heads.transpose(1, 2)

    def mixed(self, query: Tensor, key: Tensor, value: Tensor, places: Tensor, mask: Mask | None, frame: Frame) -> Tensor:
        """What queries (B, H, T, K) mix of the values (B, H, S, K)."""
        bias = relative_shift((query + self.r_r_bias[:, None]) @ places, key.shape[2], 1)
        if frame.same_segment is not None:
            same, other = torch.einsum("bhtk,nhk->nbht", query + self.r_s_bias[:, None], self.seg_embed)[..., None]
            bias = bias + torch.where(frame.same_segment, same, other)
        mixed: Tensor = self.attend(query + self.r_w_bias[:, None], key, value, mask, bias * self.attend.scoring.scaling)
        return mixed

    def added(self, x: Tensor, mixed: Tensor) -> Tensor:
        """norm(x + what heads (B, H, T, K) say)."""
        output: Tensor = self.layer_norm(x + self.dropout(merge_heads(mixed) @ self.o.flatten(1).T))
        return output
