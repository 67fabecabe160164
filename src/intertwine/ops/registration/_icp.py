"""Refinement of a rigid motion: iterated closest points with a robust loss along the normals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from intertwine.ops.registration._sampling import Floats
from intertwine.ops.registration._surfels import Surfels

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

_ACROSS = 0.05
"""Weight of the displacement across the normals: keeps planes and spheres from sliding."""
_SMALL_ANGLE = 1e-3
"""Below it the series are exact to rounding."""
SAME_NORMAL = 0.6
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
        points, targets, normals, gaps = closest_pairs(first, second, rotation, translation, distance)
        if len(points) < 3:
            break
        weights = (1 - (gaps / distance) ** 2) ** 2
        step = small_motion(points - center, targets - center, normals, weights)
        turn, shift = step[:3, :3], step[:3, 3] + center - step[:3, :3] @ center
        rotation, translation = turn @ rotation, turn @ translation + shift
        if np.abs(step - np.eye(4)).max() < 1e-9 * max(distance, 1e-300) and np.abs(turn - np.eye(3)).max() < 1e-9:
            break
    left, _, right = np.linalg.svd(rotation)
    return left @ right, translation


class _Surface(Protocol):
    """Points with normals of any sign, and their k-d tree."""

    @property
    def points(self) -> Floats: ...
    @property
    def normals(self) -> Floats: ...
    @property
    def tree(self) -> cKDTree: ...


class ClosestPairs(NamedTuple):
    """Moved points ``(P, 3)``, the closest points of the other surface with their normals, and the gaps ``(P,)``."""

    points: Floats
    targets: Floats
    normals: Floats
    gaps: Floats


def closest_pairs(
    first: Surfels, second: _Surface, rotation: Floats, translation: Floats, distance: float
) -> ClosestPairs:
    """The moved points whose closest point is nearer than a distance and has a normal of nearly the same direction."""
    moved = first.points @ rotation.T + translation
    gaps, rows = second.tree.query(moved, distance_upper_bound=distance)
    near = np.flatnonzero(gaps < distance)
    turned = first.normals[near] @ rotation.T
    near = near[np.abs(np.einsum("pi,pi->p", second.normals[rows[near]], turned)) > SAME_NORMAL]
    return ClosestPairs(moved[near], second.points[rows[near]], second.normals[rows[near]], gaps[near])


def small_motion(points: Floats, targets: Floats, normals: Floats, weights: Floats, across: float = _ACROSS) -> Floats:
    r"""``(4, 4)``: the exponential of the twist :math:`(\omega, v)` that solves the linear least-squares problem.

    .. math:: \sum_i w_i \bigl[ (n_i \cdot r_i)^2 + \epsilon |r_i|^2 \bigr], \qquad
        r_i = x_i + \omega \times x_i + v - y_i,

    with the weight :math:`\epsilon` of ``across``.
    """
    residuals = points - targets
    scale = float(np.abs(points).max()) or 1.0
    arms = points / scale
    jacobian = np.concatenate([_cross(arms, normals), normals], axis=1)
    along = np.einsum("pi,pi->p", normals, residuals)
    matrix = (jacobian * weights[:, None]).T @ jacobian
    vector = jacobian.T @ (weights * along)
    weighted = arms * weights[:, None]
    inertia = weighted.T @ arms
    moment = _skew(weighted.sum(axis=0))
    sliding = np.block([[np.trace(inertia) * np.eye(3) - inertia, moment], [moment.T, weights.sum() * np.eye(3)]])
    matrix += across * sliding
    vector += across * np.concatenate([_cross(weighted, residuals).sum(axis=0), weights @ residuals])
    matrix += 1e-9 * np.trace(matrix) * np.eye(6)
    twist = -np.linalg.solve(matrix, vector)
    return _exponential(twist[:3] / scale, twist[3:])


def _cross(a: Floats, b: Floats) -> Floats:
    """Products ``(N, 3)`` of rows."""
    (x, y, z), (u, v, w) = a.T, b.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=1)


def _skew(vector: Floats) -> Floats:
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def _exponential(rotation: Floats, shift: Floats) -> Floats:
    """The motion ``(4, 4)`` of a twist: the rotation vector, and the velocity of the origin."""
    angle = float(np.linalg.norm(rotation))
    square = angle * angle
    if angle > _SMALL_ANGLE:
        a, b, c = np.sin(angle) / angle, (1 - np.cos(angle)) / square, (angle - np.sin(angle)) / (angle * square)
    else:
        a, b, c = 1 - square / 6, 0.5 - square / 24, 1 / 6 - square / 120
    turn = _skew(rotation)
    twice = turn @ turn
    result = np.eye(4)
    result[:3, :3] += a * turn + b * twice
    result[:3, 3] = shift + b * (turn @ shift) + c * (twice @ shift)
    return result
