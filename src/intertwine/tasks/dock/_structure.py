"""Protein structures: heavy atoms of standard residues, with chains and numbering."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from intertwine._errors import UsageError

Array = NDArray[np.float64]
Texts = NDArray[np.str_]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Structure:
    """A protein of one or more chains.

    Attributes:
        name: For messages, usually the file.
        coordinates: ``(atoms, 3)`` in angstrom.
        atom_names: ``(atoms,)``, as in the PDB: "CA", "OD1".
        residue_of_atom: ``(atoms,)``, ascending.
        residue_names: ``(residues,)``, three letters.
        chains: ``(residues,)``.
        numbers: ``(residues,)``.
        insertion_codes: ``(residues,)``, mostly empty.

    Raises:
        UsageError: If the shapes do not fit, there is no atom, or a coordinate is not finite.
    """

    name: str
    coordinates: Array
    atom_names: Texts
    residue_of_atom: Indices
    residue_names: Texts
    chains: Texts
    numbers: Indices
    insertion_codes: Texts

    def __post_init__(self) -> None:
        atoms, residues = len(self.atom_names), len(self.residue_names)
        if self.coordinates.shape != (atoms, 3) or self.residue_of_atom.shape != (atoms,):
            got = self.coordinates.shape
            raise UsageError(f"{self.name}: expected coordinates ({atoms}, 3) for {atoms} atom names, got {got}")
        if {len(self.chains), len(self.numbers), len(self.insertion_codes)} != {residues}:
            raise UsageError(f"{self.name}: expected chains, numbers and insertion codes of all {residues} residues")
        if not atoms:
            raise UsageError(f"{self.name}: no atom of a protein")
        if not np.isfinite(self.coordinates).all():
            raise UsageError(f"{self.name}: a coordinate is not a finite number")

    @property
    def residues(self) -> int:
        """How many residues there are."""
        return len(self.residue_names)

    @cached_property
    def alpha_carbons(self) -> Indices:
        """The atoms named CA, one a residue at most."""
        return np.flatnonzero(self.atom_names == "CA")

    @property
    def alpha_carbon_coordinates(self) -> Array:
        """``(n, 3)``, in angstrom."""
        return self.coordinates[self.alpha_carbons]

    def moved(self, rotation: Array, translation: Array) -> Structure:
        """The structure moved by ``x -> R x + t``.

        Args:
            rotation: ``(3, 3)``.
            translation: ``(3,)``.

        Returns:
            The moved structure.
        """
        return replace(self, coordinates=self.coordinates @ rotation.T + translation)
