"""Types of heavy atoms in proteins by their chemistry, for pair potentials."""

from __future__ import annotations

import numpy as np

from intertwine.tasks.dock._structure import Indices, Structure

ATOM_TYPES = (
    "backbone N",
    "CA",
    "backbone C",
    "backbone O",
    "CA of Gly",
    "CB, polar",
    "N of Lys",
    "carboxylate O",
    "N of Arg",
    "amide N",
    "amide O",
    "hydroxyl O",
    "O of Tyr",
    "ring N",
    "aromatic C",
    "C of His ring",
    "C, hydrophobic",
    "C, polar side chain",
    "C of C=O or Arg",
    "S",
)
"""The names of the types, in the order of their numbers."""

_HYDROPHOBIC = frozenset({"VAL", "ILE", "LEU", "MET"})
_AROMATIC = frozenset({"PHE", "TRP", "TYR"})
_BACKBONE = {"N": "backbone N", "C": "backbone C", "O": "backbone O", "OXT": "carboxylate O"}
_NITROGENS = {"LYS": "N of Lys", "ARG": "N of Arg", "HIS": "ring N", "TRP": "ring N"}
_OXYGENS = {"ASP": "carboxylate O", "GLU": "carboxylate O", "SER": "hydroxyl O", "THR": "hydroxyl O", "TYR": "O of Tyr"}
_PLANAR = frozenset({("ASP", "CG"), ("GLU", "CD"), ("ASN", "CG"), ("GLN", "CD"), ("ARG", "CZ")})


def atom_types(structure: Structure) -> Indices:
    """The type of each atom, an index into `ATOM_TYPES`.

    Args:
        structure: A protein.

    Returns:
        ``(atoms,)``.
    """
    names = structure.residue_names[structure.residue_of_atom]
    pairs = np.char.add(np.char.add(names, " "), structure.atom_names)
    distinct, inverse = np.unique(pairs, return_inverse=True)
    types = [ATOM_TYPES.index(_atom_type(*pair.split(" "))) for pair in distinct.tolist()]
    return np.array(types, dtype=np.int64)[inverse]


def _atom_type(residue: str, atom: str) -> str:
    if atom in _BACKBONE:
        return _BACKBONE[atom]
    if atom == "CA":
        return "CA of Gly" if residue == "GLY" else "CA"
    if atom == "CB":
        return "C, hydrophobic" if residue in _HYDROPHOBIC | _AROMATIC | {"CYS"} else "CB, polar"
    element = atom[:1]
    if element == "S":
        return "S"
    if element == "N":
        return _NITROGENS.get(residue, "amide N")
    if element == "O":
        return _OXYGENS.get(residue, "amide O")
    if residue in _AROMATIC:
        return "aromatic C"
    if residue == "HIS":
        return "C of His ring"
    if residue in _HYDROPHOBIC:
        return "C, hydrophobic"
    return "C of C=O or Arg" if (residue, atom) in _PLANAR else "C, polar side chain"
