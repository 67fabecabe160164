"""Incremental reconstruction without intrinsics: fundamental matrix, resection, triangulation, bundle adjustment."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine.data.tracks import Tracks
from intertwine.ops.cameras import (
    projective_bundle_adjustment,
    projective_resection,
    projective_residuals,
    projective_triangulation,
)
from intertwine.tasks.sfm.mapping._two_view import LEAST_MATCHES, WIDENING

_SAMPLES = 2000
_ROUNDS = 4


class UncalibratedPair(NamedTuple):
    """Two cameras and the points that agree with a fundamental matrix.

    Attributes:
        first: A camera.
        second: Another.
        fundamental: ``(3, 3)`` float64, in pixels: ``x_2^T F x_1 = 0``.
        inliers: The points that agree.
        flat: The share of them that agree with a homography.
    """

    first: int
    second: int
    fundamental: Tensor
    inliers: Tensor
    flat: float


def uncalibrated_pairs(tracks: Tracks, threshold: float) -> list[UncalibratedPair]:
    """The pairs of cameras that share enough points which agree with a fundamental matrix, the best first.

    Args:
        tracks: In canonical order.
        threshold: The largest distance from the epipolar line, pixels.
    """
    import cv2

    table = torch.full((tracks.num_cameras, tracks.num_points), -1)
    table[tracks.camera, tracks.point] = torch.arange(len(tracks.camera))
    pairs = []
    for first, second in combinations(range(tracks.num_cameras), 2):
        points = ((table[first] >= 0) & (table[second] >= 0)).nonzero()[:, 0]
        if len(points) < LEAST_MATCHES:
            continue
        a, b = (tracks.xy[table[number, points]].numpy() for number in (first, second))
        cv2.setRNGSeed(0)
        matrix, kept = cv2.findFundamentalMat(a, b, cv2.USAC_MAGSAC, threshold, 0.9999, 5000)
        if matrix is None or matrix.shape != (3, 3) or int(kept.sum()) < LEAST_MATCHES:
            continue
        good = kept[:, 0].astype(bool)
        _, same = cv2.findHomography(a[good], b[good], cv2.USAC_MAGSAC, threshold)
        flat = 1.0 if same is None else float(same.mean())
        pairs.append(UncalibratedPair(first, second, torch.from_numpy(matrix), points[torch.from_numpy(good)], flat))
    return sorted(pairs, key=lambda pair: -len(pair.inliers) * (1 - pair.flat))


class ProjectiveMapper:
    """Projective cameras and points of one reconstruction while it grows.

    Args:
        tracks: In canonical order; its matrices K bring observations to the order of one.
        threshold: The largest reprojection error of an inlier, pixels.
    """

    def __init__(self, tracks: Tracks, threshold: float) -> None:
        self.tracks, self.threshold = tracks, threshold
        self.xy, self.focal = tracks.normalized(), tracks.focal()
        self.projections = torch.full((tracks.num_cameras, 3, 4), torch.nan, dtype=torch.float64)
        self.points = torch.full((tracks.num_points, 4), torch.nan, dtype=torch.float64)
        self.inliers = torch.zeros(len(tracks.camera), dtype=torch.bool)

    @property
    def registered(self) -> Tensor:
        """``(cameras,)`` bool."""
        return self.projections[:, 0, 0].isfinite()

    @property
    def triangulated(self) -> Tensor:
        """``(points,)`` bool."""
        return self.points[:, 0].isfinite()

    def start(self, pair: UncalibratedPair) -> None:
        """Begin with two cameras: (I | 0) and ([e]_x F | e).

        Reference: Hartley, Zisserman, Multiple View Geometry, 2004, result 9.14.
        """
        k1, k2 = self.tracks.intrinsics[[pair.first, pair.second]]
        matrix = k2.T @ pair.fundamental @ k1
        matrix = matrix / matrix.norm()
        epipole = torch.linalg.svd(matrix).U[:, 2]
        self.projections[pair.first] = torch.eye(3, 4, dtype=torch.float64)
        left = torch.linalg.cross(epipole.expand(3, 3), matrix.T).T
        self.projections[pair.second] = torch.cat([left, epipole[:, None]], 1)
        self.adjust(20, 1e-4)

    def start_from(self, cameras: Tensor, projections: Tensor) -> bool:
        """Begin with many cameras, adjusted under a threshold that is lowered step by step.

        Args:
            cameras: ``(m,)``, their numbers.
            projections: ``(m, 3, 4)``.

        Returns:
            Whether at least half of them see enough points that agree.
        """
        threshold = self.threshold
        self.projections[cameras] = projections
        for wide in WIDENING:
            self.threshold = wide * threshold
            self.adjust(20, 1e-3)
        self.threshold = threshold
        self.filter()
        self.drop_lost_cameras()
        return 2 * int(self.registered.sum()) >= len(cameras) and bool(self.triangulated.any())

    def grow(self, allowed: Tensor) -> None:
        """Register cameras, those first that see most of the points, until no more can be.

        Args:
            allowed: ``(cameras,)`` bool.
        """
        failed = torch.zeros_like(self.registered)
        while True:
            seen = self.triangulated[self.tracks.point]
            counts = torch.bincount(self.tracks.camera[seen], minlength=self.tracks.num_cameras)
            counts = torch.where(allowed & ~self.registered & ~failed, counts, 0)
            number = int(counts.argmax())
            if int(counts[number]) < LEAST_MATCHES:
                return
            if self._register(number):
                self.adjust(10, 1e-3)
                failed[:] = False
            else:
                failed[number] = True

    def _register(self, number: int) -> bool:
        """Find a camera from the points it sees, by samples of six of them; False if too few agree."""
        rows = ((self.tracks.camera == number) & self.triangulated[self.tracks.point]).nonzero()[:, 0]
        points, xy, focal = self.points[self.tracks.point[rows]], self.xy[rows], self.focal[rows]
        generator = torch.Generator().manual_seed(number)
        samples = torch.rand(_SAMPLES, len(rows), generator=generator).topk(6, 1).indices
        cameras = projective_resection(points[samples], xy[samples])
        seen = torch.einsum("sij,nj->sni", cameras, points)
        good = (focal * (seen[..., :2] / seen[..., 2:] - xy)).norm(dim=-1) <= self.threshold
        kept = good[int(good.sum(1).argmax())]
        for _ in range(3):
            if int(kept.sum()) < LEAST_MATCHES:
                return False
            camera = projective_resection(points[kept], xy[kept])
            own = torch.zeros(len(rows), dtype=torch.int64)
            error = projective_residuals(camera[None], points, own, torch.arange(len(rows)), xy, focal).norm(dim=1)
            kept = error <= 2 * self.threshold
        self.projections[number] = camera
        return True

    def adjust(self, max_iterations: int, tolerance: float) -> None:
        """Triangulate, then bundle adjustment of all that agrees."""
        self.triangulate()
        rows = self.inliers.nonzero()[:, 0]
        if not len(rows):
            return
        cameras, camera = self.tracks.camera[rows].unique(return_inverse=True)
        points, point = self.tracks.point[rows].unique(return_inverse=True)
        solved = projective_bundle_adjustment(
            self.projections[cameras], self.points[points], camera, point, self.xy[rows], self.focal[rows],
            max_iterations=max_iterations, tolerance=tolerance,
        )  # fmt: skip
        self.projections[cameras], self.points[points] = solved.projections, solved.points
        self.filter()

    def triangulate(self) -> None:
        """Find all points of registered cameras, leaving out the worst observation of a point that does not agree."""
        tracks = self.tracks
        rows = self.registered[tracks.camera].nonzero()[:, 0]
        for _ in range(_ROUNDS):
            point = tracks.point[rows]
            count = torch.bincount(point, minlength=tracks.num_points)
            found = projective_triangulation(
                self.projections, tracks.camera[rows], point, self.xy[rows], tracks.num_points
            )
            found[count < 2] = torch.nan
            self.points = found
            error = self._errors(rows)
            largest = error.new_zeros(tracks.num_points).scatter_reduce_(0, point, error, "amax")
            worst = (error > self.threshold) & (error >= largest[point]) & (count[point] > 2)
            if not bool(worst.any()):
                break
            rows = rows[~worst]
        self.filter()

    def _errors(self, rows: Tensor) -> Tensor:
        tracks = self.tracks
        residuals = projective_residuals(
            self.projections, self.points, tracks.camera[rows], tracks.point[rows], self.xy[rows], self.focal[rows]
        )
        errors: Tensor = residuals.norm(dim=1).nan_to_num(torch.inf, torch.inf)
        return errors

    def filter(self) -> None:
        """Leave out observations of large error, then points of fewer than two cameras."""
        tracks = self.tracks
        good = self._errors(torch.arange(len(tracks.camera))) <= self.threshold
        count = torch.bincount(tracks.point[good], minlength=tracks.num_points)
        self.inliers = good & (count[tracks.point] >= 2)
        self.points[count < 2] = torch.nan

    def finish(self) -> None:
        """Adjust and filter, until the observations that agree no longer change."""
        for _ in range(_ROUNDS):
            before = self.inliers.clone()
            self.adjust(30, 1e-5)
            if int((before != self.inliers).sum()) <= 1e-3 * len(before):
                break
        self.drop_lost_cameras()

    def drop_lost_cameras(self) -> None:
        """Cameras with too few observations that agree have no matrix."""
        counts = torch.bincount(self.tracks.camera[self.inliers], minlength=self.tracks.num_cameras)
        self.projections[counts < LEAST_MATCHES] = torch.nan
        self.filter()

    def to_finite(self) -> None:
        """Change the projective frame so that all points are finite and before their cameras, where there is such one.

        Signs of cameras and points are made equal along observations; then a plane that has all points on one side
        becomes the plane at infinity.

        Reference: Hartley, Zisserman, Multiple View Geometry, 2004, Sections 21.3 and 21.6.
        """
        from scipy.optimize import linprog

        tracks, rows = self.tracks, self.inliers.nonzero()[:, 0]
        camera, point = tracks.camera[rows], tracks.point[rows]
        depth = torch.einsum("nj,nj->n", self.projections[camera, 2], self.points[point]).sign()
        of_camera, of_point = torch.zeros(tracks.num_cameras).double(), torch.zeros(tracks.num_points).double()
        of_camera[camera[0]] = 1.0
        for _ in range(tracks.num_cameras):
            of_point = torch.zeros_like(of_point).index_add_(0, point, depth * of_camera[camera]).sign()
            of_camera = torch.zeros_like(of_camera).index_add_(0, camera, depth * of_point[point]).sign()
        self.projections *= torch.where(of_camera == 0, 1.0, of_camera)[:, None, None]
        self.points *= torch.where(of_point == 0, 1.0, of_point)[:, None]
        known = self.points[self.triangulated].numpy()
        known = known / np.linalg.norm(known, axis=1, keepdims=True)
        sides = np.concatenate([-known, np.ones((len(known), 1))], 1)
        found = linprog([0, 0, 0, 0, -1.0], sides, np.zeros(len(known)), bounds=[(-1, 1)] * 4 + [(None, 1)])
        plane = torch.from_numpy(found.x[:4]) if found.success and found.x[4] > 0 else torch.eye(4).double()[3]
        basis = torch.linalg.svd(plane[None] / plane.norm()).Vh
        change = torch.cat([basis[1:], plane[None]])
        self.points = self.points @ change.T
        self.projections = self.projections @ torch.linalg.inv(change)
