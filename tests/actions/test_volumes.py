"""Volumes rotate as images do: the law of an action, signed permutations, interpolation."""

import math

import pytest
import torch

from intertwine.actions import RotatedVolumes, Transform, Volumes
from intertwine.auditing import audit
from intertwine.groups import SO3, Cyclic, FullOctahedral, Icosahedral, Octahedral, Tetrahedral


def dot(x, y, z, size=5):
    """One voxel at x, y, z from the center: along the last, the second last and the third last axis."""
    volume = torch.zeros(1, size, size, size, dtype=torch.float64)
    volume[0, size // 2 + z, size // 2 + y, size // 2 + x] = 1
    return volume


@pytest.mark.parametrize("group", [Tetrahedral(), Octahedral(), FullOctahedral()], ids=str)
def test_every_element_moves_a_voxel_where_the_matrix_says(group):
    point = torch.tensor([2, 1, -1])
    for g in group.elements:
        moved = Volumes(group.trivial)(Transform(g), dot(*point.tolist()))
        expected = dot(*(g @ point.double()).round().int().tolist())
        assert torch.equal(moved, expected)


@pytest.mark.parametrize("action", [Volumes(Octahedral().vector), Volumes(FullOctahedral().regular, step=2)], ids=repr)
def test_composition_and_inverse(action):
    generator = torch.Generator().manual_seed(0)
    data = action.example(generator)
    for _ in range(4):
        a, b = action.sample(data, generator), action.sample(data, generator)
        assert torch.allclose(action(a @ b, data), action(a, action(b, data)), atol=1e-13)
        assert torch.allclose(action(a.inverse, action(a, data)), data, atol=1e-13)


def test_interpolation_agrees_with_the_exact_action():
    group = Octahedral()
    exact, smooth = Volumes(group.vector, step=0), RotatedVolumes(group.vector)
    data = smooth.example(torch.Generator().manual_seed(0))
    for g in group.elements[:6]:
        torch.testing.assert_close(smooth(Transform(g), data), exact(Transform(g), data), rtol=0, atol=1e-9)


def test_nothing_comes_from_outside_the_voxels():
    """The interpolant is periodic: without a bound, corners of a turned volume would show its copies."""
    action, quarter = RotatedVolumes(SO3().trivial), math.pi / 4
    cosine, sine = math.cos(quarter), math.sin(quarter)
    g = torch.tensor([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=torch.float64)
    turned = action(Transform(g), torch.ones(1, 9, 9, 9, dtype=torch.float64))[0]
    corners = turned[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert not corners.any()
    assert torch.allclose(turned[:, 2:-2, 2:-2], torch.ones(9, 5, 5, dtype=torch.float64))


def test_inverse_of_any_rotation():
    action = RotatedVolumes(SO3().trivial)
    data = action.example(torch.Generator().manual_seed(0))
    g = action.sample(data, torch.Generator().manual_seed(1))
    assert (action(g.inverse, action(g, data)) - data).norm() < 1e-2 * data.norm()


def test_a_network_is_audited():
    """A mean over a block is invariant under rotations of the voxels; a mean along one axis is not."""
    action = Volumes(Octahedral().trivial, step=0)
    audit(torch.nn.AvgPool3d(3, 1), action, action, samples=8).check(1e-5)
    assert not audit(torch.nn.AvgPool3d((3, 1, 1), 1, (1, 0, 0)), action, action, samples=8).passed


def test_errors():
    with pytest.raises(ValueError, match="RotatedVolumes"):
        Volumes(Icosahedral().trivial)
    with pytest.raises(ValueError, match="group of space"):
        Volumes(Cyclic(4).trivial)
    with pytest.raises(ValueError, match="expected volumes"):
        Volumes(Octahedral().vector)(Transform(Octahedral().identity), torch.ones(2, 3, 3, 3))
    with pytest.raises(ValueError, match="interpolate with RotatedVolumes"):
        Volumes(Octahedral().trivial)(Transform(SO3().sample()), torch.ones(1, 3, 3, 3))
