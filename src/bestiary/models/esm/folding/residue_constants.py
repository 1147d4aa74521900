"""What is known of the 20 amino acids: names, atoms, the angles around which they turn, and where their atoms lie ideally.

Arrays have a row for each amino acid in the order of their three-letter names, and a last one, of zeros, for X, any other.
`residues.json` has for each letter the three-letter name, the atoms along the chain whose bonds turn (chi k turns the bond
between its atoms k + 1 and k + 2), and each atom's rigid group and place (angstroms) in that group's frame, as AlphaFold 2 has
them (Jumper et al. 2021, supplement, table 2). The groups: 0 the backbone, 1 omega, 2 phi, 3 psi, 4 to 7 chi 1 to chi 4.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import InputError

_FILE = json.loads((Path(__file__).parent / "residues.json").read_text(encoding="utf-8"))
_RESIDUES: dict[str, dict[str, Any]] = _FILE["residues"]

restypes = list(_RESIDUES)
restype_num = unk_restype_index = len(restypes)
restypes_with_x = [*restypes, "X"]
restype_order = {letter: number for number, letter in enumerate(restypes)}
restype_order_with_x = {**restype_order, "X": restype_num}
restype_1to3 = {letter: residue["name"] for letter, residue in _RESIDUES.items()}
restype_3to1 = {name: letter for letter, name in restype_1to3.items()}
unk_restype = "UNK"
resnames = [*restype_1to3.values(), unk_restype]
resname_to_idx = {name: number for number, name in enumerate(resnames)}

atom_types = _FILE["atom_types"].split()
atom_order = {name: number for number, name in enumerate(atom_types)}
atom_type_num = len(atom_types)
residue_atoms = {residue["name"]: list(residue["atoms"]) for residue in _RESIDUES.values()}
restype_name_to_atom14_names = {
    name: residue_atoms.get(name, []) + [""] * (14 - len(residue_atoms.get(name, []))) for name in resnames
}
_TURNS = [residue["turns"].split() for residue in _RESIDUES.values()]
chi_angles_atoms = {
    name: [turns[first : first + 4] for first in range(len(turns) - 3)] for name, turns in zip(resnames, _TURNS, strict=False)
}
chi_angles_mask = [[float(chi < len(turns) - 3) for chi in range(4)] for turns in _TURNS]

restype_atom14_to_atom37 = np.zeros((21, 14), dtype=np.int64)
restype_atom37_to_atom14 = np.zeros((21, 37), dtype=np.int64)
restype_atom14_mask = np.zeros((21, 14), dtype=np.float32)
restype_atom37_mask = np.zeros((21, 37), dtype=np.float32)
restype_atom14_to_rigid_group = np.zeros((21, 14), dtype=np.int64)
restype_atom14_rigid_group_positions = np.zeros((21, 14, 3), dtype=np.float32)
restype_rigid_group_default_frame = np.zeros((21, 8, 4, 4), dtype=np.float32)


def _frame(x: NDArray[Any], y: NDArray[Any], origin: NDArray[Any]) -> NDArray[Any]:
    """The 4x4 matrix of the frame at `origin` whose x axis goes along `x`, and in whose plane of x and y `y` lies."""
    first = x / np.linalg.norm(x)
    second = y - y @ first * first
    second = second / np.linalg.norm(second)
    return np.vstack([np.stack([first, second, np.cross(first, second), origin], axis=1), [0.0, 0.0, 0.0, 1.0]])


def _fill(row: int, residue: Mapping[str, Any], turns: Sequence[str]) -> None:
    """Write one amino acid's row of the arrays above."""
    for place, (name, (group, *position)) in enumerate(residue["atoms"].items()):
        restype_atom14_to_atom37[row, place], restype_atom37_to_atom14[row, atom_order[name]] = atom_order[name], place
        restype_atom14_mask[row, place] = restype_atom37_mask[row, atom_order[name]] = 1
        restype_atom14_to_rigid_group[row, place] = group
        restype_atom14_rigid_group_positions[row, place] = position
    at = {name: np.array(position) for name, (_, *position) in residue["atoms"].items()}
    frames = restype_rigid_group_default_frame[row]
    frames[:2] = np.eye(4)
    frames[2] = _frame(at["N"] - at["CA"], np.array([1.0, 0.0, 0.0]), at["N"])
    frames[3] = _frame(at["C"] - at["CA"], at["CA"] - at["N"], at["C"])
    if len(turns) > 3:
        before, start, end = (at[name] for name in turns[:3])
        frames[4] = _frame(end - start, before - start, end)
    for chi, name in enumerate(turns[3:-1]):  # these axes begin where the frame before does
        frames[5 + chi] = _frame(at[name], np.array([-1.0, 0.0, 0.0]), at[name])


for _row, (_residue, _turns) in enumerate(zip(_RESIDUES.values(), _TURNS, strict=True)):
    _fill(_row, _residue, _turns)
STANDARD_ATOM_MASK = restype_atom37_mask.astype(np.int32)


def sequence_to_numbers(sequence: str, mapping: Mapping[str, int] = restype_order_with_x) -> list[int]:
    """The number of each letter of `sequence`; a capital letter that `mapping` does not have counts as its X.

    Raises:
        InputError: the sequence is empty or no text, or holds anything but capital letters.
    """
    if not isinstance(sequence, str) or not sequence:
        raise InputError(f"a protein is {sequence!r:.60}; expected a text of one letter per amino acid, at least one")
    if wrong := [(place, letter) for place, letter in enumerate(sequence) if not (letter.isalpha() and letter.isupper())]:
        raise InputError(
            f"a protein holds {wrong[0][1]!r} at place {wrong[0][0]}; expected capital letters, X for what is unknown"
        )
    return [mapping.get(letter, mapping["X"]) for letter in sequence]


def sequence_to_onehot(sequence: str, mapping: Mapping[str, int], map_unknown_to_x: bool = False) -> NDArray[np.int32]:
    """The letters of `sequence` as rows (T, N), a 1 in the column that `mapping` says, whose numbers are 0 to N - 1.

    Raises:
        InputError: `mapping` leaves numbers out. KeyError: a letter is not in it, unless unknown ones are to count as X.
    """
    if sorted(set(mapping.values())) != list(range(size := max(mapping.values()) + 1)):
        raise InputError(
            f"the mapping has the numbers {sorted(mapping.values())!s:.80}; expected 0 to {size - 1}, none left out"
        )
    known = sequence_to_numbers(sequence, mapping) if map_unknown_to_x else [mapping[letter] for letter in sequence]
    return np.eye(size, dtype=np.int32)[known]


def aatype_to_str_sequence(aatype: Sequence[int]) -> str:
    """The letters of amino acids' numbers."""
    return "".join(restypes_with_x[number] for number in aatype)
