"""Symmetric couplings: counts by characters, symmetry, orthonormality and equivariance."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import O3, SO3, Dihedral
from intertwine.hom import hom_dimension, symmetric_couplings

CASES = [
    ("0e + 1o + 2e", "0e", 2),
    ("0e + 1o + 2e", "1o", 3),
    ("0e + 1o + 2e", "1e", 3),
    ("1o + 2e + 3o", "0e", 3),
    ("1o", "0o", 3),
    ("1o", "0e", 4),
]


@pytest.mark.parametrize(("rep_in", "rep_out", "order"), CASES)
def test_as_many_as_characters_say(rep_in, rep_out, order):
    rep, out = O3().rep(rep_in), O3().rep(rep_out)
    found = symmetric_couplings(rep, out, order)
    assert found.shape == (hom_dimension(rep.symmetric_power(order), out), out.dim, *(rep.dim,) * order)
    for axes in permutations(range(2, 2 + order)):
        assert torch.allclose(found.permute(0, 1, *axes), found, atol=1e-12)


@pytest.mark.parametrize(("rep_in", "rep_out", "order"), CASES[:4])
def test_orthonormal_and_equivariant(rep_in, rep_out, order):
    rep, out = O3().rep(rep_in), O3().rep(rep_out)
    found = symmetric_couplings(rep, out, order)
    gram = found.flatten(1) @ found.flatten(1).T
    assert (gram - torch.eye(len(found), dtype=torch.float64)).abs().max() < 1e-12
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rep.dim, generator=generator, dtype=torch.float64)

    def polynomials(vector):
        value = found
        for _ in range(order):
            value = value @ vector
        return value

    for g in O3().sample(4, generator=generator):
        moved = polynomials(rep.matrix(g[None])[0] @ x)
        assert (moved - polynomials(x) @ out.matrix(g[None])[0].T).abs().max() < 1e-11


def test_the_example_of_degrees_to_three():
    spherical = O3().rep("0e + 1o + 2e + 3o")
    assert [len(symmetric_couplings(spherical, O3().rep("0e"), order)) for order in (1, 2, 3)] == [1, 4, 8]


def test_any_group():
    rep = Dihedral(4).vector
    assert len(symmetric_couplings(rep, Dihedral(4).trivial, 4)) == hom_dimension(
        rep.symmetric_power(4), Dihedral(4).trivial
    )


@pytest.mark.parametrize(
    ("rep_in", "rep_out", "order"), [("2x1", "0", 2), ("1", "2x0", 2), ("1", "0 + 1", 2), ("1", "0", 0)]
)
def test_what_is_refused(rep_in, rep_out, order):
    with pytest.raises(UsageError, match="symmetric couplings"):
        symmetric_couplings(SO3().rep(rep_in), SO3().rep(rep_out), order)
