"""The backbone of a protein: residues that have N, CA and C."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine.tasks.dock import STANDARD_RESIDUES, Structure

RESIDUES = tuple(sorted(STANDARD_RESIDUES))
TYPES = len(RESIDUES) + 1
"""The standard residues, and one for all others."""
_ATOMS = ("N", "CA", "C")


class Backbone(NamedTuple):
    """The residues that have N, CA and C: positions ``(n, 3, 3)``, types ``(n,)``, their places in the structure."""

    positions: Tensor
    types: Tensor
    rows: npt.NDArray[np.int64]


def backbone(structure: Structure) -> Backbone:
    """The backbone of a protein, float64; residues that lack one of N, CA and C are left out."""
    owner, atoms = structure.residue_of_atom, []
    for name in _ATOMS:
        places = np.full(structure.residues, -1)
        chosen = np.flatnonzero(structure.atom_names == name)
        places[owner[chosen]] = chosen
        atoms.append(places)
    table = np.stack(atoms, axis=1)
    rows = np.flatnonzero((table >= 0).all(axis=1))
    known = {name: k for k, name in enumerate(RESIDUES)}
    types = [known.get(name, TYPES - 1) for name in structure.residue_names[rows].tolist()]
    positions = torch.from_numpy(structure.coordinates[table[rows]])
    return Backbone(positions, torch.tensor(types, dtype=torch.long), rows)
