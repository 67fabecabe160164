"""The calculator of ase: results against finite differences, relaxation, molecular dynamics, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule
from ase.calculators.calculator import PropertyNotImplementedError
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from ase.units import fs

from ase import Atoms
from intertwine._errors import UsageError
from intertwine.ase import Calculator
from intertwine.models import Potential
from intertwine.models.potential.passes import Evaluator


@pytest.fixture(scope="module")
def potential():
    torch.manual_seed(0)
    return Potential(
        elements=(1, 8, 29), hidden="4x0e+4x1o", body_order=3, lmax=1, layers=1, cutoff=4.0, average_neighbors=6.0,
        reference_energies=(-13.0, -2000.0, -10.0), energy_scale=1.0,
    )  # fmt: skip


def water(calculator):
    atoms = molecule("H2O")
    atoms.positions += np.random.default_rng(0).normal(scale=0.1, size=(3, 3))
    atoms.calc = calculator
    return atoms


def copper(calculator):
    atoms = bulk("Cu", cubic=True)
    atoms.positions += np.random.default_rng(0).normal(scale=0.1, size=(4, 3))
    atoms.calc = calculator
    return atoms


def test_forces_and_stress_are_derivatives(potential):
    calculator = Calculator(potential, dtype="float64")
    atoms, step = copper(calculator), 1e-4
    forces, stress, volume = atoms.get_forces(), atoms.get_stress(voigt=False), atoms.get_volume()
    moved = atoms.copy()
    moved.calc = calculator
    for atom, axis in ((0, 0), (2, 1)):
        energies = []
        for sign in (1, -1):
            moved.positions = atoms.positions
            moved.positions[atom, axis] += sign * step
            energies.append(moved.get_potential_energy())
        assert -(energies[0] - energies[1]) / (2 * step) == pytest.approx(forces[atom, axis], rel=1e-5, abs=1e-7)
    strain = np.array([[0.3, 0.1, 0.0], [0.1, -0.2, 0.2], [0.0, 0.2, 0.1]])
    energies = []
    for sign in (1, -1):
        moved.set_cell(atoms.cell[:], scale_atoms=False)
        moved.positions = atoms.positions
        moved.set_cell(atoms.cell[:] @ (np.eye(3) + sign * step * strain), scale_atoms=True)
        energies.append(moved.get_potential_energy())
    assert (energies[0] - energies[1]) / (2 * step) == pytest.approx(volume * (stress * strain).sum(), rel=1e-5)


def test_results(potential):
    atoms = water(Calculator(potential))
    assert atoms.get_potential_energy() == pytest.approx(atoms.get_potential_energies().sum())
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    assert np.abs(atoms.get_forces().sum(0)).max() < 1e-5
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()
    assert copper(Calculator(potential)).get_stress().shape == (6,)


def test_a_supercell_has_the_energy_of_its_cells(potential):
    calculator = Calculator(potential, dtype="float64")
    atoms = copper(calculator)
    larger = atoms * (2, 1, 3)
    larger.calc = calculator
    assert larger.get_potential_energy() == pytest.approx(6 * atoms.get_potential_energy(), rel=1e-12)
    assert np.allclose(larger.get_stress(), atoms.get_stress(), atol=1e-12)


def test_atoms_outside_the_cell_and_mixed_periodicity(potential):
    calculator = Calculator(potential, dtype="float64")
    atoms = copper(calculator)
    moved = atoms.copy()
    moved.positions[1] += 3 * atoms.cell[0] - atoms.cell[2]
    moved.calc = calculator
    assert moved.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    slab = atoms.copy()
    slab.pbc = (True, True, False)
    slab.calc = calculator
    larger = slab * (2, 2, 1)
    larger.calc = calculator
    assert larger.get_potential_energy() == pytest.approx(4 * slab.get_potential_energy(), rel=1e-12)


def test_relaxation_and_dynamics(potential):
    atoms = water(Calculator(potential, dtype="float64"))
    before = atoms.get_potential_energy()
    BFGS(atoms, logfile=None).run(fmax=1e-5, steps=10)
    assert atoms.get_potential_energy() < before
    MaxwellBoltzmannDistribution(atoms, temperature_K=100, rng=np.random.default_rng(0))
    start = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.2 * fs).run(30)
    assert abs(atoms.get_total_energy() - start) < 1e-3
    assert atoms.calc.neighbor_list.searches < 15


def test_the_skin_changes_nothing_along_a_trajectory_and_when_the_cell_changes(potential):
    trajectories = []
    for skin in (0.0, 0.6):
        atoms = copper(Calculator(potential, skin=skin, dtype="float64"))
        MaxwellBoltzmannDistribution(atoms, temperature_K=900, rng=np.random.default_rng(0))
        found = []
        for step in range(24):
            VelocityVerlet(atoms, 2 * fs).run(1)
            if step % 8 == 7:  # a barostat, and a direction that ceases to be periodic
                atoms.set_cell(atoms.cell[:] * [1.02, 1.0, 0.97], scale_atoms=step % 16 == 7)
            if step == 18:
                atoms.pbc = (True, True, False)
            found.append(np.vstack([atoms.get_forces(), [atoms.get_potential_energy()] * 3]))
        trajectories.append(np.array(found))
        searches = atoms.calc.neighbor_list.searches
    assert np.allclose(trajectories[0], trajectories[1], rtol=0, atol=1e-9)
    assert 5 <= searches < 20


def test_molecular_dynamics_goes_through_the_passes(monkeypatch):
    torch.manual_seed(0)
    model, calls, evaluate = Potential((1, 6, 8), "4x0e", average_neighbors=50.0), [], Evaluator.__call__

    def counted(self, *given):
        calls.append(len(given))
        return evaluate(self, *given)

    monkeypatch.setattr(Evaluator, "__call__", counted)
    atoms = molecule("CH3CH2OH")
    atoms.calc = Calculator(model)
    MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=np.random.default_rng(0))
    VelocityVerlet(atoms, 0.5 * fs).run(3)
    assert len(calls) == 4
    assert atoms.calc.neighbor_list.searches == 1


def test_deviations_of_a_committee(potential):
    assert "forces_deviation" not in Calculator(potential).implemented_properties
    torch.manual_seed(1)
    several = Potential(**{**potential.config, "committee": 3})
    several.committee.add_(0.1 * torch.randn_like(several.committee))
    calculator = Calculator(several, dtype="float64")
    atoms = water(calculator)
    energy = atoms.get_potential_energy()
    assert "energy_deviation" not in calculator.results
    deviation = calculator.get_property("forces_deviation", atoms)
    assert atoms.get_potential_energy() == energy
    energies, forces = [], []
    for member in several.committee:
        one = Calculator(several, dtype="float64")
        one.model.readout.data.copy_(member)
        moved = atoms.copy()
        moved.calc = one
        energies.append(moved.get_potential_energies())
        forces.append(moved.get_forces())
    assert np.allclose(deviation, np.std(forces, 0, ddof=1), rtol=1e-6, atol=1e-9)
    assert np.allclose(calculator.results["energies_deviation"], np.std(energies, 0, ddof=1), rtol=1e-6, atol=1e-9)
    assert calculator.results["energy_deviation"] == pytest.approx(np.std(np.sum(energies, 1), ddof=1), rel=1e-6)
    atoms.rattle(0.1)
    assert not np.allclose(calculator.get_property("forces_deviation", atoms), deviation)


def test_what_is_refused(potential, tmp_path):
    atoms = molecule("CH4")
    atoms.calc = Calculator(potential)
    with pytest.raises(UsageError, match="element C was not seen in training; this potential knows H, O, Cu"):
        atoms.get_potential_energy()
    atoms = Atoms("OO", [[0, 0, 1], [0, 0, 1]], calculator=Calculator(potential))
    with pytest.raises(UsageError, match="atoms 1 and 2 are at the same place"):
        atoms.get_potential_energy()
    with pytest.raises(UsageError, match="float16"):
        Calculator(potential, dtype="float16")
    with pytest.raises(UsageError, match="nothing"):
        Calculator(tmp_path / "nothing")


def test_importing_costs_nothing():
    code = "import sys, intertwine.ase; print([name for name in ('torch', 'ase', 'scipy') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
