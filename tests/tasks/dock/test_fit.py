"""Fits of pair potentials: statistics are linear in the potential, and a planted preference is found."""

import numpy as np
import pytest
import torch

from intertwine.ops import RigidMotion, correlation
from intertwine.tasks.dock import ATOM_TYPES, PairPotential, PoseSums, contact_energies, fit_pair_potential, pair_sums

WIDTHS = torch.tensor([1.6, 2.4], dtype=torch.float64)
PAIRS = len(ATOM_TYPES) * (len(ATOM_TYPES) + 1) // 2


def test_every_pair_potential_is_linear_in_the_sums(bundle):
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator)  # noqa: E731
    potential = PairPotential(draw(3, len(ATOM_TYPES)), WIDTHS, draw(3, 2))
    shifts = draw(4, 3)
    motions = RigidMotion(torch.eye(3, dtype=torch.float64).expand(4, 3, 3), shifts)
    sums = pair_sums(*bundle, motions, WIDTHS).double()
    i, j = (torch.from_numpy(index) for index in np.triu_indices(len(ATOM_TYPES)))
    weights = torch.einsum("cp,cg->pg", potential.features[:, i] * potential.features[:, j], potential.amplitudes)
    expected = correlation(potential.field(bundle[0]), potential.field(bundle[1]), potential.kernel, motions)
    assert torch.allclose((sums * weights).sum((1, 2)), expected, rtol=2e-2, atol=0.5)


def planted(seed: int) -> PoseSums:
    """A complex whose near poses have more of one pair of types than its decoys."""
    generator = torch.Generator().manual_seed(seed)
    sums = 5 + torch.rand(12, PAIRS, 2, generator=generator)
    sums[:3, 40, 0] += 4
    near = torch.arange(12) < 3
    return PoseSums(sums, near, ~near)


def test_a_planted_preference_is_found_on_new_complexes():
    known = [planted(k) for k in range(30)]
    native, decoys = (torch.cat([c.sums[getattr(c, name)][..., 0] for c in known]) for name in ("near", "far"))
    energies = contact_energies(native, decoys)
    i, j = (torch.from_numpy(index) for index in np.triu_indices(len(ATOM_TYPES)))
    assert energies[i, j].argmax() == 40
    potential = fit_pair_potential(known, WIDTHS, energies, rank=20)
    weights = torch.einsum("cp,cg->pg", potential.features[:, i] * potential.features[:, j], potential.amplitudes)
    for seed in range(100, 110):
        one = planted(seed)
        scores = (one.sums * weights).sum((1, 2))
        assert scores[one.near].max() > scores[one.far].max()


def test_energies_of_one_distribution_are_zero():
    sums = torch.rand(5, PAIRS, generator=torch.Generator().manual_seed(1))
    energies = contact_energies(sums, sums)
    assert energies.abs().max() < 1e-12
    assert torch.equal(energies, energies.mT)


def test_all_eigenvectors_give_the_energies_back():
    draw = torch.randn(len(ATOM_TYPES), len(ATOM_TYPES), generator=torch.Generator().manual_seed(2))
    energies, shape, contact = draw + draw.mT, torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    potential = PairPotential.of_energies(WIDTHS, shape, energies, contact, rank=len(ATOM_TYPES))
    u, k = potential.features, potential.amplitudes
    expected = shape.double() + energies.double()[..., None] * contact.double()
    assert torch.allclose(torch.einsum("ca,cb,cg->abg", u, u, k), expected, atol=1e-9)


def test_complexes_without_decoys_are_refused():
    sums = torch.rand(2, PAIRS, 2)
    one = PoseSums(sums, torch.tensor([True, True]), torch.tensor([False, False]))
    with pytest.raises(ValueError, match="decoys"):
        fit_pair_potential([one], WIDTHS, torch.zeros(len(ATOM_TYPES), len(ATOM_TYPES)))
