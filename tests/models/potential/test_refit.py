"""The refit of the readout: exact where the labels are those of a readout, least squares otherwise; committees."""

from copy import deepcopy

import pytest
import torch
from potential_structures import Structure, molecule, potential

from intertwine.models import LabeledStructures, Potential, committee_deviation, refit_readout

OPTIONS = {"hidden": "2x0e + 2x1o", "readout_hidden": 3}


def labeled(structures: list[Structure], teacher: Potential, noise: float = 0.0) -> list[LabeledStructures]:
    batches, generator = [], torch.Generator().manual_seed(3)
    for first, second in zip(structures[::2], structures[1::2], strict=True):
        count = len(first.numbers)
        owner = torch.repeat_interleave(torch.arange(2), torch.tensor([count, len(second.numbers)]))
        numbers = torch.cat([first.numbers, second.numbers])
        positions = torch.cat([first.positions, second.positions])
        edges = torch.cat([first.edges, second.edges + count], 1)
        out = teacher(numbers, positions, edges, None, owner, 2)
        forces = out.forces + noise * torch.randn(positions.shape, dtype=torch.float64, generator=generator)
        batches.append(LabeledStructures(numbers, positions, edges, None, owner, out.energy, forces))
    return batches


@pytest.fixture
def structures() -> list[Structure]:
    return [molecule(4 + seed % 3, seed) for seed in range(8)]


def test_recovers_the_readout_and_the_references(structures: list[Structure]) -> None:
    teacher = potential(**OPTIONS)
    model = deepcopy(teacher)
    with torch.no_grad():
        model.readout.mul_(0.5).add_(0.1)
        model.reference.add_(torch.tensor([0.3, -0.2, 0.1]))
    refit_readout(model, labeled(structures, teacher), ridge=1e-14)
    torch.testing.assert_close(model.readout, teacher.readout, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.reference, teacher.reference, atol=1e-5, rtol=0)


def test_is_the_minimum_of_the_loss(structures: list[Structure]) -> None:
    teacher = potential(**OPTIONS)
    batches = labeled(structures, teacher, noise=0.3)
    model = deepcopy(teacher)
    refit_readout(model, batches, energy_weight=2.0, forces_weight=5.0, ridge=0.0)
    model.train()
    model.reference.requires_grad_()
    loss = torch.zeros((), dtype=torch.float64)
    for batch in batches:
        out = model(batch.numbers, batch.positions, batch.edges, None, batch.structures, 2)
        size = torch.bincount(batch.structures).double()
        errors = (out.forces - batch.forces).square().sum(1)
        squares = torch.zeros(2, dtype=torch.float64).index_add(0, batch.structures, errors)
        loss = loss + (2.0 * (out.energy - batch.energy).square() / size + 5.0 * squares / (3 * size)).sum()
    for slope in torch.autograd.grad(loss, [model.readout, model.reference]):
        assert float(slope.abs().max()) < 1e-8


def test_reference_energies_can_stay(structures: list[Structure]) -> None:
    teacher = potential(**OPTIONS)
    model = deepcopy(teacher)
    with torch.no_grad():
        model.readout.mul_(0.5)
    refit_readout(model, labeled(structures, teacher), ridge=1e-14, references=False)
    torch.testing.assert_close(model.readout, teacher.readout, atol=1e-5, rtol=1e-5)
    assert torch.equal(model.reference, teacher.reference)


def test_structures_without_energy_or_forces_take_part_with_what_they_have(structures: list[Structure]) -> None:
    teacher = potential(**OPTIONS)
    batches = labeled(structures, teacher)
    batches[0] = batches[0]._replace(forces=None)
    batches[1] = batches[1]._replace(
        energy=torch.stack([torch.full_like(batches[1].energy[0], torch.nan), batches[1].energy[1]])
    )
    batches[2].forces[0, 1] = torch.nan
    model = deepcopy(teacher)
    with torch.no_grad():
        model.readout.mul_(0.5)
    refit_readout(model, batches, ridge=1e-14)
    for s in structures:
        torch.testing.assert_close(model(*s).forces, teacher(*s).forces, atol=1e-5, rtol=0)


def test_stresses_take_part(structures: list[Structure]) -> None:
    teacher = potential(**OPTIONS)
    batches = []
    for batch in labeled(structures, teacher):
        cells = 5 * torch.eye(3, dtype=torch.float64).expand(2, 3, 3)
        out = teacher(*batch[:3], None, batch.structures, 2, cells=cells, stress=True)
        noise = 0.01 * torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        batches.append(batch._replace(forces=None, stress=out.stress + noise + noise.mT, cells=cells))
    model = deepcopy(teacher)
    refit_readout(model, batches, energy_weight=2.0, stress_weight=5.0, ridge=0.0, references=False)
    model.train()
    loss = torch.zeros((), dtype=torch.float64)
    for batch in batches:
        out = model(*batch[:3], None, batch.structures, 2, cells=batch.cells, stress=True)
        size = torch.bincount(batch.structures).double()
        stress = (125 / size).square() * (out.stress - batch.stress).square().mean((1, 2))
        loss = loss + (2.0 * (out.energy - batch.energy).square() / size + 5.0 * stress).sum()
    (slope,) = torch.autograd.grad(loss, [model.readout])
    assert float(slope.abs().max()) < 1e-6
    assert not torch.equal(model.readout, teacher.readout)
    with pytest.raises(ValueError, match="give cells"):
        refit_readout(model, [batches[0]._replace(cells=None)])


def test_a_committee_agrees_on_exact_labels_and_not_on_noise(structures: list[Structure]) -> None:
    teacher = potential(**OPTIONS, committee=4)
    s = molecule(6, 20)
    deviations = []
    for noise in (0.0, 0.3):
        model = deepcopy(teacher)
        refit_readout(model, labeled(structures, teacher, noise), ridge=1e-10)
        found = committee_deviation(model, *s[:3])
        assert found.energy.shape == (1,)
        assert found.forces.shape == (6, 3)
        deviations.append(float(found.forces.mean()))
    assert deviations[0] < 1e-4 < 1e-2 < deviations[1]


def test_bad_use_says_so(structures: list[Structure]) -> None:
    model = potential(**OPTIONS)
    batch = labeled(structures[:2], model)[0]
    with pytest.raises(ValueError, match="no structure has an energy"):
        refit_readout(model, [batch._replace(energy=torch.full((2,), torch.nan))])
    with pytest.raises(ValueError, match="committee of 2 or more"):
        committee_deviation(model, *structures[0][:3])
