"""What scripts import of the published `openfold_utils` is here under the same path, and gives the same."""

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from kit.families import close
from torch import Tensor
from transformers.models.esm import openfold_utils as published

from bestiary.compat.finder import old_module
from bestiary.core.errors import InputError

UTILS = "transformers.models.esm.openfold_utils"
# What notebooks and scripts import, by the module below `transformers.models.esm`.
IMPORTED = {
    "openfold_utils": "OFProtein Rigid Rotation atom14_to_atom37 compute_predicted_aligned_error compute_tm"
    " make_atom14_masks to_pdb residue_constants",
    "openfold_utils.protein": "Protein to_pdb get_pdb_headers",
    "openfold_utils.feats": "atom14_to_atom37",
    "openfold_utils.data_transforms": "make_atom14_masks",
    "openfold_utils.loss": "compute_predicted_aligned_error compute_tm",
    "openfold_utils.rigid_utils": "Rigid Rotation",
    "openfold_utils.residue_constants": "restypes restype_order_with_x sequence_to_onehot",
    "modeling_esmfold": "EsmForProteinFolding EsmForProteinFoldingOutput EsmFoldingTrunk EsmFoldStructureModule"
    " categorical_lddt EsmFoldTriangularSelfAttentionBlock",
    "configuration_esm": "EsmConfig EsmFoldConfig TrunkConfig StructureModuleConfig",
}
CONSTANTS = """
restypes restype_num restypes_with_x restype_order restype_order_with_x restype_1to3 restype_3to1 resnames resname_to_idx
unk_restype unk_restype_index atom_types atom_order atom_type_num restype_name_to_atom14_names chi_angles_atoms chi_angles_mask
"""
ARRAYS = """
restype_atom14_mask restype_atom37_mask restype_atom14_to_rigid_group restype_atom14_rigid_group_positions
restype_rigid_group_default_frame STANDARD_ATOM_MASK
"""


def both(name: str) -> tuple[Any, Any]:
    """Our module under an old path below `openfold_utils`, and the published one."""
    return module(f"openfold_utils.{name}"), importlib.import_module(f"{UTILS}.{name}")


def module(path: str) -> ModuleType:
    return old_module(f"transformers.models.esm.{path}", ["__all__"])


@pytest.mark.parametrize("path", IMPORTED)
def test_names_are_found(path: str) -> None:
    theirs = importlib.import_module(f"transformers.models.esm.{path}")
    for name in IMPORTED[path].split():
        assert callable(getattr(module(path), name)) == callable(getattr(theirs, name)), name


def test_constants() -> None:
    ours, theirs = both("residue_constants")
    for name in CONSTANTS.split():
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ARRAYS.split():
        assert getattr(ours, name).dtype == getattr(theirs, name).dtype
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    atoms = {name: sorted(atoms) for name, atoms in theirs.residue_atoms.items()}
    assert {name: sorted(atoms) for name, atoms in ours.residue_atoms.items()} == atoms
    for text, unknown in [("MKAX", False), ("BZU", True)]:
        arguments = (text, theirs.restype_order_with_x, unknown)
        np.testing.assert_array_equal(ours.sequence_to_onehot(*arguments), theirs.sequence_to_onehot(*arguments))
    assert ours.aatype_to_str_sequence([0, 3, 20]) == theirs.aatype_to_str_sequence([0, 3, 20])
    with pytest.raises(InputError, match="none left out"):
        ours.sequence_to_onehot("A", {"A": 1})


def numbers(*shape: int, start: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(start))


@pytest.mark.parametrize("as_matrix", [False, True])
def test_rotations(as_matrix: bool) -> None:
    """Quaternions of a matrix have either sign."""
    results = []
    for utils in both("rigid_utils"):
        first, second = utils.Rotation(quats=numbers(3, 5, 4)), utils.Rotation(quats=numbers(3, 5, 4, start=1))
        if as_matrix:
            first = utils.Rotation(rot_mats=first.get_rot_mats())
        points = numbers(3, 5, 3, start=2)
        made = [
            first.compose_r(second),
            first.compose_q(second),
            first.invert(),
            first[1:],
            first[..., None],
            first.unsqueeze(-1),
        ]
        made += [
            first.compose_q_update_vec(points),
            utils.Rotation.cat([first, second], -1),
            first.detach(),
            first * numbers(3, 5),
        ]
        made += [first.map_tensor_fn(lambda each: each.sum(-1)), utils.Rotation.identity((2, 3)), first.to(None, torch.float32)]
        made += [utils.Rotation.identity((2,), fmt="rot_mat")]
        quats = first.get_quats() * first.get_quats()[..., :1].sign()
        results.append(
            [
                *(each.get_rot_mats() for each in made),
                first.apply(points),
                first.invert_apply(points),
                quats,
                first.get_cur_rot(),
            ]
        )
        assert [each.shape for each in made][3:6] == [(2, 5), (3, 5, 1), (3, 5, 1)]
        assert (first.dtype, first.device.type) == (torch.float32, "cpu")
    close(*results)


