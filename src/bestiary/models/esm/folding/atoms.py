"""From frames and angles to atoms: each amino acid's, at most 14, and their places among the 37 kinds of atoms."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from . import residue_constants as constants
from .rigid import Rigid, Rotation


def _rows(table: Any, aatype: Tensor) -> Tensor:
    """The rows of a table of numpy for the amino acids `aatype`, on their device."""
    return torch.from_numpy(table).to(aatype.device)[aatype.long()]


def torsion_frames(backbone: Rigid, angles: Tensor, aatype: Tensor) -> Rigid:
    """The frames (B, T, 8) of the groups of atoms, from the backbone's (B, T) (algorithm 24, lines 1 to 10).

    Args:
        angles: sine and cosine (B, T, 7, 2) of omega, phi, psi and chi 1 to 4.
        aatype: the amino acids (B, T).
    """
    sine, cosine = torch.nn.functional.pad(angles, (0, 0, 1, 0)).unbind(-1)  # of the backbone itself the angle is 0
    cosine = torch.cat([torch.ones_like(cosine[..., :1]), cosine[..., 1:]], dim=-1)
    zero, one = torch.zeros_like(sine), torch.ones_like(sine)
    rows = ((one, zero, zero), (zero, cosine, -sine), (zero, sine, cosine))
    turned = Rotation(torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2))
    ideal = Rigid.from_tensor_4x4(_rows(constants.restype_rigid_group_default_frame, aatype))
    to_group_before = ideal.compose(Rigid(turned, None))
    chis = [to_group_before[..., 4]]
    for group in (5, 6, 7):
        chis.append(chis[-1].compose(to_group_before[..., group]))
    to_backbone = Rigid.cat([to_group_before[..., :4], *(chi.unsqueeze(-1) for chi in chis)], dim=-1)
    return backbone[..., None].compose(to_backbone)


def atom14_positions(frames: Rigid, aatype: Tensor) -> Tensor:
    """The places (B, T, 14, 3) of the atoms of the amino acids (B, T) in the frames (B, T, 8) of their groups; 0 of no atom.

    Algorithm 24, line 11.
    """
    group = _rows(constants.restype_atom14_to_rigid_group, aatype)
    of_atoms = Rigid.from_tensor_4x4(torch.take_along_dim(frames.to_tensor_4x4(), group[..., None, None], dim=-3))
    positions = of_atoms.apply(_rows(constants.restype_atom14_rigid_group_positions, aatype))
    return positions * _rows(constants.restype_atom14_mask, aatype)[..., None]


def make_atom14_masks(protein: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add to `protein`, for its `aatype` (..., T), which atoms there are and where each is in the other order.

    `atom14_atom_exists` and `residx_atom14_to_atom37` (..., T, 14), `atom37_atom_exists` and `residx_atom37_to_atom14`
    (..., T, 37).
    """
    aatype = protein["aatype"]
    protein["atom14_atom_exists"] = _rows(constants.restype_atom14_mask, aatype)
    protein["residx_atom14_to_atom37"] = _rows(constants.restype_atom14_to_atom37, aatype)
    protein["residx_atom37_to_atom14"] = _rows(constants.restype_atom37_to_atom14, aatype)
    protein["atom37_atom_exists"] = _rows(constants.restype_atom37_mask, aatype)
    return protein


def atom14_to_atom37(atom14: Any, batch: Mapping[str, Any]) -> Any:
    """What belongs to the atoms, (..., T, 14, K), in the order of all 37 kinds (..., T, 37, K): tensors, or arrays of numpy.

    Args:
        batch: the output of a folding model, of which `residx_atom37_to_atom14` and `atom37_atom_exists` are read.
    """
    places, exists = batch["residx_atom37_to_atom14"], batch["atom37_atom_exists"]
    values = torch.take_along_dim(torch.as_tensor(atom14), torch.as_tensor(places)[..., None], dim=-2)
    values = values * torch.as_tensor(exists)[..., None]
    return values if isinstance(atom14, Tensor) else values.numpy()
