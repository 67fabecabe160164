"""Calculator of ase for a trained potential."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes

import ase
from intertwine._errors import UsageError
from intertwine.ase._neighbor_list import NeighborList
from intertwine.data import CHEMICAL_SYMBOLS, check_atoms
from intertwine.models import Potential
from intertwine.tasks import load

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Calculator(AseCalculator):
    """A trained potential as a calculator of ase.

    Results: energy, free_energy (the same), energies (of atoms, their references included), forces, and stress where
    the cell is periodic in three directions. Units: eV, eV/A, eV/A^3, in ase's order and sign.

    Args:
        checkpoint: Folder of a checkpoint or run of the task `potential`; or a `models.Potential`, which is copied.
        skin: Of the Verlet list, angstrom: neighbors are found anew when an atom has moved by half of it.
        dtype: "float32" (the sum of the energies is float64 all the same), or "float64".
        neighbors: The library that finds neighbors: "vesin", "matscipy" or "scipy"; the first installed by default.
        device: Of the model; a GPU if there is one by default.
        keywords: Those of ase's `Calculator`.

    Raises:
        UsageError: The checkpoint is of another task; or, when it calculates, an element was not in training.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012  as in ase

    def __init__(
        self,
        checkpoint: str | os.PathLike[str] | Potential,
        *,
        skin: float = 0.5,
        dtype: str = "float32",
        neighbors: str | None = None,
        device: str | torch.device | None = None,
        **keywords: Any,
    ) -> None:
        base: Any = super()
        base.__init__(**keywords)
        if dtype not in DTYPES:
            raise UsageError(f'dtype must be "float32" or "float64", got {dtype!r}')
        if not skin >= 0:
            raise UsageError(f"skin must not be negative, got {skin}")
        model = copy.deepcopy(checkpoint) if isinstance(checkpoint, Potential) else _model(checkpoint)
        self.dtype = DTYPES[dtype]
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model: Any = model.to(self.device, self.dtype).eval()
        self.elements = frozenset(model.elements)
        self.neighbor_list = NeighborList(float(model.cutoff), skin, neighbors)

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Calculate everything at once; arguments as ase has them."""
        base: Any = super()
        base.calculate(atoms, properties, system_changes)
        assert self.atoms is not None, "the base class keeps the atoms"
        self._calculate(self.atoms, system_changes)

    def _calculate(self, atoms: ase.Atoms, system_changes: Sequence[str]) -> None:
        if "numbers" in system_changes:
            self._check(atoms)
        positions, cell, pbc = atoms.positions, np.asarray(atoms.cell[:]), np.asarray(atoms.pbc)
        found = self.neighbor_list(positions, cell, pbc)
        periodic = bool(pbc.all())
        lattice = cell * pbc[:, None]
        with torch.enable_grad():
            out = self.model(
                self._tensor(atoms.numbers.astype(np.int64)),
                self._tensor(positions - positions.mean(0)).to(self.dtype),
                self._tensor(np.stack([found.source, found.target])),
                self._tensor(found.shifts @ lattice).to(self.dtype),
                cells=self._tensor(lattice[None]).to(self.dtype),
                forces=True,
                stress=periodic,
            )
        energy = float(out.energy[0])
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": _array(out.energies),
            "forces": _array(out.forces),
        }
        if periodic:
            (xx, xy, xz), (_, yy, yz), (_, _, zz) = _array(out.stress[0])
            self.results["stress"] = np.array([xx, yy, zz, yz, xz, xy])

    def _check(self, atoms: ase.Atoms) -> None:
        check_atoms(atoms, "atoms")
        strange = sorted({*map(int, atoms.numbers)} - self.elements)
        if strange:
            known = ", ".join(CHEMICAL_SYMBOLS[number] for number in sorted(self.elements))
            raise UsageError(
                f"element {CHEMICAL_SYMBOLS[strange[0]]} was not seen in training; this potential knows {known}"
            )

    def _tensor(self, values: Any) -> torch.Tensor:
        return torch.from_numpy(values).to(self.device)


def _array(values: torch.Tensor) -> Any:
    return values.detach().to("cpu", torch.float64).numpy()


def _model(checkpoint: str | os.PathLike[str]) -> Potential:
    predictor = load(os.fspath(checkpoint))
    if not isinstance(predictor.model, Potential):
        raise UsageError(f"{os.fspath(checkpoint)} is no potential; train one: intertwine fit potential TRAIN.extxyz")
    return predictor.model
