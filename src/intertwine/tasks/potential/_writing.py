"""Writer of structures with predicted energies, forces and stresses: extended XYZ, as ase reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, NamedTuple

from intertwine.data import PointCloudSet
from intertwine.tasks._results import PredictionChunk

_OURS = ("energy", "free_energy", "forces", "stress", "virial", "virials")


class Structures(NamedTuple):
    """Structures to predict for: their atoms, and ase's Atoms with whatever else their file says."""

    frames: PointCloudSet
    atoms: Sequence[Any]


class PotentialWriter:
    """Writes structures with their predicted energy, forces and stress, some at a time.

    Args:
        file: An open text file.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, chunk: PredictionChunk) -> None:
        """Write some more structures, with the comments and columns that their file had, but for labels."""
        from ase.calculators.singlepoint import SinglePointCalculator
        from ase.io import write

        energies = chunk.arrays["energy"]
        frames = []
        for index, given in enumerate(chunk.examples.atoms):
            atoms = given.copy()
            atoms.calc = None
            atoms.info = {key: value for key, value in atoms.info.items() if key not in _OURS}
            for key in ("forces", "energies"):
                atoms.arrays.pop(key, None)
            results = {"energy": float(energies[index, 0]), "forces": chunk.ragged["forces"][index]}
            if "stress" in chunk.ragged and atoms.pbc.all():
                xx, xy, xz, _, yy, yz, _, _, zz = chunk.ragged["stress"][index]
                results["stress"] = [xx, yy, zz, yz, xz, xy]
            calculator: Any = SinglePointCalculator
            atoms.calc = calculator(atoms, **results)
            frames.append(atoms)
        write(self._file, frames, format="extxyz")
