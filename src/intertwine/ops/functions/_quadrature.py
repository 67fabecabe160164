"""Quadrature grids on the sphere and on the circle."""

from __future__ import annotations

from math import pi

import numpy as np
import torch
from torch import Tensor

_LEBEDEV = (3, 5, 7, 9, 11, 15, 17, 19, 21, 23, 29, 31, *range(35, 132, 6))
"""Degrees of the Lebedev-Laikov rules, without 13, 25 and 27, which have negative weights."""


def product_grid(degree: int) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre product grid on the sphere: Gauss nodes in latitude times equal steps of longitude.

    Args:
        degree: Polynomials up to this degree are averaged exactly.

    Returns:
        Nodes ``((degree // 2 + 1) (degree + 1), 3)`` on the unit sphere, and weights of sum one, float64.

    Raises:
        ValueError: If the degree is negative.

    Example:
        >>> nodes, weights = product_grid(2)
        >>> nodes.shape, round(float(weights @ nodes[:, 0] ** 2), 12)
        (torch.Size([6, 3]), 0.333333333333)
    """
    _check(degree)
    heights, weights = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(degree // 2 + 1))
    angles, angle_weights = circle_grid(degree)
    radii = (1 - heights.square()).sqrt()
    nodes = torch.stack(
        [
            torch.outer(radii, angles.sin()),
            heights[:, None].expand(-1, len(angles)),
            torch.outer(radii, angles.cos()),
        ],
        -1,
    )
    return nodes.flatten(0, 1), torch.outer(weights / 2, angle_weights).flatten()


def sphere_grid(degree: int) -> tuple[Tensor, Tensor]:
    """Lebedev grid on the sphere, or the product grid where that is smaller or no Lebedev rule exists.

    Lebedev's rules need two thirds of the nodes of a product grid, about ``(degree + 1)^2 / 3``; they exist for certain
    degrees up to 131, of which the next is taken. The nodes are fixed, and the octahedral group permutes them.

    Args:
        degree: Polynomials up to this degree are averaged exactly.

    Returns:
        Nodes ``(N, 3)`` on the unit sphere, and positive weights ``(N,)`` of sum one, float64.

    Raises:
        ValueError: If the degree is negative.

    Reference: Lebedev, Laikov, Doklady Mathematics 59 (1999) 477.

    Example:
        >>> [len(sphere_grid(degree)[0]) for degree in (0, 3, 12, 21)]
        [1, 6, 86, 170]
    """
    _check(degree)
    lebedev = next((each for each in _LEBEDEV if each >= degree), None)
    if lebedev is None or degree < 3:
        return product_grid(degree)
    from scipy.integrate import lebedev_rule  # a third of a second to import, which few programs need

    nodes, weights = lebedev_rule(lebedev)
    return torch.from_numpy(np.ascontiguousarray(nodes.T)), torch.from_numpy(weights / weights.sum())


def circle_grid(degree: int) -> tuple[Tensor, Tensor]:
    """Trapezoidal grid on the circle: equal steps.

    Args:
        degree: Trigonometric polynomials up to this degree are averaged exactly.

    Returns:
        Angles ``(degree + 1,)`` from zero on, and weights of sum one, float64.

    Raises:
        ValueError: If the degree is negative.
    """
    _check(degree)
    count = degree + 1
    angles = 2 * pi / count * torch.arange(count, dtype=torch.float64)
    return angles, torch.full((count,), 1 / count, dtype=torch.float64)


def _check(degree: int) -> None:
    if degree < 0:
        raise ValueError(f"the degree of a grid is at least 0, got {degree}")
