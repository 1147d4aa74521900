"""The structure module: from the states of residues and pairs to frames, angles and atoms (algorithm 20).

Z is the width of the pairs' states, D that of the residues', H the number of heads.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from ....nn.init import Starting, constant
from ..folding_config import StructureModuleConfig
from .atoms import atom14_positions, torsion_frames
from .rigid import Rigid, Rotation


class EsmFoldInvariantPointAttention(Starting):
    """Attention that also counts how near points are in space, and stays the same when all are moved (algorithm 22)."""

    starts = {"head_weights": constant(0.0)}

    def __init__(self, config: StructureModuleConfig) -> None:
        super().__init__()
        self.config: Any = config
        self.hidden_dim, self.num_heads = config.ipa_dim, config.num_heads_ipa
        self.num_qk_points, self.num_v_points = config.num_qk_points, config.num_v_points
        size, heads, points = config.sequence_dim, self.num_heads, self.num_qk_points + self.num_v_points
        self.linear_q = nn.Linear(size, heads * self.hidden_dim)
        self.linear_kv = nn.Linear(size, 2 * heads * self.hidden_dim)
        self.linear_q_points = nn.Linear(size, heads * self.num_qk_points * 3)
        self.linear_kv_points = nn.Linear(size, heads * points * 3)
        self.linear_b = nn.Linear(config.pairwise_dim, heads)
        self.head_weights = nn.Parameter(torch.zeros(heads))
        self.linear_out = nn.Linear(heads * (config.pairwise_dim + self.hidden_dim + self.num_v_points * 4), size)

    def forward(self, states: Tensor, pairs: Tensor, frames: Rigid, mask: Tensor) -> Tensor:
        """States (B, T, D) and (B, T, T, Z), frames (B, T), and which residues are real, 1.0 or 0.0 (B, T) -> (B, T, D)."""
        query = self.linear_q(states).unflatten(-1, (self.num_heads, -1))
        key, value = self.linear_kv(states).unflatten(-1, (self.num_heads, -1)).chunk(2, dim=-1)
        query_points = self._points(self.linear_q_points(states), frames)
        of_keys = self._points(self.linear_kv_points(states), frames)
        key_points, value_points = of_keys.split([self.num_qk_points, self.num_v_points], dim=-2)

        scores = torch.einsum("bihc,bjhc->bhij", query, key) * math.sqrt(1 / (3 * self.hidden_dim))
        scores = scores + math.sqrt(1 / 3) * self.linear_b(pairs).permute(0, 3, 1, 2)
        apart = (query_points[:, :, None] - key_points[:, None]).square().sum((-1, -2))  # (B, T, T, H)
        weights = nn.functional.softplus(self.head_weights) * math.sqrt(2 / (27 * self.num_qk_points))
        scores = scores - (apart * weights / 2).permute(0, 3, 1, 2)
        hidden = self.config.inf * (mask[:, :, None] * mask[:, None, :] - 1)
        attention = (scores + hidden[:, None]).softmax(-1)

        attended = torch.einsum("bhij,bjhc->bihc", attention, value.to(attention.dtype)).flatten(2)
        points = frames[..., None, None].invert_apply(torch.einsum("bhij,bjhpx->bihpx", attention, value_points))
        lengths = (points.square().sum(-1) + self.config.epsilon).sqrt().flatten(2)
        of_pairs = torch.einsum("bhij,bijz->bihz", attention, pairs.to(attention.dtype)).flatten(2)
        together = torch.cat([attended, points.flatten(2, 3).mT.flatten(2), lengths, of_pairs], dim=-1)
        output: Tensor = self.linear_out(together.to(pairs.dtype))
        return output

    def _points(self, numbers: Tensor, frames: Rigid) -> Tensor:
        """The points in space (B, T, H, P, 3) with these places in their frames (B, T): (B, T, 3 * H * P), all x first."""
        points: Tensor = frames[..., None].apply(numbers.unflatten(-1, (3, -1)).mT).unflatten(2, (self.num_heads, -1))
        return points


class EsmFoldBackboneUpdate(nn.Module):
    """The motion of each residue's frame, (B, T, D) -> (B, T, 6): x, y, z of a quaternion, and a shift (algorithm 23)."""

    def __init__(self, config: StructureModuleConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.sequence_dim, 6)

    def forward(self, states: Tensor) -> Tensor:
        output: Tensor = self.linear(states)
        return output


class EsmFoldStructureModuleTransitionLayer(nn.Module):
    """x + linear_3(relu(linear_2(relu(linear_1(x)))))."""

    def __init__(self, config: StructureModuleConfig) -> None:
        super().__init__()
        size = config.sequence_dim
        self.linear_1, self.linear_2, self.linear_3 = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.linear_3(self.linear_2(self.linear_1(x).relu()).relu())
        return output


