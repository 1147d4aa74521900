"""The folding trunk: triangular blocks and the structure module, run again over what they gave ("recycling")."""

from typing import Any

import torch
from torch import Tensor, nn

from ....core.errors import ArgumentError, InputError
from ....core.kinds import Count, Size, fits
from ..folding_config import TrunkConfig
from .structure import EsmFoldStructureModule
from .triangles import EsmFoldTriangularSelfAttentionBlock

RECYCLED_BINS, NEAREST, FURTHEST = 15, 3.375, 21.375  # distances of the structure before, in angstroms (algorithm 32)


class EsmFoldRelativePosition(nn.Module):
    """A state for each pair by how far its residues are apart in the chain, at most `position_bins` (algorithm 4)."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.bins = config.position_bins
        self.embedding = nn.Embedding(2 * self.bins + 2, config.pairwise_state_dim)  # the first is of pairs that are masked

    def forward(self, positions: Tensor, mask: Tensor) -> Tensor:
        """Positions and which residues are real (B, T) -> (B, T, T, Z)."""
        apart = (positions[:, None, :] - positions[:, :, None]).clamp(-self.bins, self.bins) + self.bins + 1
        output: Tensor = self.embedding(apart.masked_fill(mask[:, None, :] * mask[:, :, None] == 0, 0))
        return output


class EsmFoldingTrunk(nn.Module):
    """Blocks, structure module, and what the next round learns of the one before."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config: Any = config
        size, pair_size, structure = config.sequence_state_dim, config.pairwise_state_dim, config.structure
        self.pairwise_positional_embedding = EsmFoldRelativePosition(config)
        self.blocks = nn.ModuleList(EsmFoldTriangularSelfAttentionBlock(config) for _ in range(config.num_blocks))
        self.recycle_bins = RECYCLED_BINS
        self.recycle_s_norm, self.recycle_z_norm = nn.LayerNorm(size), nn.LayerNorm(pair_size)
        self.recycle_disto = nn.Embedding(RECYCLED_BINS, pair_size)
        self.structure_module = EsmFoldStructureModule(structure)
        self.trunk2sm_s = nn.Linear(size, structure.sequence_dim)
        self.trunk2sm_z = nn.Linear(pair_size, structure.pairwise_dim)
        self.chunk_size = config.chunk_size

    def set_chunk_size(self, chunk_size: int | None) -> None:
        """From now on attend to `chunk_size` rows of pairs at once, None for all: fewer need less memory and more time.

        Raises:
            ArgumentError: it is no number above 0.
        """
        if not fits(chunk_size, Size | None):
            raise ArgumentError(
                f"chunk_size is {chunk_size!r:.60}; expected a whole number of rows, at least 1, or None for all"
            )
        self.chunk_size = chunk_size

    def rounds(self, num_recycles: int | None) -> int:
        """How often the trunk runs: once and `num_recycles` times more; without a number, `max_recycles` times.

        Raises:
            InputError: the number is below 0, or there would be no run.
        """
        if not fits(num_recycles, Count | None):
            raise InputError(f"num_recycles is {num_recycles!r:.60}; expected a whole number, 0 for a single run")
        if num_recycles is None and self.config.max_recycles == 0:
            raise InputError("max_recycles of the config is 0, so that nothing would run; pass num_recycles=0 for a single run")
        return int(self.config.max_recycles if num_recycles is None else num_recycles + 1)

    def forward(
        self, states: Tensor, pairs: Tensor, aatype: Tensor, positions: Tensor, mask: Tensor, num_recycles: int | None = None
    ) -> dict[str, Tensor]:
        """Fold; gradients go through the last round alone.

        Args:
            states, pairs: (B, T, S) and (B, T, T, Z). aatype: the amino acids (B, T). positions: their places in the chain
                (B, T). mask: which of them are real (B, T).

        Returns:
            What the structure module gives, and the last states `s_s` (B, T, S) and `s_z` (B, T, T, Z).
        """
        rounds, with_gradient = self.rounds(num_recycles), torch.is_grad_enabled()
        last_states, last_pairs, bins = (
            torch.zeros_like(states),
            torch.zeros_like(pairs),
            mask.new_zeros(pairs.shape[:-1]).long(),
        )
        structure: dict[str, Tensor] = {}
        for round_ in range(rounds):
            with torch.set_grad_enabled(with_gradient and round_ == rounds - 1):
                last_states = states + self.recycle_s_norm(last_states.detach())
                last_pairs = pairs + self.recycle_z_norm(last_pairs.detach()) + self.recycle_disto(bins)
                last_pairs = last_pairs + self.pairwise_positional_embedding(positions, mask)
                for block in self.blocks:
                    last_states, last_pairs = block(last_states, last_pairs, mask, self.chunk_size)
                structure = self.structure_module(
                    self.trunk2sm_s(last_states), self.trunk2sm_z(last_pairs), aatype, mask.float()
                )
                bins = self.distogram(structure["positions"][-1][:, :, :3], NEAREST, FURTHEST, RECYCLED_BINS)
        return {**structure, "s_s": last_states, "s_z": last_pairs}

    @staticmethod
    def distogram(coords: Tensor, min_bin: float, max_bin: float, num_bins: int) -> Tensor:
        """The bins (B, T, T) of the distances between the second carbons of side chains, which these would have.

        Args:
            coords: where N, CA and C of each residue are (B, T, 3, 3), in angstroms, as the bounds of the bins are.
        """
        edges = torch.linspace(min_bin, max_bin, num_bins - 1, device=coords.device).square()
        nitrogen, alpha, carbon = coords.unbind(-2)
        first, second = alpha - nitrogen, carbon - alpha
        beta = -0.58273431 * torch.linalg.cross(first, second, dim=-1) + 0.56802827 * first - 0.54067466 * second + alpha
        apart = (beta[..., None, :, :] - beta[..., :, None, :]).square().sum(-1, keepdim=True)
        bins: Tensor = (apart > edges).sum(-1)
        return bins
