"""Attention of Funnel: what queries and keys say of their places in the text. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...nn.attention import Attend, HasHeads, merge_heads
from ...nn.init import Starting
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from ...nn.relative import relative_shift, waves
from . import FunnelConfig

FIRST_SEGMENT = 2  # of the first token, which belongs to every segment


@dataclass(frozen=True)
class Places:
    """Where the T states of one length stand in the text.

    Attributes:
        rows: (T,), the token of the text that speaks for each. counts: the positions by which distances are told.
        step: how far apart neighbours are. padding: (B, T), True where real; None where all are.
    """

    rows: Tensor
    counts: list[int]
    step: int
    padding: Tensor | None


@dataclass(frozen=True)
class Frame:
    """What the scores of a layer need besides states: the places of queries and of keys, and their segments (B, T), (B, S)."""

    queries: Places
    keys: Places
    segments: Tensor

    def distances(self) -> Tensor:
        """From the greatest to the least, (M,)."""
        ours, theirs = self.queries.counts, self.keys.counts
        far = ours[0] - theirs[0] + self.shift * len(ours) * self.keys.step
        return torch.arange(far, ours[0] - theirs[-1] - 1, -self.keys.step, device=self.queries.rows.device)

    @property
    def shift(self) -> int:
        """How many keys further each query is than the one before it."""
        return self.queries.step // self.keys.step

    def same_segment(self) -> Tensor:
        """(B, 1, T, S), True where a query and a key are of one segment."""
        ours, theirs = self.segments[:, self.queries.rows, None], self.segments[:, None, self.keys.rows]
        return ((ours == theirs) | (ours == FIRST_SEGMENT) | (theirs == FIRST_SEGMENT))[:, None]


class FunnelRelMultiheadAttention(HasHeads, Starting):
    """norm(x + attention(x)), whose scores also depend on distance and on whether segments are the same (appendix A.2)."""

    dropout_name, calls_dropout = "attention_dropout", True
    query_name = "q_head"

    def __init__(self, config: FunnelConfig) -> None:
        super().__init__()
        size, heads, self.head_dim = config.d_model, config.n_head, config.d_head
        self.separate_cls, self.factorized = config.separate_cls, config.attention_type == "factorized"
        self.q_head = nn.Linear(size, heads * self.head_dim, bias=False)
        self.k_head, self.v_head = (nn.Linear(size, heads * self.head_dim) for _ in range(2))
        self.r_w_bias, self.r_r_bias = (nn.Parameter(torch.zeros(heads, self.head_dim)) for _ in range(2))
        self.r_kernel = nn.Parameter(torch.zeros(size, heads, self.head_dim))
        self.r_s_bias = nn.Parameter(torch.zeros(heads, self.head_dim))
        self.seg_embed = nn.Parameter(torch.zeros(2, heads, self.head_dim))
        names = ("r_w_bias", "r_r_bias", "r_s_bias", "r_kernel", "seg_embed")
        self.starts = dict.fromkeys(names, lambda weight: weight.uniform_(0.0, config.initializer_range))
        self.post_proj = nn.Linear(heads * self.head_dim, size)
        self.layer_norm = nn.LayerNorm(size, config.layer_norm_eps)
        self.hidden_dropout = nn.Dropout(config.hidden_dropout)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, frame: Frame, memory: Tensor | None = None) -> Tensor:
        """x (B, T, D) looks at itself, or at the states before it was pooled, `memory` (B, S, D)."""
        source = x if memory is None else memory
        query, key, value = (
            states.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for states in (self.q_head(x), self.k_head(source), self.v_head(source))
        )
        bias = self.of_places(query + self.r_r_bias[:, None], frame) + self.of_segments(query + self.r_s_bias[:, None], frame)
        if self.separate_cls:
            bias = nn.functional.pad(bias[:, :, 1:, 1:], (1, 0, 1, 0))
        mixed = self.attend(query + self.r_w_bias[:, None], key, value, mask, bias * self.attend.scoring.scaling)
        output: Tensor = self.layer_norm(x + self.hidden_dropout(self.post_proj(merge_heads(mixed))))
        return output

    def of_places(self, query: Tensor, frame: Frame) -> Tensor:
        """What distances add to the scores of queries (B, H, T, K): (B, H, T, S), before scaling."""
        size = self.r_kernel.shape[0]
        if not self.factorized:
            vectors = self.hidden_dropout(torch.cat(waves(frame.distances(), size), dim=-1).to(query.dtype))
            by_distance = query @ torch.einsum("td,dnh->nht", vectors, self.r_kernel)
            return relative_shift(by_distance, len(frame.keys.rows), frame.shift)
        sines, cosines = (self.hidden_dropout(wave.to(query.dtype)) for wave in waves(frame.queries.rows, size))
        of_queries = torch.cat([sines, sines, cosines, cosines], dim=-1)
        sines, cosines = (wave.to(query.dtype) for wave in waves(frame.keys.rows, size))
        of_keys = torch.cat([cosines, sines, -sines, cosines], dim=-1)
        asked = torch.einsum("bnih,dnh->bnid", query, self.r_kernel)
        return (asked.repeat(1, 1, 1, 2) * of_queries) @ of_keys.T

    def of_segments(self, query: Tensor, frame: Frame) -> Tensor:
        """What segments add to the scores of queries (B, H, T, K): (B, H, T, S), before scaling."""
        other, same = torch.einsum("bnih,snh->sbni", query, self.seg_embed)[..., None]
        return torch.where(frame.same_segment(), same, other)
