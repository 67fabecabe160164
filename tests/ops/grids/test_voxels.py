"""Volumes of point clouds."""

import pytest
import torch

from intertwine.actions import Transform, Volumes
from intertwine.groups import FullOctahedral
from intertwine.ops import kernel_points, voxelize

ALONE = torch.zeros(60, dtype=torch.int64)


def points():
    return 2.4 * torch.rand(60, 3, dtype=torch.float64) - 1.2


@pytest.mark.parametrize("size", [1, 4, 5])
def test_shares_are_products_of_hat_functions(size):
    positions = points()
    voxels = kernel_points(size, 3)
    expected = (1 - (positions[:, None] * size / 2 - voxels).abs()).clamp_min(0).prod(-1).sum(0)
    torch.testing.assert_close(voxelize(positions, ALONE, 1, size).flatten(), expected)


@pytest.mark.parametrize("size", [4, 5])
def test_clouds_turn_with_their_volumes(size):
    group, positions = FullOctahedral(), points()
    action = Volumes(group.trivial)
    volume = voxelize(positions, ALONE, 1, size)
    for g in group.elements:
        torch.testing.assert_close(voxelize(positions @ g.T, ALONE, 1, size), action(Transform(g), volume))
    assert not torch.allclose(voxelize(positions.flip(1), ALONE, 1, size), volume)


def test_clouds_are_apart_and_orders_do_not_matter():
    positions, batch = points(), torch.arange(60) % 3
    volumes = voxelize(positions, batch, 4, 5)
    for i in range(3):
        torch.testing.assert_close(volumes[i : i + 1], voxelize(positions[batch == i], ALONE[batch == i], 1, 5))
    assert volumes[3].abs().max() == 0
    order = torch.randperm(60)
    torch.testing.assert_close(voxelize(positions[order], batch[order], 4, 5), volumes)


def test_points_inside_are_counted_once():
    assert float(voxelize(points() / 2, ALONE, 1, 8).sum()) == pytest.approx(60)


def test_gradients():
    assert torch.autograd.gradcheck(lambda p: voxelize(p, ALONE[:9], 1, 3), points()[:9].requires_grad_())


@pytest.mark.parametrize(("shape", "size"), [((60, 2), 4), ((59, 3), 4), ((60, 3), 0)])
def test_bad_shapes(shape, size):
    with pytest.raises(ValueError, match="voxelize expected positions"):
        voxelize(torch.zeros(shape), ALONE, 1, size)
