"""Refinement of a rigid motion: iterated closest points with a robust loss along the normals."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from intertwine.ops.registration._sampling import Floats
from intertwine.ops.registration._surfels import Surfels

_ACROSS = 0.05
"""Weight of the displacement across the normals: keeps planes and spheres from sliding."""
_SAME_NORMAL = 0.6
"""The least |cos| between normals of points that may be the same place."""


def iterated_closest_points(
    first: Surfels, second: Surfels, rotation: Floats, translation: Floats, distance: float, steps: int
) -> tuple[Floats, Floats]:
    r"""A motion of the first surface onto the second, improved.

    Each step pairs points with the closest point of the other surface within ``distance`` and with a normal of nearly
    the same direction, and solves for a small motion that reduces

    .. math:: \sum_i w_i \bigl[ (m_i \cdot r_i)^2 + \epsilon |r_i|^2 \bigr], \qquad
        r_i = R x_i + t - y_i, \quad w_i = \Bigl(1 - \frac{|r_i|^2}{d^2}\Bigr)^2

    Args:
        first: The surface that moves.
        second: The surface that stays.
        rotation: ``(3, 3)``, where to begin.
        translation: ``(3,)``.
        distance: The largest distance of a pair.
        steps: The most steps; fewer where the motion comes to rest.

    Returns:
        The rotation and the translation.

    Law: with the first moved by g and the second by h, the motion becomes h motion g^-1.

    Reference: Chen, Medioni, Object modelling by registration of multiple range images, 1992.
    """
    center = second.points.mean(axis=0)
    for _ in range(steps):
        moved = first.points @ rotation.T + translation
        gaps, rows = second.tree.query(moved, distance_upper_bound=distance)
        near = np.flatnonzero(gaps < distance)
        normals = second.normals[rows[near]]
        turned = first.normals[near] @ rotation.T
        alike = np.abs(np.einsum("pi,pi->p", normals, turned)) > _SAME_NORMAL
        near, normals = near[alike], normals[alike]
        if len(near) < 3:
            break
        weights = (1 - (gaps[near] / distance) ** 2) ** 2
        step = small_motion(moved[near] - center, second.points[rows[near]] - center, normals, weights)
        turn, shift = step[:3, :3], step[:3, 3] + center - step[:3, :3] @ center
        rotation, translation = turn @ rotation, turn @ translation + shift
        if np.abs(step - np.eye(4)).max() < 1e-9 * max(distance, 1e-300) and np.abs(turn - np.eye(3)).max() < 1e-9:
            break
    left, _, right = np.linalg.svd(rotation)
    return left @ right, translation


def small_motion(points: Floats, targets: Floats, normals: Floats, weights: Floats) -> Floats:
    """``(4, 4)``: the exponential of the twist that solves the linear least-squares problem."""
    residuals = points - targets
    scale = float(np.abs(points).max()) or 1.0
    jacobian = np.concatenate([np.cross(points / scale, normals), normals], axis=1)
    along = np.einsum("pi,pi->p", normals, residuals)
    matrix = (jacobian * weights[:, None]).T @ jacobian
    vector = jacobian.T @ (weights * along)
    cross = np.zeros((len(points), 3, 6))  # the derivative of each coordinate
    x, y, z = (points / scale).T
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 0] = z, -y, -z
    cross[:, 1, 2], cross[:, 2, 0], cross[:, 2, 1] = x, y, -x
    cross[:, :, 3:] = np.eye(3)
    flat = cross.reshape(-1, 6)
    repeated = np.repeat(weights, 3)[:, None]
    matrix += _ACROSS * (flat * repeated).T @ flat
    vector += _ACROSS * flat.T @ (repeated[:, 0] * residuals.reshape(-1))
    matrix += 1e-9 * np.trace(matrix) * np.eye(6)
    twist = -np.linalg.solve(matrix, vector)
    a, b, c = twist[:3] / scale
    generator = np.zeros((4, 4))
    generator[:3, :3] = [[0, -c, b], [c, 0, -a], [-b, a, 0]]
    generator[:3, 3] = twist[3:]
    result: Floats = expm(generator)
    return result