class EsmFoldStructureModuleTransition(nn.Module):
    """What happens to each residue's states behind the attention (algorithm 20, lines 8 and 9)."""

    def __init__(self, config: StructureModuleConfig) -> None:
        super().__init__()
        self.config: Any = config
        self.layers = nn.ModuleList(EsmFoldStructureModuleTransitionLayer(config) for _ in range(config.num_transition_layers))
        self.dropout, self.layer_norm = nn.Dropout(config.dropout_rate), nn.LayerNorm(config.sequence_dim)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        output: Tensor = self.layer_norm(self.dropout(x))
        return output


class EsmFoldAngleResnetBlock(nn.Module):
    """x + linear_2(relu(linear_1(relu(x))))."""

    def __init__(self, config: StructureModuleConfig) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = (
            nn.Linear(config.resnet_dim, config.resnet_dim),
            nn.Linear(config.resnet_dim, config.resnet_dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.linear_2(self.linear_1(x.relu()).relu())
        return output


class EsmFoldAngleResnet(nn.Module):
    """The angles of each residue, as sines and cosines (algorithm 20, lines 11 to 14)."""

    def __init__(self, config: StructureModuleConfig) -> None:
        super().__init__()
        self.config: Any = config
        self.linear_in = nn.Linear(config.sequence_dim, config.resnet_dim)
        self.linear_initial = nn.Linear(config.sequence_dim, config.resnet_dim)
        self.layers = nn.ModuleList(EsmFoldAngleResnetBlock(config) for _ in range(config.num_resnet_blocks))
        self.linear_out = nn.Linear(config.resnet_dim, config.num_angles * 2)

    def forward(self, states: Tensor, first_states: Tensor) -> tuple[Tensor, Tensor]:
        """States now and at the start (B, T, D) -> the angles (B, T, 7, 2) as computed, and of length 1."""
        # The first relu is in the published code and weights, and not in the supplement.
        x = self.linear_in(states.relu()) + self.linear_initial(first_states.relu())
        for layer in self.layers:
            x = layer(x)
        angles = self.linear_out(x.relu()).unflatten(-1, (-1, 2))
        lengths = angles.float().square().sum(-1, keepdim=True).clamp(min=self.config.epsilon).sqrt()  # 0 in half precision
        return angles, angles / lengths.to(angles.dtype)


class EsmFoldStructureModule(nn.Module):
    """From all residues in one place to a structure, in `num_blocks` steps by the same weights (algorithm 20)."""

    def __init__(self, config: StructureModuleConfig) -> None:
        super().__init__()
        self.config: Any = config
        self.layer_norm_s, self.layer_norm_z = nn.LayerNorm(config.sequence_dim), nn.LayerNorm(config.pairwise_dim)
        self.linear_in = nn.Linear(config.sequence_dim, config.sequence_dim)
        self.ipa = EsmFoldInvariantPointAttention(config)
        self.ipa_dropout, self.layer_norm_ipa = nn.Dropout(config.dropout_rate), nn.LayerNorm(config.sequence_dim)
        self.transition = EsmFoldStructureModuleTransition(config)
        self.bb_update = EsmFoldBackboneUpdate(config)
        self.angle_resnet = EsmFoldAngleResnet(config)

    def forward(self, states: Tensor, pairs: Tensor, aatype: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Fold.

        Args:
            states, pairs: (B, T, D) and (B, T, T, Z). aatype: the amino acids (B, T). mask: 1.0 for real ones, else 0.0 (B, T).

        Returns:
            What each of the N steps gave, (N, B, T, ...): `frames` of the backbone (..., 7), `sidechain_frames` (..., 8, 4, 4),
            `unnormalized_angles` and `angles` (..., 7, 2), `positions` (..., 14, 3) of atoms in angstroms, `states` (..., D).
        """
        first_states, pairs = self.layer_norm_s(states), self.layer_norm_z(pairs)
        states = self.linear_in(first_states)
        frames = Rigid.identity(states.shape[:-1], device=states.device)
        steps = []
        for _ in range(self.config.num_blocks):
            states = self.layer_norm_ipa(self.ipa_dropout(states + self.ipa(states, pairs, frames, mask)))
            states = self.transition(states)
            frames = frames.compose_q_update_vec(self.bb_update(states))
            in_angstroms = frames.scale_translation(self.config.trans_scale_factor)
            unnormalized_angles, angles = self.angle_resnet(states, first_states)
            backbone = Rigid(Rotation(in_angstroms.get_rots().get_rot_mats()), in_angstroms.get_trans())
            of_groups = torsion_frames(backbone, angles, aatype)
            steps.append(
                {
                    "frames": in_angstroms.to_tensor_7(),
                    "sidechain_frames": of_groups.to_tensor_4x4(),
                    "unnormalized_angles": unnormalized_angles,
                    "angles": angles,
                    "positions": atom14_positions(of_groups, aatype),
                    "states": states,
                }
            )
            frames = frames.stop_rot_gradient()
        return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}
