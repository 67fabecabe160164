"""Removal of clashes: the shortest way of two rigid sets of points out of one another."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops import RigidMotion

Array = npt.NDArray[np.float64]

_MARGIN = 0.005
"""Kept beyond the distance, as steps are linear."""
_REACH = 3.0
"""Pairs nearer than the distance and this, in angstrom, hold a step back."""
_LONGEST, _SHORTEST = 0.7, 1e-3
"""Displacement of a step, in angstrom; a search ends at a shorter one."""
_STARTS = 6
_GOLDEN = (1 + 5**0.5) / 2
_CORNERS = ((0, 1, _GOLDEN), (1, _GOLDEN, 0), (_GOLDEN, 0, 1), (1, 1, 1), (0, 1 / _GOLDEN, _GOLDEN),
            (1 / _GOLDEN, _GOLDEN, 0), (_GOLDEN, 0, 1 / _GOLDEN), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0),
            (1, 0, 1), (0, 1, 1))  # fmt: skip
"""Of directions, of which those with other signs follow: corners of an icosahedron, a dodecahedron and others."""


def separate(ligand: Tensor, receptor: Tensor, *, distance: float = 3.0, steps: int = 60) -> RigidMotion:
    r"""The least rigid motion of a ligand after which no two points of both proteins are nearer than a distance.

    Over twists :math:`\xi = (\omega, v)` about the midpoint c of both centers it looks for the least

    .. math:: \xi^T M \xi \quad \text{where} \quad
        |e^{\xi} x_i - y_j| \ge d \text{ for all } i, j, \qquad M = \tfrac{1}{n + m} (A^{-1} + B^{-1})^{-1},

    with the quadratic forms A and B of the square displacement of the ligand's and of the receptor's points:
    :math:`\xi^T M \xi` is, to first order, the square of the RMSD of the complex after superposition. It begins with
    the shortest translations without clashes, found exactly along 62 directions of the principal axes of the complex,
    and from the best 6 of them it shortens the way, rotations included: the distances are linear about the last twist,
    and the next one is the solution of this problem of least distance, approached by at most 0.7 angstrom a step.

    Args:
        ligand: ``(n, 3)``, in its place beside the receptor, in angstrom.
        receptor: ``(m, 3)``.
        distance: Points of the two nearer than this clash.
        steps: The most steps from one start.

    Returns:
        The motion, float64; the identity if nothing clashes.

    Raises:
        UsageError: If the shapes do not fit.

    Law:
        With both moved by g it becomes ``g T g^-1``; with the two exchanged it is the inverse of what moves the other.
        Both hold unless the complex has equal principal moments.

    Cost:
        n m for each direction, the pairs that are near for each step.

    References:
        Lawson, Hanson, Solving least squares problems, 1974, chapter 23: least distance by nonnegative least squares.
    """
    from scipy.spatial import cKDTree

    for points in (ligand, receptor):
        if points.ndim != 2 or points.shape[1] != 3 or not len(points):
            raise UsageError(f"separate expects points (n, 3) of both proteins, got {tuple(points.shape)}")
    one, two = (points.detach().double().cpu().numpy() for points in (ligand, receptor))
    if cKDTree(two).query(one)[0].min() >= distance:
        return RigidMotion(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    center = (one.mean(0) + two.mean(0)) / 2
    one, two = one - center, two - center
    root = _metric_root(one, two)
    directions = _directions(np.vstack([one, two]))
    lengths = _ways_out(one, two, directions, distance + _MARGIN)
    twists = [
        _shortened(one, two, np.concatenate([np.zeros(3), lengths[k] * directions[k]]), root, distance, steps)
        for k in np.argsort(lengths, kind="stable")[:_STARTS]
    ]
    motion = _motion(min(twists, key=lambda twist: float(np.linalg.norm(root @ twist))))
    motion[:3, 3] += center - motion[:3, :3] @ center
    return RigidMotion(torch.from_numpy(motion[:3, :3].copy()), torch.from_numpy(motion[:3, 3].copy()))


def _shortened(one: Array, two: Array, start: Array, root: Array, distance: float, steps: int) -> Array:
    """The shortest twist without clashes on the way from one without."""
    from scipy.spatial import cKDTree

    twist, best, inverse = start, start, np.linalg.inv(root)
    for _ in range(steps):
        # Each protein goes half of the way, so that the exchange of both changes signs only.
        half, back = _motion(twist / 2), _motion(-twist / 2)
        x, y = one @ half[:3, :3].T + half[:3, 3], two @ back[:3, :3].T + back[:3, 3]
        pairs = cKDTree(x).sparse_distance_matrix(cKDTree(y), distance + _REACH, output_type="ndarray")
        found, apart = (x[pairs["i"]], y[pairs["j"]]), pairs["v"]
        if apart.min(initial=np.inf) >= distance and np.linalg.norm(root @ twist) < np.linalg.norm(root @ best):
            best = twist
        normals = (found[0] - found[1]) / np.maximum(apart, 1e-9)[:, None]
        slopes = np.hstack([np.cross((found[0] + found[1]) / 2, normals), normals])
        least = _least_distance(slopes @ inverse, distance + _MARGIN - apart + slopes @ twist)
        if least is None:
            break
        step = inverse @ least - twist
        length = float(np.linalg.norm(root @ step))
        if length < _SHORTEST:
            break
        twist = twist + min(1.0, _LONGEST / length) * step
    return best


def _least_distance(matrix: Array, bounds: Array) -> Array | None:
    """The shortest z with ``matrix @ z >= bounds``; None if there is none."""
    from scipy.optimize import nnls

    if (bounds <= 0).all():
        return np.zeros(matrix.shape[1])
    target = np.zeros(matrix.shape[1] + 1)
    target[-1] = 1
    whole = np.vstack([matrix.T, bounds])
    try:
        residual = whole @ nnls(whole, target, maxiter=10 * len(bounds))[0] - target
    except RuntimeError:  # it did not converge
        return None
    if np.linalg.norm(residual) < 1e-9:
        return None
    least: Array = -residual[:-1] / residual[-1]
    return least


def _ways_out(one: Array, two: Array, directions: Array, distance: float) -> Array:
    """The shortest translation of the first points along each direction after which none is too near."""
    offsets = (two[:, None] - one[None]).reshape(-1, 3)
    squares, lengths = (offsets**2).sum(1), []
    for direction in directions:
        along = offsets @ direction
        beside = squares - along**2
        meets = beside < distance**2
        half = np.sqrt(distance**2 - np.maximum(beside[meets], 0))
        begin, end = along[meets] - half, along[meets] + half
        order = np.argsort(begin[end > 0])
        begin, end = begin[end > 0][order], end[end > 0][order]
        # The union of the blocked intervals up to the first gap after 0.
        reached = np.maximum.accumulate(np.concatenate([[0.0], end]))
        gaps = np.flatnonzero(begin > reached[:-1])
        lengths.append(reached[gaps[0]] if len(gaps) else reached[-1])
    return np.array(lengths)


def _directions(points: Array) -> Array:
    """``(62, 3)``, unit vectors in a frame of the principal axes; with each one its mirror images."""
    signed = {tuple(float(s * x) + 0.0 for s, x in zip(signs, corner, strict=True))
              for corner in _CORNERS for signs in product((1, -1), repeat=3)}  # fmt: skip
    found = np.array(sorted(signed))
    axes = np.linalg.eigh(points.T @ points)[1]
    unit: Array = found / np.linalg.norm(found, axis=1, keepdims=True) @ axes.T
    return unit


def _metric_root(one: Array, two: Array) -> Array:
    """``(6, 6)``: K with ``K^T K = M``, the displacement of the complex as a form of twists."""
    A, B = _form(one), _form(two)
    whole = A + B
    metric = A @ np.linalg.solve(whole + 1e-9 * np.trace(whole) * np.eye(6), B) / (len(one) + len(two))
    metric = (metric + metric.T) / 2 + 1e-6 * np.trace(metric) * np.eye(6)
    root: Array = np.linalg.cholesky(metric).T
    return root


def _form(points: Array) -> Array:
    """``(6, 6)``: the sum of square displacements of points by a twist."""
    turns = np.cross(np.eye(3)[None], points[:, None])
    columns = np.concatenate([turns, np.broadcast_to(np.eye(3), turns.shape)], axis=1)
    form: Array = np.einsum("nia,nja->ij", columns, columns)
    return form


def _motion(twist: Array) -> Array:
    """The matrix ``(4, 4)`` of a twist: rotation vector and translation."""
    from scipy.linalg import expm

    x, y, z = twist[:3]
    generator = np.zeros((4, 4))
    generator[:3] = np.column_stack([[[0, -z, y], [z, 0, -x], [-y, x, 0]], twist[3:]])
    motion: Array = expm(generator)
    return motion
