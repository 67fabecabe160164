"""Interatomic potentials: laws of energies, forces and stress; structures without edges, and unknown elements."""

from __future__ import annotations

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import O3
from intertwine.models import Potential
from intertwine.ops import radius_graph

CUTOFF = 3.0
NUMBERS = torch.tensor([8, 1, 1, 6, 1, 8])
CELL = torch.tensor([[3.1, 0.2, 0.0], [0.0, 2.8, 0.3], [0.4, 0.0, 3.3]], dtype=torch.float64)


@pytest.fixture(scope="module")
def potential():
    torch.manual_seed(0)
    options = {"lmax": 2, "cutoff": CUTOFF, "radial_hidden": (8,), "average_neighbors": 4.0}
    return Potential((1, 6, 8), "4x0e + 4x1o", reference_energies=(-1.0, -2.0, -3.0), **options).double().eval()


def positions(seed=0):
    return 1.6 * torch.randn(6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def evaluate(potential, numbers, x, structures=None, count=1, **options):
    return potential(numbers, x, radius_graph(x, CUTOFF, structures), None, structures, count, **options)


def evaluate_crystal(potential, numbers, x, cell, **options):
    edges, images = radius_graph(x, CUTOFF, cell=cell)
    shifts = images.to(cell.dtype) @ cell
    return potential(numbers, x, edges, shifts, cells=cell[None], **options)


def test_motions_reflections_and_permutations(potential):
    x = positions()
    out = evaluate(potential, NUMBERS, x)
    generator = torch.Generator().manual_seed(1)
    for g in O3().sample(4, generator=generator):
        order = torch.randperm(6, generator=generator)
        moved = evaluate(potential, NUMBERS[order], (x @ g.T + 5)[order])
        assert (moved.energy - out.energy).abs().max() < 1e-10
        assert (moved.energies - out.energies[order]).abs().max() < 1e-10
        assert (moved.forces - (out.forces @ g.T)[order]).abs().max() < 1e-10
    stretched = evaluate(potential, NUMBERS, 1.1 * x)
    assert (stretched.energy - out.energy).abs().max() > 1e-6


def test_forces_are_the_gradient_conservative_and_without_net_force_or_torque(potential):
    x = positions()
    forces = evaluate(potential, NUMBERS, x).forces
    steps = torch.eye(18, dtype=torch.float64).unflatten(1, (6, 3)) * 1e-5
    energies = [[float(evaluate(potential, NUMBERS, x + s * d, forces=False).energy) for s in (1, -1)] for d in steps]
    numerical = torch.tensor([(b - a) / 2e-5 for a, b in energies]).unflatten(0, (6, 3))
    assert (numerical - forces).abs().max() < 1e-6
    assert forces.sum(0).abs().max() < 1e-12
    assert torch.linalg.cross(x, forces).sum(0).abs().max() < 1e-12

    def gradient(x):
        return evaluate(potential, NUMBERS, x).forces.flatten()

    hessian = torch.autograd.functional.jacobian(gradient, x).flatten(1)
    assert hessian.abs().max() > 1e-4
    assert (hessian - hessian.T).abs().max() < 1e-11


def test_energies_are_extensive(potential):
    x = positions()
    alone = evaluate(potential, NUMBERS, x)
    both = evaluate(
        potential,
        NUMBERS.repeat(2),
        torch.cat([x, positions(1)]),
        torch.arange(2).repeat_interleave(6),
        2,
    )
    assert (both.energy[:1] - alone.energy).abs().max() < 1e-11
    far = evaluate(potential, NUMBERS.repeat(2), torch.cat([x, x + 100]))
    assert (far.energy - 2 * alone.energy).abs().max() < 1e-11


def test_stress_is_the_derivative_by_the_strain(potential):
    x, numbers = positions()[:3], NUMBERS[:3]
    out = evaluate_crystal(potential, numbers, x, CELL, stress=True)
    volume = float(torch.linalg.det(CELL))
    for i, j in ((0, 0), (1, 2), (0, 1)):
        strain = torch.zeros(3, 3, dtype=torch.float64)
        strain[i, j] += 5e-6
        strain[j, i] += 5e-6
        sides = []
        for sign in (1, -1):
            deformation = torch.eye(3, dtype=torch.float64) + sign * strain
            moved = evaluate_crystal(potential, numbers, x @ deformation, CELL @ deformation, forces=False)
            sides.append(float(moved.energy))
        assert (sides[0] - sides[1]) / 2e-5 / volume == pytest.approx(float(out.stress[0, i, j]), abs=1e-7)
    assert out.stress.abs().max() > 1e-6
    assert (out.stress - out.stress.mT).abs().max() < 1e-12


def test_supercells_and_wrapped_atoms(potential):
    x, numbers = positions()[:3], NUMBERS[:3]
    one = evaluate_crystal(potential, numbers, x, CELL, stress=True)
    double = CELL * torch.tensor([[2.0], [1], [1]])
    two = evaluate_crystal(potential, numbers.repeat(2), torch.cat([x, x + CELL[0]]), double, stress=True)
    assert (two.energy - 2 * one.energy).abs().max() < 1e-10
    assert (two.forces - one.forces.repeat(2, 1)).abs().max() < 1e-10
    assert (two.stress - one.stress).abs().max() < 1e-10
    wrapped = evaluate_crystal(potential, numbers, x + torch.tensor([[1.0], [0], [-2]]) * CELL[1], CELL)
    assert (wrapped.energy - one.energy).abs().max() < 1e-10


def test_smooth_at_the_cutoff(potential):
    """Energy, force and its derivative come to those without the edge, as the third power of the distance to it."""

    def at(distance):
        x = torch.tensor([[0.0, 0, 0], [distance, 0, 0]], dtype=torch.float64)
        edges = torch.tensor([[1, 0], [0, 1]])  # kept beyond the cutoff
        return float(potential(torch.tensor([8, 1]), x, edges, forces=False).energy)

    free = at(CUTOFF + 1)
    assert at(CUTOFF) == pytest.approx(free, abs=1e-13)
    near, nearer = (abs(at(CUTOFF * (1 - gap)) - free) for gap in (0.02, 0.01))
    assert near > 1e-12
    assert near / nearer > 7


def test_no_edges_one_atom_no_atoms(potential):
    single = evaluate(potential, NUMBERS[:1], positions()[:1])
    assert (single.forces == 0).all()
    nothing = potential(NUMBERS[:0], positions()[:0], torch.zeros(2, 0, dtype=torch.int64), num_structures=1)
    assert nothing.energy.tolist() == [0]
    assert nothing.forces.shape == (0, 3)


def test_reference_energies_stay_exact_in_float32(potential):
    exact = Potential((1, 8), "2x0e + 2x1o", lmax=1, reference_energies=(-13.587222780835477, -2042.0330099956639))
    assert exact.float().double().reference_energies_of(torch.tensor([8]))[0] == -2042.0330099956639
    assert evaluate(potential, NUMBERS, positions()).energy.dtype == torch.float64


def test_training_reaches_every_weight(potential):
    trained = Potential.from_config(potential.config).double().train()
    out = evaluate(trained, NUMBERS, positions())
    (out.forces.square().sum() + out.energy.square().sum()).backward()
    for name, parameter in trained.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all()


def test_bad_input(potential):
    with pytest.raises(UsageError, match="knows the elements"):
        evaluate(potential, torch.tensor([8, 1, 1, 7, 1, 8]), positions())
    with pytest.raises(UsageError, match="cells"):
        evaluate(potential, NUMBERS, positions(), stress=True)
    for elements in ((), (1, 1), (0,), (119,)):
        with pytest.raises(UsageError, match="atomic numbers"):
            Potential(elements)
    for options in ({"body_order": 5}, {"layers": 0}, {"hidden": "2x0e + 3x1o"}, {"hidden": "4x1o"}):
        with pytest.raises(UsageError):
            Potential((1,), **options)
    with pytest.raises(UsageError, match="reference energies"):
        Potential((1, 8), reference_energies=(0.0,))
