"""Triangulation of points from observations of known cameras, with and without outliers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.cameras._projection import camera_centers, reprojection_residuals

_MOST_PAIRS = 28
"""The most pairs of observations that are tried for one point."""


class Triangulation(NamedTuple):
    """Points from observations of known cameras.

    Attributes:
        points: ``(points, 3)``; NaN where there is none.
        inliers: ``(N,)`` bool, the observations that agree with the points.
    """

    points: Tensor
    inliers: Tensor


def triangulate(
    rotations: Tensor, translations: Tensor, camera: Tensor, point: Tensor, xy: Tensor, num_points: int
) -> Tensor:
    """Points by the direct linear transform: the least-squares solution of ``x (R_3 X + t_3) = R_1 X + t_1`` and so on.

    Args:
        rotations: ``(cameras, 3, 3)``.
        translations: ``(cameras, 3)``.
        camera: ``(N,)`` int64.
        point: ``(N,)`` int64, 0 .. num_points - 1.
        xy: ``(N, 2)``, normalized by the inverse of the intrinsics.
        num_points: How many points there are.

    Returns:
        ``(num_points, 3)``; NaN for points with fewer than two observations, and at infinity.

    Reference: Hartley and Zisserman, Multiple View Geometry, 2nd edition, Section 12.2.
    """
    poses = torch.cat([rotations, translations[..., None]], -1)[camera]
    rows = xy[..., None] * poses[:, 2:] - poses[:, :2]
    rows = rows / rows[..., :3].norm(dim=-1, keepdim=True)
    normal = rows.new_zeros(num_points, 4, 4).index_add_(0, point, rows.mT @ rows)
    count = torch.bincount(point, minlength=num_points)
    vectors = torch.linalg.eigh(normal).eigenvectors[..., 0]
    good = (count >= 2) & (vectors[:, 3].abs() > 1e-9 * vectors[:, :3].norm(dim=1))
    return torch.where(good[:, None], vectors[:, :3] / vectors[:, 3:], torch.nan)


def ray_angles(rotations: Tensor, translations: Tensor, points: Tensor, camera: Tensor, point: Tensor) -> Tensor:
    """``(points,)``, an upper part of the angle of parallax of each point, in radians.

    Twice the largest angle between a ray to the point and the mean of its rays; zero for points that no camera sees.
    """
    rays = torch.nn.functional.normalize(points[point] - camera_centers(rotations, translations)[camera], dim=1)
    mean = torch.nn.functional.normalize(torch.zeros_like(points).index_add_(0, point, rays), dim=1)
    angle = 2 * torch.asin(((rays - mean[point]).norm(dim=1) / 2).clamp(max=1))
    largest = points.new_zeros(len(points)).scatter_reduce_(0, point, angle.nan_to_num(0.0), "amax")
    return 2 * largest


def robust_triangulation(
    rotations: Tensor,
    translations: Tensor,
    camera: Tensor,
    point: Tensor,
    xy: Tensor,
    focal: Tensor,
    num_points: int,
    *,
    threshold: float = 4.0,
    least_angle: float = 1.5,
) -> Triangulation:
    """Points with the observations that agree with them: pairs of observations are tried, the best supported one wins.

    Args:
        rotations: ``(cameras, 3, 3)``.
        translations: ``(cameras, 3)``.
        camera: ``(N,)`` int64.
        point: ``(N,)`` int64, sorted.
        xy: ``(N, 2)``, normalized by the inverse of the intrinsics.
        focal: ``(N, 2)``, pixels.
        num_points: How many points there are.
        threshold: The largest reprojection error of an inlier, pixels.
        least_angle: The least parallax of a point, degrees.

    Returns:
        The points that at least two inliers see in front of their cameras, and the inliers.
    """
    first, second = _pairs(point, num_points)
    if not len(first):
        return Triangulation(xy.new_full((num_points, 3), torch.nan), torch.zeros_like(point, dtype=torch.bool))
    count = len(first)
    trial = torch.arange(count).repeat(2)
    both = torch.cat([first, second])
    tried = triangulate(rotations, translations, camera[both], trial, xy[both], count)
    angles = ray_angles(rotations, translations, tried, camera[both], trial)
    support, error = _support(rotations, translations, tried, camera, point, xy, focal, point[first], threshold)
    support = torch.where(angles.rad2deg() >= least_angle, support, 0)
    best = _best(support, error, point[first], num_points)
    found = torch.where(
        ((best >= 0) & (support[best] >= 2))[:, None], tried[best], torch.full((), torch.nan, dtype=xy.dtype)
    )
    inliers = _inliers(rotations, translations, found, camera, point, xy, focal, threshold)
    for _ in range(2):
        refined = triangulate(rotations, translations, camera[inliers], point[inliers], xy[inliers], num_points)
        again = _inliers(rotations, translations, refined, camera, point, xy, focal, threshold)
        more = _counts(again, point, num_points) >= _counts(inliers, point, num_points)
        found = torch.where(more[:, None], refined, found)
        inliers = torch.where(more[point], again, inliers)
    enough = (_counts(inliers, point, num_points) >= 2) & found.isfinite().all(1)
    return Triangulation(torch.where(enough[:, None], found, torch.nan), inliers & enough[point])


def _counts(inliers: Tensor, point: Tensor, num_points: int) -> Tensor:
    return torch.bincount(point[inliers], minlength=num_points)


def _inliers(
    rotations: Tensor, translations: Tensor, points: Tensor, camera: Tensor, point: Tensor, xy: Tensor, focal: Tensor,
    threshold: float,
) -> Tensor:  # fmt: skip
    residuals, depth = reprojection_residuals(rotations, translations, points, camera, point, xy, focal)
    near: Tensor = residuals.norm(dim=1) <= threshold
    return near & (depth > 0)


def _pairs(point: Tensor, num_points: int) -> tuple[Tensor, Tensor]:
    """Positions (a, b) of pairs of observations of one point, at most `_MOST_PAIRS` of each."""
    counts = torch.bincount(point, minlength=num_points)
    starts = counts.cumsum(0) - counts
    first, second = [], []
    for size in counts.unique().tolist():
        if size < 2:
            continue
        a, b = torch.triu_indices(size, size, 1)
        if len(a) > _MOST_PAIRS:
            pick = torch.linspace(0, len(a) - 1, _MOST_PAIRS).round().long()
            order = torch.argsort((b - a) * len(a) + a, descending=True)
            a, b = a[order[pick]], b[order[pick]]
        start = starts[counts == size][:, None]
        first.append((start + a).flatten())
        second.append((start + b).flatten())
    empty = point.new_zeros(0)
    return torch.cat([empty, *first]), torch.cat([empty, *second])


def _support(
    rotations: Tensor, translations: Tensor, tried: Tensor, camera: Tensor, point: Tensor, xy: Tensor, focal: Tensor,
    owner: Tensor, threshold: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """For each trial the number of observations of its point that agree, and the sum of their truncated errors."""
    counts = torch.bincount(point, minlength=int(owner.max()) + 1)
    starts = counts.cumsum(0) - counts
    sizes = counts[owner]
    trial = torch.repeat_interleave(torch.arange(len(owner)), sizes)
    within = torch.arange(len(trial)) - (sizes.cumsum(0) - sizes)[trial]
    seen = starts[owner][trial] + within
    residuals, depth = reprojection_residuals(
        rotations, translations, tried, camera[seen], trial, xy[seen], focal[seen]
    )
    size = torch.where(depth > 0, residuals.norm(dim=1), torch.inf).nan_to_num(torch.inf, torch.inf)
    agree = size <= threshold
    support = torch.bincount(trial[agree], minlength=len(owner))
    return support, size.new_zeros(len(owner)).index_add_(0, trial, size.clamp(max=threshold))


def _best(support: Tensor, error: Tensor, owner: Tensor, num_points: int) -> Tensor:
    """``(num_points,)``, the trial of most support (of least error among equals) of each point; -1 for none."""
    order = torch.argsort(error, stable=True)
    order = order[torch.argsort(support[order], descending=True, stable=True)]
    order = order[torch.argsort(owner[order], stable=True)]
    best = torch.full((num_points,), -1)
    leads = torch.ones(len(order), dtype=torch.bool)
    leads[1:] = owner[order][1:] != owner[order][:-1]
    best[owner[order][leads]] = order[leads]
    return best
