"""Extrema of quadratic differences of Gaussians: exact positions, and both bounds of what is kept."""

import pytest
import torch

from intertwine.ops.local_features._extrema import find_extrema

SIZE = 20


def levels(curvatures, height=1.0, center=(1.2, 9.3, 10.4), size=SIZE):
    """Levels whose differences are ``height - c_s (s - s0)^2 - c_y (y - y0)^2 - c_x (x - x0)^2``."""
    axes = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (3, size, size)), indexing="ij")
    difference = height - sum(c * (x - x0) ** 2 for c, x, x0 in zip(curvatures, axes, center, strict=True))
    return torch.cat([torch.zeros_like(difference[:1]), difference.cumsum(0)])


def test_position_level_and_response_are_those_of_the_quadratic():
    for sign in (1, -1):
        found = find_extrema(sign * levels((0.1, 0.02, 0.03)), 0.01, 10.0)
        assert found.positions.tolist() == [pytest.approx([10.4, 9.3])]
        assert found.levels.tolist() == pytest.approx([1.2])
        assert found.responses.tolist() == pytest.approx([1.0])


@pytest.mark.parametrize("threshold", [2.0, 3.0, 10.0])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_largest_ratio_of_curvatures(threshold, swapped):
    for factor, count in ((0.98, 1), (1.02, 0)):
        curvatures = 0.01, 0.01 * threshold * factor
        found = find_extrema(levels((0.1, *(curvatures[::-1] if swapped else curvatures))), 0.01, threshold)
        assert len(found.responses) == count


def test_the_least_contrast_is_that_of_the_refined_position():
    for height, count in ((0.0499, 0), (0.0501, 1)):
        assert len(find_extrema(levels((0.01, 0.001, 0.001), height), 0.05, 10.0).responses) == count


@pytest.mark.parametrize("axis", [1, 2])
def test_the_border_is_five_pixels(axis):
    for place, count in ((5, 1), (4, 0), (SIZE - 6, 1), (SIZE - 5, 0)):
        center = [1.0, 10.0, 10.0]
        center[axis] = place
        assert len(find_extrema(levels((0.1, 0.02, 0.02), center=center), 0.01, 10.0).responses) == count
    assert len(find_extrema(levels((0.1, 0.1, 0.1), center=(1, 5, 5), size=11), 0.01, 10.0).responses) == 1
    assert len(find_extrema(levels((0.1, 0.1, 0.1), center=(1, 5, 5), size=10), 0.01, 10.0).responses) == 0
