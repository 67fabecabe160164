"""Small frames with energies, forces and stresses of ase's effective medium theory."""

from __future__ import annotations

import numpy as np
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from ase import Atoms

SMALL = {"hidden": "4x0e + 4x1o", "body_order": 3, "lmax": 1, "layers": 1, "cutoff": 3.5}
SMALL_WORDS = ["--hidden", "4x0e+4x1o", "--body-order", "3", "--lmax", "1", "--layers", "1", "--cutoff", "3.5"]


def labeled(atoms: Atoms, **info) -> Atoms:
    """The structure with its energy, forces and, where it is periodic, stress, as results of a calculator."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    if atoms.pbc.all():
        results["stress"] = atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, **results)
    atoms.info.update(info)
    return atoms


def molecules(count: int, seed: int = 0) -> list[Atoms]:
    """Methanol and water with displaced atoms."""
    random, frames = np.random.default_rng(seed), []
    for number in range(count):
        atoms = molecule("CH3OH" if number % 2 else "H2O")
        atoms.positions += random.normal(scale=0.08, size=atoms.positions.shape)
        frames.append(labeled(atoms, config_type="methanol" if number % 2 else "water"))
    return frames


def crystals(count: int, seed: int = 0) -> list[Atoms]:
    """Cells of two copper atoms, smaller than the cutoff, strained and displaced."""
    random, frames = np.random.default_rng(seed), []
    for _ in range(count):
        atoms = bulk("Cu", cubic=False) * (2, 1, 1)
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + random.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
        atoms.positions += random.normal(scale=0.05, size=atoms.positions.shape)
        frames.append(labeled(atoms, config_type="bulk"))
    return frames


def plain(atoms: Atoms, **labels) -> Atoms:
    """The structure without results, with these labels in info, or in arrays where there is a row for each atom."""
    atoms = atoms.copy()
    atoms.calc = None
    for key, value in labels.items():
        array = np.asarray(value)
        per_atom = array.ndim == 2 and array.shape == (len(atoms), 3)
        (atoms.arrays if per_atom else atoms.info)[key] = value
    return atoms
