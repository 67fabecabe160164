"""The elements at which functions on a group are sampled: how many, and with which weights."""

import math

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral
from intertwine.nn.grid._fourier import _nodes
from intertwine.reps import SO3Fourier


@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("oversampling", [1, 2, 3])
def test_the_plane_is_sampled_at_a_multiple_of_quarter_turns(degree, oversampling):
    for group, sheets in ((SO2(), 1), (O2(), 2)):
        nodes, weights = _nodes(group, None, degree, oversampling)
        assert len(nodes) == sheets * 4 * math.ceil(oversampling * (2 * degree + 1) / 4)
        assert torch.allclose(weights, torch.full((len(nodes),), 1 / len(nodes), dtype=torch.float64))
        assert bool(group.contains(nodes).all())


def test_space_is_sampled_by_a_quadrature_on_rotations():
    for degree, used in ((0, 2), (1, 2), (2, 4)):
        nodes, weights = _nodes(SO3(), None, degree, 2)
        assert torch.equal(nodes, SO3Fourier(used).nodes)
        assert float(weights.sum()) == pytest.approx(1)
        both, halves = _nodes(O3(), None, degree, 2)
        assert torch.equal(both, torch.cat([nodes, -nodes]))
        assert torch.allclose(halves, torch.cat([weights, weights]) / 2)


def test_finite_groups_are_sampled_whole_or_as_asked():
    assert torch.equal(_nodes(Cyclic(6), None, 3, 2)[0], Cyclic(6).elements)
    assert torch.equal(_nodes(O2(), Dihedral(3), 3, 2)[0], Dihedral(3).elements)
    with pytest.raises(ValueError, match=r"samples is a finite subgroup of SO\(2\), got D_3"):
        _nodes(SO2(), Dihedral(3), 1, 1)
