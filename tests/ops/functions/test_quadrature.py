"""Grids average what they claim, and no more."""

import pytest
import torch

from intertwine.ops import circle_grid, product_grid, sphere_grid, spherical_harmonics

DEGREES = [0, 1, 2, 3, 6, 7, 12, 13, 20, 26, 35]


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("grid", [product_grid, sphere_grid])
def test_the_harmonics_of_its_degrees_have_mean_zero(grid, degree: int) -> None:
    nodes, weights = grid(degree)
    means = weights @ spherical_harmonics(degree, nodes)
    assert nodes.dtype == weights.dtype == torch.float64
    assert (weights > 0).all()
    torch.testing.assert_close(nodes.norm(dim=1), torch.ones(len(nodes), dtype=torch.float64))
    torch.testing.assert_close(means, torch.eye(len(means), dtype=torch.float64)[0], rtol=0, atol=2e-13)


@pytest.mark.parametrize("degree", [3, 7, 15])
@pytest.mark.parametrize("grid", [product_grid, sphere_grid])
def test_the_next_degree_shows_that_the_check_can_fail(grid, degree: int) -> None:
    nodes, weights = grid(degree)
    assert (weights @ spherical_harmonics(degree + 1, nodes)).abs()[1:].max() > 1e-3


def test_the_design_is_the_smaller_one() -> None:
    assert all(len(sphere_grid(degree)[0]) <= len(product_grid(degree)[0]) for degree in DEGREES)
    sizes = [len(sphere_grid(degree)[0]) for degree in range(132)]
    assert sizes == sorted(sizes)
    assert sizes[131] == 5810
    assert len(sphere_grid(132)[0]) == len(product_grid(132)[0]) == 67 * 133


@pytest.mark.parametrize("degree", [0, 1, 4, 9])
def test_the_circle(degree: int) -> None:
    angles, weights = circle_grid(degree)
    means = torch.stack([weights @ (m * angles).cos() for m in range(degree + 2)])
    torch.testing.assert_close(means[:-1], torch.eye(degree + 1, dtype=torch.float64)[0], rtol=0, atol=1e-14)
    assert means[-1] == pytest.approx(1)  # the wave that the nodes cannot tell from a constant


@pytest.mark.parametrize("grid", [product_grid, sphere_grid, circle_grid])
def test_bad_use_says_so(grid) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        grid(-1)
