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
from intertwine.models import Potential, committee_deviation
from intertwine.tasks import load

DEVIATIONS = ("energy_deviation", "energies_deviation", "forces_deviation")
"""Properties of a potential with a committee."""

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Calculator(AseCalculator):
    """A trained potential as a calculator of ase.

    Results: energy, free_energy (the same), energies (of atoms, their references included), forces, and stress where
    the cell is periodic in three directions. Units: eV, eV/A, eV/A^3, in ase's order and sign.

    A potential with a committee also has energy_deviation, energies_deviation and forces_deviation (N, 3): standard
    deviations over the committee, in eV and eV/A, calculated when they are asked for.

        deviation = atoms.calc.get_property("forces_deviation", atoms)

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
        if len(model.committee) > 1:
            self.implemented_properties = [*self.implemented_properties, *DEVIATIONS]
        self.neighbor_list = NeighborList(float(model.cutoff), skin, neighbors)

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Calculate energy, forces and stress at once, and deviations if they are asked for; arguments as in ase."""
        base: Any = super()
        base.calculate(atoms, properties, system_changes)
        assert self.atoms is not None, "the base class keeps the atoms"
        if "numbers" in system_changes:
            self._check(self.atoms)
        inputs = self._inputs(self.atoms)
        if system_changes or "energy" not in self.results:
            self._calculate(self.atoms, inputs)
        if set(DEVIATIONS) & set(properties):
            deviations = committee_deviation(self.model, *inputs)
            self.results["energy_deviation"] = float(deviations.energy[0])
            self.results["energies_deviation"] = _array(deviations.energies)
            self.results["forces_deviation"] = _array(deviations.forces)

    def _inputs(self, atoms: ase.Atoms) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Numbers, positions, edges and shifts, as the model takes them."""
        positions, cell, pbc = atoms.positions, np.asarray(atoms.cell[:]), np.asarray(atoms.pbc)
        found = self.neighbor_list(positions, cell, pbc)
        return (
            self._tensor(atoms.numbers.astype(np.int64)),
            self._tensor(positions - positions.mean(0)).to(self.dtype),
            self._tensor(np.stack([found.source, found.target])),
            self._tensor(found.shifts @ (cell * pbc[:, None])).to(self.dtype),
        )

    def _calculate(self, atoms: ase.Atoms, inputs: tuple[torch.Tensor, ...]) -> None:
        periodic = bool(atoms.pbc.all())
        lattice = np.asarray(atoms.cell[:]) * np.asarray(atoms.pbc)[:, None]
        with torch.enable_grad():
            cells = self._tensor(lattice[None]).to(self.dtype)
            out = self.model(*inputs, cells=cells, forces=True, stress=periodic)
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
