"""Projective cameras: homogeneous triangulation, resection, bundle adjustment."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.cameras._bundle_adjustment import Blocks, Problem, levenberg_marquardt, robust_cost, solve


class ProjectiveAdjustment(NamedTuple):
    """Projective cameras and points of least robust reprojection error.

    Attributes:
        projections: ``(cameras, 3, 4)``, each of norm one.
        points: ``(points, 4)``, homogeneous, each of norm one.
        cost: The sum of the robust losses, square pixels.
        iterations: Steps that were taken.
    """

    projections: Tensor
    points: Tensor
    cost: float
    iterations: int


def projective_residuals(
    projections: Tensor, points: Tensor, camera: Tensor, point: Tensor, xy: Tensor, focal: Tensor
) -> Tensor:
    """``(N, 2)``, projections minus observations, pixels.

    Args:
        projections: ``(cameras, 3, 4)``, to the coordinates of the observations.
        points: ``(points, 4)``, homogeneous.
        camera: ``(N,)`` int64.
        point: ``(N,)`` int64.
        xy: ``(N, 2)``, observations.
        focal: ``(N, 2)``, pixels for a unit of them.
    """
    seen = torch.einsum("nij,nj->ni", projections[camera], points[point])
    residuals: Tensor = focal * (seen[:, :2] / seen[:, 2:] - xy)
    return residuals


def projective_triangulation(projections: Tensor, camera: Tensor, point: Tensor, xy: Tensor, num_points: int) -> Tensor:
    """Homogeneous points ``(points, 4)`` of norm one from their observations, by the direct linear transform.

    Args:
        projections: ``(cameras, 3, 4)``.
        camera: ``(N,)`` int64.
        point: ``(N,)`` int64.
        xy: ``(N, 2)``.
        num_points: How many points there are; those seen less than twice are meaningless.

    Reference: Hartley, Zisserman, Multiple View Geometry, 2004, Section 12.2.
    """
    matrices = projections[camera]
    rows = xy[:, :, None] * matrices[:, 2:] - matrices[:, :2]
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp_min(1e-30)
    normal = xy.new_zeros(num_points, 4, 4).index_add_(0, point, rows.mT @ rows)
    found: Tensor = torch.linalg.eigh(normal).eigenvectors[..., 0]
    return found


def projective_resection(points: Tensor, xy: Tensor) -> Tensor:
    """Cameras ``(*batch, 3, 4)`` of norm one from six or more points each, by the direct linear transform.

    Args:
        points: ``(*batch, k, 4)``, homogeneous.
        xy: ``(*batch, k, 2)``.

    Reference: Hartley, Zisserman, Multiple View Geometry, 2004, Section 7.1.
    """
    zero = torch.zeros_like(points)
    first = torch.cat([points, zero, -xy[..., :1] * points], -1)
    second = torch.cat([zero, points, -xy[..., 1:] * points], -1)
    rows = torch.cat([first, second], -2)
    found: Tensor = torch.linalg.eigh(rows.mT @ rows).eigenvectors[..., 0].unflatten(-1, (3, 4))
    return found


def projective_bundle_adjustment(
    projections: Tensor,
    points: Tensor,
    camera: Tensor,
    point: Tensor,
    xy: Tensor,
    focal: Tensor,
    *,
    loss_scale: float | None = 1.0,
    max_iterations: int = 50,
    tolerance: float = 1e-6,
) -> ProjectiveAdjustment:
    """The projective cameras and points that minimize the sum of robust reprojection errors.

    As :func:`bundle_adjustment`, over all 3 x 4 matrices and homogeneous points, which move on the unit sphere.

    Args:
        projections: ``(cameras, 3, 4)`` float64, where to start.
        points: ``(points, 4)``.
        camera: ``(N,)`` int64.
        point: ``(N,)`` int64.
        xy: ``(N, 2)``, of the order of one.
        focal: ``(N, 2)``, pixels for a unit of them.
        loss_scale: The scale of the soft L1 loss in pixels; None for squares.
        max_iterations: The most steps.
        tolerance: The relative decrease of the cost below which it stops.

    Law:
        The least cost does not depend on the projective frame of the start.

    Reference: Triggs et al., Bundle Adjustment: A Modern Synthesis, 2000, Section 9.
    """
    problem = Problem(camera, point, xy, focal, loss_scale, len(projections), len(points))
    units = (projections / projections.norm(dim=(1, 2), keepdim=True), points / points.norm(dim=1, keepdim=True))

    def cost_of(state: tuple[Tensor, Tensor]) -> float:
        return robust_cost(projective_residuals(*state, camera, point, xy, focal).nan_to_num(torch.inf), loss_scale)

    state, cost, steps = levenberg_marquardt(
        units, cost_of, lambda state: _normal_equations(problem, state),
        lambda state, blocks, damping: _moved(state, solve(problem, blocks, damping, fixed_points=False)),
        max_iterations, tolerance,
    )  # fmt: skip
    return ProjectiveAdjustment(*state, cost, steps)


def _tangents(points: Tensor) -> Tensor:
    """Orthonormal bases ``(n, 4, 3)`` of the complements of unit vectors: columns of Householder reflections."""
    sign = torch.where(points[:, :1] < 0, -1.0, 1.0).to(points)
    normal = points.clone()
    normal[:, :1] += sign
    outer = 2 * normal[:, :, None] * normal[:, None, :] / normal.square().sum(1)[:, None, None]
    basis: Tensor = (torch.eye(4, dtype=points.dtype) - outer)[:, :, 1:]
    return basis


def _normal_equations(problem: Problem, state: tuple[Tensor, Tensor]) -> Blocks:
    projections, points = state
    camera, point = problem.camera, problem.point
    matrices, at = projections[camera], points[point]
    seen = torch.einsum("nij,nj->ni", matrices, at)
    residuals = problem.focal * (seen[:, :2] / seen[:, 2:] - problem.xy)
    weight = torch.ones_like(residuals[:, 0])
    if problem.scale is not None:
        weight = (1 + residuals.square().sum(1) / problem.scale**2).rsqrt()
    inverse = 1 / seen[:, 2]
    outer = seen.new_zeros(len(seen), 2, 3)
    outer[:, 0, 0], outer[:, 1, 1] = inverse, inverse
    outer[:, :, 2] = -seen[:, :2] * (inverse**2)[:, None]
    outer = outer * (problem.focal * weight.sqrt()[:, None])[..., None]
    by_camera = (outer[..., None] * at[:, None, None, :]).flatten(2)
    by_point = outer @ matrices @ _tangents(points)[point]
    error = (residuals * weight.sqrt()[:, None])[..., None]
    m, n = problem.num_cameras, problem.num_points
    return Blocks(
        seen.new_zeros(m, 12, 12).index_add_(0, camera, by_camera.mT @ by_camera),
        seen.new_zeros(n, 3, 3).index_add_(0, point, by_point.mT @ by_point),
        by_camera.mT @ by_point,
        seen.new_zeros(m, 12).index_add_(0, camera, (by_camera.mT @ error)[..., 0]),
        seen.new_zeros(n, 3).index_add_(0, point, (by_point.mT @ error)[..., 0]),
    )


def _moved(state: tuple[Tensor, Tensor], step: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    projections, points = state
    cameras = projections + step[0].unflatten(1, (3, 4))
    moved = points + torch.einsum("nij,nj->ni", _tangents(points), step[1])
    return cameras / cameras.norm(dim=(1, 2), keepdim=True), moved / moved.norm(dim=1, keepdim=True)
