"""A block of the folding trunk: states of residues and of their pairs, each changed by the other (Lin et al. 2023, figure S1).

S is the width of the residues' states, Z that of the pairs'; a pair of residues is an edge of triangles with each third one.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ....nn.layer import Layer
from ..folding_config import TrunkConfig

MASKED = -1e9  # what is added to the score of a pair that a mask hides


class EsmFoldAttention(nn.Module):
    """Attention along the last edge of pairs, in H heads; a gate that the query opens stands behind it."""

    def __init__(self, size: int, head_width: int, heads: int) -> None:
        super().__init__()
        self.no_heads = heads
        self.linear_q = nn.Linear(size, head_width * heads, bias=False)
        self.linear_k = nn.Linear(size, head_width * heads, bias=False)
        self.linear_v = nn.Linear(size, head_width * heads, bias=False)
        self.linear_o = nn.Linear(head_width * heads, size)
        self.linear_g = nn.Linear(size, head_width * heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """States (B, I, J, Z), and what is added to the scores (B, I or 1, H or 1, J, J) -> (B, I, J, Z)."""
        query, key, value = (
            project(x).unflatten(-1, (self.no_heads, -1)).transpose(-2, -3)
            for project in (self.linear_q, self.linear_k, self.linear_v)
        )
        attended = scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        output: Tensor = self.linear_o(attended.transpose(-2, -3).flatten(-2) * self.linear_g(x).sigmoid())
        return output


class EsmFoldTriangleAttention(nn.Module):
    """An edge i, j looks at the edges i, k that start where it does (algorithm 13), or at those k, j that end there (14)."""

    def __init__(self, size: int, head_width: int, heads: int, starting: bool) -> None:
        super().__init__()
        self.starting = starting
        self.layer_norm = nn.LayerNorm(size)
        self.linear = nn.Linear(size, heads, bias=False)
        self.mha = EsmFoldAttention(size, head_width, heads)

    def forward(self, pairs: Tensor, mask: Tensor, chunk_size: int | None = None) -> Tensor:
        """States (B, T, T, Z) and which pairs are of real residues (B, T, T) -> (B, T, T, Z).

        `chunk_size`: how many rows of pairs, of all texts together, are computed at once.
        """
        if not self.starting:
            pairs, mask = pairs.transpose(1, 2), mask.transpose(1, 2)
        pairs = self.layer_norm(pairs)
        closing = self.linear(pairs).permute(0, 3, 1, 2).unsqueeze(1)  # of the third edge, (B, 1, H, T, T)
        rows = pairs.shape[1] if chunk_size is None else max(1, chunk_size // len(pairs))
        parts = zip(pairs.split(rows, dim=1), mask.split(rows, dim=1), strict=True)
        attended = [self.mha(part, closing + (MASKED * (1 - real))[:, :, None, None, :]) for part, real in parts]
        output = torch.cat(attended, dim=1)
        return output if self.starting else output.transpose(1, 2)


class EsmFoldTriangleMultiplicativeUpdate(nn.Module):
    """An edge i, j from the products of the edges i, k and j, k (outgoing: algorithm 11), or k, i and k, j (incoming: 12)."""

    def __init__(self, size: int, outgoing: bool) -> None:
        super().__init__()
        self.equation = "bikz,bjkz->bijz" if outgoing else "bkiz,bkjz->bijz"
        self.linear_a_p, self.linear_a_g = nn.Linear(size, size), nn.Linear(size, size)
        self.linear_b_p, self.linear_b_g = nn.Linear(size, size), nn.Linear(size, size)
        self.linear_g, self.linear_z = nn.Linear(size, size), nn.Linear(size, size)
        self.layer_norm_in, self.layer_norm_out = nn.LayerNorm(size), nn.LayerNorm(size)

    def forward(self, pairs: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, T, Z) and which pairs are of real residues (B, T, T) -> (B, T, T, Z)."""
        pairs = self.layer_norm_in(pairs)
        first = mask[..., None] * self.linear_a_g(pairs).sigmoid() * self.linear_a_p(pairs)
        second = mask[..., None] * self.linear_b_g(pairs).sigmoid() * self.linear_b_p(pairs)
        products = torch.einsum(self.equation, first, second)
        output: Tensor = self.linear_z(self.layer_norm_out(products)) * self.linear_g(pairs).sigmoid()
        return output


