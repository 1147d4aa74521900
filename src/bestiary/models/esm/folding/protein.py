"""`Protein`: a protein's atoms in space, and its text in the format of the Protein Data Bank."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import InputError
from . import residue_constants as constants


@dataclass(frozen=True)
class Protein:
    """T amino acids.

    Attributes:
        atom_positions: (T, 37, 3), angstroms, the atoms in the order of `residue_constants.atom_types`.
        aatype: (T,), 0 to 20; 20 is an unknown one.
        atom_mask: (T, 37), 1 where there is such an atom, else 0.
        residue_index: (T,), the numbers of the residues in the file.
        b_factors: (T, 37), which a file says beside each atom: here how sure the model is of it.
        chain_index: (T,), to which chain each belongs; None where there is one.
        remark: a line of words for the file. parents: names of templates, parents_chain_index: their chains.
    """

    atom_positions: NDArray[Any]
    aatype: NDArray[Any]
    atom_mask: NDArray[Any]
    residue_index: NDArray[Any]
    b_factors: NDArray[Any]
    chain_index: NDArray[Any] | None = None
    remark: str | None = None
    parents: Sequence[str] | None = None
    parents_chain_index: Sequence[int] | None = None


def get_pdb_headers(prot: Protein, chain_id: int = 0) -> list[str]:
    """The lines before a chain: the remark, and the templates that it was made from."""
    parents = list(prot.parents or ())
    if prot.parents_chain_index is not None:
        parents = [name for name, chain in zip(parents, prot.parents_chain_index, strict=False) if chain == chain_id]
    remark = [] if prot.remark is None else [f"REMARK {prot.remark}"]
    return [*remark, f"PARENT {' '.join(parents or ['N/A'])}"]


def to_pdb(prot: Protein) -> str:
    """The text of a PDB file: a line of fixed columns for every atom, and one behind the last residue of each chain.

    Raises:
        InputError: an amino acid that is none, or more chains than there are letters for them.
    """
    if len(prot.aatype) == 0 or not 0 <= prot.aatype.min() <= prot.aatype.max() <= constants.restype_num:
        raise InputError(
            f"a protein holds the amino acids {np.unique(prot.aatype)!s:.80}; expected some, of 0 to {constants.restype_num}"
        )
    chains = np.zeros(len(prot.aatype), dtype=int) if prot.chain_index is None else np.asarray(prot.chain_index)
    if not 0 <= chains.min() <= chains.max() < len(ascii_uppercase):
        raise InputError(f"a protein has the chains {np.unique(chains)!s:.80}; a PDB file has letters for 0 to 25")
    lines, number = get_pdb_headers(prot), 1
    for place, residue in enumerate(prot.aatype):
        name, index = constants.resnames[residue], int(prot.residue_index[place])
        tag, last = ascii_uppercase[chains[place]], place == len(prot.aatype) - 1
        for atom, position, factor in _atoms(prot, place):
            column = atom if len(atom) == 4 else f" {atom}"
            x, y, z = position
            lines.append(
                f"ATOM  {number:>5} {column:<4} {name:>3} {tag}{index:>4}    {x:>8.3f}{y:>8.3f}{z:>8.3f}"
                f"{1:>6.2f}{factor:>6.2f}          {atom[0]:>2}  "
            )
            number += 1
        if last or chains[place + 1] != chains[place]:
            lines.append(f"TER   {number:>5}      {name:>3} {tag}{index:>4}")
            number += 1
            lines += [] if last else get_pdb_headers(prot, chains[place + 1])
    return "\n".join([*lines, "END", ""])


def _atoms(prot: Protein, place: int) -> Iterator[tuple[str, NDArray[Any], float]]:
    """Name, place and B factor of each atom of the residue at `place` that there is."""
    of_residue = (prot.atom_positions[place], prot.atom_mask[place], prot.b_factors[place])
    for atom, position, exists, factor in zip(constants.atom_types, *of_residue, strict=True):
        if exists >= 0.5:
            yield atom, position, factor
