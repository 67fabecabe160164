"""Bundle adjustment: Levenberg-Marquardt on poses and points, with the Schur complement of the points."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from intertwine.ops.cameras._projection import reprojection_residuals
from intertwine.ops.cameras._rotation import cross_matrix, matrix_from_rotation_vector

_DENSE_CAMERAS = 80
"""Up to so many cameras the reduced matrix is a dense product; beyond, a sparse one."""
_CHUNK = 4096
State = TypeVar("State", bound=tuple[Tensor, ...])


class BundleAdjustment(NamedTuple):
    """Poses and points of least robust reprojection error.

    Attributes:
        rotations: ``(cameras, 3, 3)``.
        translations: ``(cameras, 3)``.
        points: ``(points, 3)``.
        cost: The sum of the robust losses, square pixels.
        iterations: Steps that were taken.
    """

    rotations: Tensor
    translations: Tensor
    points: Tensor
    cost: float
    iterations: int


class Problem(NamedTuple):
    """Observations, and how many cameras and points there are."""

    camera: Tensor
    point: Tensor
    xy: Tensor
    focal: Tensor
    scale: float | None
    num_cameras: int
    num_points: int


def bundle_adjustment(
    rotations: Tensor,
    translations: Tensor,
    points: Tensor,
    camera: Tensor,
    point: Tensor,
    xy: Tensor,
    focal: Tensor,
    *,
    loss_scale: float | None = 1.0,
    max_iterations: int = 50,
    tolerance: float = 1e-6,
    fixed_points: bool = False,
) -> BundleAdjustment:
    r"""The poses and points that minimize the sum of robust reprojection errors of all observations.

    .. math:: \min_{R, t, X} \sum_{(i, j)} \rho\left(\lVert f_i (\pi(R_i X_j + t_i) - x_{ij}) \rVert^2\right),
        \qquad \rho(s) = 2 c^2 (\sqrt{1 + s / c^2} - 1)

    with the soft L1 loss of scale c, or ``rho(s) = s``. Each step solves the normal equations, damped by a multiple of
    their diagonal, for the cameras first (the Schur complement), then for each point by itself.

    Args:
        rotations: ``(cameras, 3, 3)`` float64, where to start.
        translations: ``(cameras, 3)``.
        points: ``(points, 3)``; each of the observed ones in front of the cameras that see it.
        camera: ``(N,)`` int64.
        point: ``(N,)`` int64.
        xy: ``(N, 2)``, normalized by the inverse of the intrinsics.
        focal: ``(N, 2)``, pixels.
        loss_scale: The scale c in pixels; None for squares.
        max_iterations: The most steps.
        tolerance: The relative decrease of the cost below which it stops.
        fixed_points: Whether only the poses move.

    Returns:
        The solution. Its gauge (a similarity of everything) is near that of the start.

    Law:
        A similarity of poses and points moves the solution along; permuted cameras, points and observations permute it.

    Cost: linear in the observations for each step, and the cube of the number of cameras.

    Reference: Triggs et al., Bundle Adjustment: A Modern Synthesis, 2000, Sections 6.1 and 4.3.
    """
    problem = Problem(camera, point, xy, focal, loss_scale, len(rotations), len(points))
    state, cost, steps = levenberg_marquardt(
        (rotations, translations, points),
        lambda state: _cost(problem, state),
        lambda state: _normal_equations(problem, state),
        lambda state, blocks, damping: _moved(state, solve(problem, blocks, damping, fixed_points=fixed_points)),
        max_iterations,
        tolerance,
    )
    return BundleAdjustment(*state, cost, steps)


def levenberg_marquardt(
    state: State,
    cost_of: Callable[[State], float],
    blocks_of: Callable[[State], Blocks],
    moved: Callable[[State, Blocks, float], State],
    max_iterations: int,
    tolerance: float,
) -> tuple[State, float, int]:
    """Damped Gauss-Newton steps; returns the state of least cost, the cost, and how many steps were taken.

    Args:
        state: Where to start.
        cost_of: The cost of a state, infinite where it is not allowed.
        blocks_of: The normal equations.
        moved: The state after a step with a damping.
        max_iterations: The most steps.
        tolerance: The relative decrease of the cost below which it stops.
    """
    cost = cost_of(state)
    damping, growth, steps = 1e-4, 2.0, 0
    while steps < max_iterations:
        steps += 1
        blocks = blocks_of(state)
        accepted, decrease = False, 0.0
        for _ in range(10):
            trial = moved(state, blocks, damping)
            new_cost = cost_of(trial)
            if new_cost < cost:
                accepted, decrease = True, cost - new_cost
                state, cost = trial, new_cost
                damping, growth = max(damping / 5, 1e-12), 2.0
                break
            damping, growth = damping * growth, 2 * growth
        if not accepted or decrease <= tolerance * cost:
            break
    return state, cost, steps


def robust_cost(residuals: Tensor, scale: float | None) -> float:
    """The sum of squares, or of the soft L1 loss of a scale."""
    squares = residuals.square().sum(1)
    if scale is None:
        return float(squares.sum())
    c2 = scale**2
    return float((2 * c2 * (torch.sqrt(1 + squares / c2) - 1)).sum())


def _cost(problem: Problem, state: tuple[Tensor, Tensor, Tensor]) -> float:
    residuals, depth = reprojection_residuals(*state, problem.camera, problem.point, problem.xy, problem.focal)
    if not bool((depth > 0).all()):
        return torch.inf
    return robust_cost(residuals, problem.scale)


class Blocks(NamedTuple):
    """Normal equations of cameras of d parameters.

    Cameras (m, d, d), points (n, 3, 3), coupling (N, d, 3), right-hand sides (m, d), (n, 3).
    """

    cameras: Tensor
    points: Tensor
    coupling: Tensor
    camera_side: Tensor
    point_side: Tensor


def _normal_equations(problem: Problem, state: tuple[Tensor, Tensor, Tensor]) -> Blocks:
    residuals, _ = reprojection_residuals(*state, problem.camera, problem.point, problem.xy, problem.focal)
    rotations, translations, points = state
    turned = torch.einsum("nij,nj->ni", rotations[problem.camera], points[problem.point])
    seen = turned + translations[problem.camera]
    weight = torch.ones_like(residuals[:, 0])
    if problem.scale is not None:
        weight = (1 + residuals.square().sum(1) / problem.scale**2).rsqrt()
    inverse = 1 / seen[:, 2]
    outer = seen.new_zeros(len(seen), 2, 3)
    outer[:, 0, 0], outer[:, 1, 1] = inverse, inverse
    outer[:, :, 2] = -seen[:, :2] * (inverse**2)[:, None]
    outer = outer * (problem.focal * weight.sqrt()[:, None])[..., None]
    by_pose = torch.cat([-outer @ cross_matrix(turned), outer], -1)
    by_point = outer @ rotations[problem.camera]
    error = (residuals * weight.sqrt()[:, None])[..., None]
    m, n = problem.num_cameras, problem.num_points
    return Blocks(
        seen.new_zeros(m, 6, 6).index_add_(0, problem.camera, by_pose.mT @ by_pose),
        seen.new_zeros(n, 3, 3).index_add_(0, problem.point, by_point.mT @ by_point),
        by_pose.mT @ by_point,
        seen.new_zeros(m, 6).index_add_(0, problem.camera, (by_pose.mT @ error)[..., 0]),
        seen.new_zeros(n, 3).index_add_(0, problem.point, (by_point.mT @ error)[..., 0]),
    )


def _damped(blocks: Tensor, damping: float) -> Tensor:
    diagonal = blocks.diagonal(dim1=-2, dim2=-1)
    floor = 1e-9 * diagonal.amax(-1, keepdim=True) + 1e-30
    unseen = (diagonal.amax(-1, keepdim=True) == 0).to(blocks.dtype)
    return blocks + torch.diag_embed(damping * diagonal + floor + unseen)


def solve(problem: Problem, blocks: Blocks, damping: float, *, fixed_points: bool) -> tuple[Tensor, Tensor]:
    """The step of cameras ``(m, d)`` and points ``(n, 3)``."""
    cameras = _damped(blocks.cameras, damping)
    if fixed_points:
        return -torch.linalg.solve(cameras, blocks.camera_side), torch.zeros_like(blocks.point_side)
    inverse = torch.linalg.inv(_damped(blocks.points, damping))
    factor = torch.linalg.cholesky(inverse)
    reduced = torch.block_diag(*cameras) - _coupling_product(problem, blocks.coupling @ factor[problem.point])
    solved = (inverse @ blocks.point_side[..., None])[problem.point]
    side = blocks.camera_side.index_add(0, problem.camera, -(blocks.coupling @ solved)[..., 0])
    lower, failed = torch.linalg.cholesky_ex(reduced)
    if int(failed):
        poses = -torch.linalg.lstsq(reduced, side.flatten()[:, None]).solution.view_as(side)
    else:
        poses = -torch.cholesky_solve(side.flatten()[:, None], lower).view_as(side)
    back = blocks.point_side.index_add(
        0, problem.point, (blocks.coupling.mT @ poses[problem.camera][..., None])[..., 0]
    )
    return poses, -(inverse @ back[..., None])[..., 0]


def _coupling_product(problem: Problem, blocks: Tensor) -> Tensor:
    """``A A^T`` of the matrix ``A`` with these ``(N, d, 3)`` blocks at (camera, point): ``(d m, d m)``."""
    m, n, d = problem.num_cameras, problem.num_points, blocks.shape[1]
    if m > _DENSE_CAMERAS:
        return _sparse_product(problem, blocks)
    product = blocks.new_zeros(d * m, d * m)
    order = torch.argsort(problem.point, stable=True)
    bounds = torch.searchsorted(problem.point[order], torch.arange(0, n + _CHUNK, _CHUNK)).tolist()
    for chunk, (begin, end) in enumerate(pairwise(bounds)):
        part = order[begin:end]
        width = min(_CHUNK, n - chunk * _CHUNK)
        if width <= 0 or not len(part):
            continue
        dense = blocks.new_zeros(m, width, d, 3)
        dense.index_put_((problem.camera[part], problem.point[part] - chunk * _CHUNK), blocks[part], accumulate=True)
        matrix = dense.permute(0, 2, 1, 3).reshape(d * m, 3 * width)
        product += matrix @ matrix.T
    return product


def _sparse_product(problem: Problem, blocks: Tensor) -> Tensor:
    from scipy.sparse import coo_array

    m, n, d = problem.num_cameras, problem.num_points, blocks.shape[1]
    rows = (d * problem.camera[:, None, None] + torch.arange(d)[:, None]).expand(-1, d, 3).flatten()
    columns = (3 * problem.point[:, None, None] + torch.arange(3)).expand(-1, d, 3).flatten()
    matrix = coo_array((blocks.flatten().numpy(), (rows.numpy(), columns.numpy())), shape=(d * m, 3 * n)).tocsr()
    return torch.from_numpy((matrix @ matrix.T).toarray())


def _moved(state: tuple[Tensor, Tensor, Tensor], step: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    rotations, translations, points = state
    poses, shifts = step
    return matrix_from_rotation_vector(poses[:, :3]) @ rotations, translations + poses[:, 3:], points + shifts
