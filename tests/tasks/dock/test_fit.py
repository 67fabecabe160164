"""Fits of pair potentials: statistics are linear in the potential, and a planted preference is found."""

import numpy as np
import pytest
import torch

from intertwine.ops import RigidMotion, correlation
from intertwine.tasks.dock import ATOM_TYPES, PairPotential, PoseSums, fit_pair_potential, pair_sums

WIDTHS = torch.tensor([1.2, 2.0], dtype=torch.float64)
SHAPE = torch.tensor([-5.0, 1.0])
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
    sums[:3, 40, 0] += 2
    near = torch.arange(12) < 3
    return PoseSums(sums, near, ~near)


def test_a_planted_preference_is_found_on_new_complexes():
    potential = fit_pair_potential([planted(k) for k in range(30)], WIDTHS, SHAPE, channels=4, steps=80)
    u, k = potential.features.float(), potential.amplitudes.float()
    i, j = (torch.from_numpy(index) for index in np.triu_indices(len(ATOM_TYPES)))
    weights = torch.einsum("cp,cg->pg", u[:, i] * u[:, j], k)
    for seed in range(100, 110):
        one = planted(seed)
        scores = (one.sums * weights).sum((1, 2))
        assert scores[one.near].max() > scores[one.far].max()


def test_fits_are_deterministic():
    one, other = (fit_pair_potential([planted(0), planted(1)], WIDTHS, SHAPE, steps=5) for _ in range(2))
    assert torch.equal(one.features, other.features)
    assert torch.equal(one.amplitudes, other.amplitudes)


def test_complexes_without_decoys_are_refused():
    sums = torch.rand(2, PAIRS, 2)
    with pytest.raises(ValueError, match="decoys"):
        fit_pair_potential([PoseSums(sums, torch.tensor([True, True]), torch.tensor([False, False]))], WIDTHS, SHAPE)