def test_rigid_motions() -> None:
    results = []
    for utils in both("rigid_utils"):
        first, second = (utils.Rigid.from_tensor_7(numbers(3, 5, 7, start=start), normalize_quats=True) for start in (0, 1))
        points = [numbers(3, 5, 3, start=start) for start in (2, 3, 4)]
        made = [
            first.compose(second),
            first.compose_q_update_vec(numbers(3, 5, 6, start=2)),
            first.invert(),
            first[0],
            first[..., None],
        ]
        made += [utils.Rigid.from_3_points(*points), utils.Rigid.make_transform_from_reference(*points), first.unsqueeze(-1)]
        made += [
            utils.Rigid.cat([first, second], -1),
            first.scale_translation(10),
            first.stop_rot_gradient(),
            first * numbers(3, 5),
        ]
        made += [utils.Rigid.identity((2, 3)), utils.Rigid(None, points[0]), utils.Rigid(first.get_rots(), None)]
        made += [utils.Rigid.from_tensor_4x4(first.to_tensor_4x4()), first.map_tensor_fn(lambda each: each.sum(-1))]
        made += [first.apply_rot_fn(lambda each: each.invert()), first.apply_trans_fn(lambda each: each + 1)]
        results.append(
            [
                *(each.to_tensor_4x4() for each in made),
                first.to_tensor_7(),
                first.apply(points[0]),
                first.invert_apply(points[0]),
            ]
        )
        assert (first.shape, first.device.type) == ((3, 5), "cpu")
    close(*results)


def test_motions_that_are_none() -> None:
    utils = module("openfold_utils.rigid_utils")
    with pytest.raises(InputError, match="pass one of them"):
        utils.Rotation()
    with pytest.raises(InputError, match="pass one of them"):
        utils.Rotation(numbers(3, 3), numbers(4))
    with pytest.raises(InputError, match=r"\(2, 3\)"):
        utils.Rotation(quats=numbers(2, 3))
    with pytest.raises(InputError, match="pass one of them"):
        utils.Rigid(None, None)


def test_confidence() -> None:
    ours, theirs = both("loss")
    logits, weights = numbers(2, 6, 6, 64), numbers(6, start=1).abs()
    for options in ({}, {"residue_weights": weights}, {"max_bin": 20}):
        close(ours.compute_tm(logits, **options), theirs.compute_tm(logits, **options))
    close(
        list(ours.compute_predicted_aligned_error(logits, max_bin=20).values()),
        list(theirs.compute_predicted_aligned_error(logits, max_bin=20).values()),
    )


def test_atoms_in_both_orders() -> None:
    ours, theirs = both("feats")
    aatype = torch.arange(21)[None]
    masks = [
        module("openfold_utils.data_transforms").make_atom14_masks({"aatype": aatype}),
        published.make_atom14_masks({"aatype": aatype}),
    ]
    close(*([each[name] for name in masks[1]] for each in masks))
    positions = numbers(1, 21, 14, 3)
    expected = theirs.atom14_to_atom37(positions, masks[1])
    close(ours.atom14_to_atom37(positions, masks[0]), expected)
    as_arrays = ours.atom14_to_atom37(positions.numpy(), {name: mask.numpy() for name, mask in masks[0].items()})
    np.testing.assert_allclose(as_arrays, expected.numpy())


def fields(**others: Any) -> dict[str, Any]:
    """Those of a protein of five amino acids, one of them unknown."""
    exists = both("residue_constants")[1].STANDARD_ATOM_MASK[aatype := np.array([0, 1, 20, 18, 7])]
    return {
        "aatype": aatype,
        "atom_positions": 50 * numbers(5, 37, 3).numpy(),
        "atom_mask": exists,
        "residue_index": np.array([1, 2, 3, 998, 12345]),
        "b_factors": numbers(5, 37, start=1).abs().numpy(),
        **others,
    }


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"remark": "made up", "parents": ["1ABC", "2DEF"]},
        {"chain_index": np.array([0, 0, 1, 1, 2]), "parents": ["a", "b", "c"], "parents_chain_index": [0, 1, 1]},
    ],
)
def test_texts_of_pdb_files(others: dict[str, Any]) -> None:
    ours, theirs = both("protein")
    assert ours.to_pdb(ours.Protein(**fields(**others))) == theirs.to_pdb(theirs.Protein(**fields(**others)))


def test_proteins_without_a_text() -> None:
    ours, _ = both("protein")
    with pytest.raises(InputError, match="of 0 to 20"):
        ours.to_pdb(ours.Protein(**fields(aatype=np.array([0, 1, 21, 2, 3]))))
    with pytest.raises(InputError, match="letters for 0 to 25"):
        ours.to_pdb(ours.Protein(**fields(chain_index=np.array([0, 0, 1, 1, 26]))))