class EsmFoldSelfAttention(nn.Module):
    """Attention of the residues, whose scores the pairs shift, and a gate behind it."""

    def __init__(self, embed_dim: int, num_heads: int, head_width: int) -> None:
        super().__init__()
        self.embed_dim, self.num_heads, self.head_width = embed_dim, num_heads, head_width
        self.proj = nn.Linear(embed_dim, embed_dim * 3, bias=False)
        self.o_proj, self.g_proj = nn.Linear(embed_dim, embed_dim), nn.Linear(embed_dim, embed_dim)

    def forward(self, x: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
        """States (B, T, S), which residues are real (B, T), what is added to the scores (B, T, T, H) -> (B, T, S)."""
        query, key, value = self.proj(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2).chunk(3, dim=-1)
        scores = bias.permute(0, 3, 1, 2).masked_fill(mask[:, None, None] == 0, -torch.inf)
        attended = scaled_dot_product_attention(query, key, value, attn_mask=scores.to(query.dtype))
        output: Tensor = self.o_proj(self.g_proj(x).sigmoid() * attended.transpose(1, 2).flatten(2))
        return output


class EsmFoldSequenceToPair(nn.Module):
    """What two residues say of their pair: the product of their states and the difference."""

    def __init__(self, sequence_state_dim: int, inner_dim: int, pairwise_state_dim: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(sequence_state_dim)
        self.proj = nn.Linear(sequence_state_dim, inner_dim * 2)
        self.o_proj = nn.Linear(2 * inner_dim, pairwise_state_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, S) -> (B, T, T, Z)."""
        of_column, of_row = self.proj(self.layernorm(x)).chunk(2, dim=-1)
        of_column, of_row = of_column[:, None], of_row[:, :, None]
        output: Tensor = self.o_proj(torch.cat([of_column * of_row, of_column - of_row], dim=-1))
        return output


class EsmFoldPairToSequence(nn.Module):
    """What pairs (B, T, T, Z) add to the scores of attention between their residues, (B, T, T, H)."""

    def __init__(self, pairwise_state_dim: int, num_heads: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(pairwise_state_dim)
        self.linear = nn.Linear(pairwise_state_dim, num_heads, bias=False)

    def forward(self, pairs: Tensor) -> Tensor:
        output: Tensor = self.linear(self.layernorm(pairs))
        return output


class EsmFoldResidueMLP(nn.Module):
    """x + down(relu(up(norm(x))))."""

    def __init__(self, embed_dim: int, inner_dim: int, dropout: float) -> None:
        super().__init__()
        up, down = nn.Linear(embed_dim, inner_dim), nn.Linear(inner_dim, embed_dim)
        self.mlp = nn.Sequential(nn.LayerNorm(embed_dim), up, nn.ReLU(), down, nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.mlp(x)
        return output


class EsmFoldDropout(nn.Module):
    """Dropout that leaves out the same numbers all along one axis of the pairs: whole rows or whole columns."""

    def __init__(self, rate: float, axis: int) -> None:
        super().__init__()
        self.axis, self.dropout = axis, nn.Dropout(rate)

    def forward(self, pairs: Tensor) -> Tensor:
        kept: Tensor = self.dropout(torch.ones_like(pairs.narrow(self.axis, 0, 1)))
        return pairs * kept


class EsmFoldTriangularSelfAttentionBlock(Layer):
    """The residues look at each other, tell their pairs, and these look at the triangles they are in."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config: Any = config
        size, pair_size, dropout = config.sequence_state_dim, config.pairwise_state_dim, config.dropout
        heads = size // config.sequence_head_width
        triangle = (pair_size, config.pairwise_head_width, pair_size // config.pairwise_head_width)
        self.layernorm_1 = nn.LayerNorm(size)
        self.sequence_to_pair = EsmFoldSequenceToPair(size, pair_size // 2, pair_size)
        self.pair_to_sequence = EsmFoldPairToSequence(pair_size, heads)
        self.seq_attention = EsmFoldSelfAttention(size, heads, config.sequence_head_width)
        self.tri_mul_out = EsmFoldTriangleMultiplicativeUpdate(pair_size, outgoing=True)
        self.tri_mul_in = EsmFoldTriangleMultiplicativeUpdate(pair_size, outgoing=False)
        self.tri_att_start = EsmFoldTriangleAttention(*triangle, starting=True)
        self.tri_att_end = EsmFoldTriangleAttention(*triangle, starting=False)
        self.mlp_seq = EsmFoldResidueMLP(size, 4 * size, dropout)
        self.mlp_pair = EsmFoldResidueMLP(pair_size, 4 * pair_size, dropout)
        self.drop = nn.Dropout(dropout)
        self.row_drop, self.col_drop = EsmFoldDropout(dropout * 2, 2), EsmFoldDropout(dropout * 2, 1)

    def forward(self, states: Tensor, pairs: Tensor, mask: Tensor, chunk_size: int | None = None) -> tuple[Tensor, Tensor]:
        """States (B, T, S) and (B, T, T, Z), and which residues are real (B, T) -> the next states of both."""
        attended = self.seq_attention(self.layernorm_1(states), mask, self.pair_to_sequence(pairs))
        states = self.mlp_seq(states + self.drop(attended))
        pairs = pairs + self.sequence_to_pair(states)
        real = mask[:, :, None] * mask[:, None, :]
        pairs = pairs + self.row_drop(self.tri_mul_out(pairs, real))
        pairs = pairs + self.col_drop(self.tri_mul_in(pairs, real))
        pairs = pairs + self.row_drop(self.tri_att_start(pairs, real, chunk_size))
        pairs = pairs + self.col_drop(self.tri_att_end(pairs, real, chunk_size))
        return states, self.mlp_pair(pairs)
