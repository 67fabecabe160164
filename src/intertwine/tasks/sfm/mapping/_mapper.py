"""Incremental reconstruction: a first pair, cameras by perspective-n-point, triangulation, bundle adjustment."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.data.tracks import Tracks
from intertwine.ops.cameras import bundle_adjustment, ray_angles, reprojection_residuals, robust_triangulation
from intertwine.tasks.sfm.mapping._two_view import LEAST_MATCHES, CameraPair

_LEAST_SHARE = 0.1


class Mapper:
    """Poses and points of one reconstruction while it grows.

    Args:
        tracks: In canonical order, sorted by points.
        threshold: The largest reprojection error of an inlier, pixels.
        least_angle: The least parallax of a point, degrees.
    """

    def __init__(self, tracks: Tracks, threshold: float = 4.0, least_angle: float = 1.5) -> None:
        self.tracks, self.threshold, self.least_angle = tracks, threshold, least_angle
        self.xy, self.focal = tracks.normalized(), tracks.focal()
        nan = torch.nan
        self.rotations = torch.full((tracks.num_cameras, 3, 3), nan, dtype=torch.float64)
        self.translations = torch.full((tracks.num_cameras, 3), nan, dtype=torch.float64)
        self.points = torch.full((tracks.num_points, 3), nan, dtype=torch.float64)
        self.inliers = torch.zeros(len(tracks.camera), dtype=torch.bool)
        self._noted: list[Tensor] = []

    @property
    def registered(self) -> Tensor:
        """``(cameras,)`` bool."""
        return self.translations.isfinite().all(1)

    @property
    def triangulated(self) -> Tensor:
        """``(points,)`` bool."""
        return self.points.isfinite().all(1)

    def set_poses(self, cameras: Tensor, rotations: Tensor, translations: Tensor) -> None:
        """Give poses to cameras."""
        self.rotations[cameras], self.translations[cameras] = rotations, translations

    def start(self, pair: CameraPair) -> bool:
        """Begin with two cameras; False if too few points come of it."""
        cameras = torch.tensor([pair.first, pair.second])
        identity = torch.eye(3, dtype=torch.float64)
        self.set_poses(
            cameras,
            torch.stack([identity, pair.rotation]),
            torch.stack([torch.zeros(3, dtype=torch.float64), pair.translation]),
        )
        self.triangulate()
        self.note_errors(cameras)
        self.adjust(20, 1e-4)
        return int(self.triangulated.sum()) >= LEAST_MATCHES

    def grow(self, allowed: Tensor) -> None:
        """Register cameras, those first that see most of the points, until no more can be.

        Args:
            allowed: ``(cameras,)`` bool.
        """
        failed = torch.zeros_like(allowed)
        while True:
            seen = self.triangulated[self.tracks.point]
            counts = torch.bincount(self.tracks.camera[seen], minlength=self.tracks.num_cameras)
            counts = torch.where(allowed & ~self.registered & ~failed, counts, 0)
            most = int(counts.max())
            if most < LEAST_MATCHES:
                return
            batch = (counts >= max(0.75 * most, LEAST_MATCHES)).nonzero()[:, 0].tolist()
            done = [number for number in batch if self.register(number)]
            failed[[number for number in batch if number not in done]] = True
            if done:
                self.triangulate()
                self.note_errors(torch.tensor(done))
                self.adjust(8, 1e-3)
                self.triangulate()
                failed[:] = False

    def register(self, number: int) -> bool:
        """Find the pose of a camera from the points it sees; False if too few of them agree."""
        import cv2

        rows = ((self.tracks.camera == number) & self.triangulated[self.tracks.point]).nonzero()[:, 0]
        points, xy = self.points[self.tracks.point[rows]].numpy(), self.xy[rows].numpy()
        size = 2 * self.threshold / float(self.focal[rows[0]].mean())
        cv2.setRNGSeed(0)
        try:
            good, vector, translation, inliers = cv2.solvePnPRansac(
                points, xy, np.eye(3), None, iterationsCount=5000, reprojectionError=size, confidence=0.9999,
                flags=cv2.SOLVEPNP_AP3P,
            )  # fmt: skip
        except cv2.error:
            return False
        if not good or inliers is None or len(inliers) < max(LEAST_MATCHES, _LEAST_SHARE * len(rows)):
            return False
        chosen = inliers[:, 0].astype(np.int64)
        pose = _better_pose(points[chosen], xy[chosen], (vector, translation), size)
        return self._refine_pose(number, *pose, rows[torch.from_numpy(chosen)])

    def _refine_pose(self, number: int, rotation: Tensor, translation: Tensor, rows: Tensor) -> bool:
        points = self.points[self.tracks.point[rows]]
        front = (points @ rotation[2] + translation[2]) > 0
        rows, points = rows[front], points[front]
        if len(rows) < LEAST_MATCHES:
            return False
        zeros = torch.zeros(len(rows), dtype=torch.int64)
        solved = bundle_adjustment(
            rotation[None], translation[None], points, zeros, torch.arange(len(rows)), self.xy[rows],
            self.focal[rows], max_iterations=20, fixed_points=True,
        )  # fmt: skip
        self.set_poses(torch.tensor([number]), solved.rotations, solved.translations)
        return True

    def triangulate(self, *, again: bool = False) -> None:
        """Find points from registered cameras, and the observations that agree with them.

        Args:
            again: Whether points that there are already are found anew.
        """
        tracks = self.tracks
        if again:
            self.points[:] = torch.nan
        rows = (self.registered[tracks.camera] & ~self.triangulated[tracks.point]).nonzero()[:, 0]
        if len(rows):
            numbers, point = tracks.point[rows].unique_consecutive(return_inverse=True)
            found = robust_triangulation(
                self.rotations, self.translations, tracks.camera[rows], point, self.xy[rows], self.focal[rows],
                len(numbers), threshold=self.threshold, least_angle=self.least_angle,
            )  # fmt: skip
            self.points[numbers] = found.points
        self.filter()

    def note_errors(self, cameras: Tensor) -> None:
        """Keep the reprojection errors that the observations of these cameras have now, for `start_error`."""
        rows = (self.inliers & torch.isin(self.tracks.camera, cameras)).nonzero()[:, 0]
        self._noted.append(self._residuals(rows)[0].norm(dim=1))

    @property
    def start_error(self) -> float:
        """The mean of the errors that were noted, pixels."""
        return float(torch.cat(self._noted).mean())

    def _residuals(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return reprojection_residuals(
            self.rotations, self.translations, self.points, self.tracks.camera[rows], self.tracks.point[rows],
            self.xy[rows], self.focal[rows],
        )  # fmt: skip

    def filter(self) -> None:
        """Leave out observations of large error, then points of fewer than two cameras or of too little parallax."""
        tracks = self.tracks
        residuals, depth = self._residuals(torch.arange(len(tracks.camera)))
        error = torch.where(depth > 0, residuals.norm(dim=1), torch.inf).nan_to_num(torch.inf, torch.inf)
        rows = (error <= self.threshold).nonzero()[:, 0]
        camera, point = tracks.camera[rows], tracks.point[rows]
        views = torch.unique(point * tracks.num_cameras + camera) // tracks.num_cameras
        angles = ray_angles(self.rotations, self.translations, self.points, camera, point).rad2deg()
        count = torch.bincount(views, minlength=tracks.num_points)
        good = (count >= 2) & (angles >= self.least_angle)
        self.points[~good] = torch.nan
        self.inliers[:] = False
        self.inliers[rows[good[point]]] = True

    def adjust(self, max_iterations: int, tolerance: float) -> None:
        """Bundle adjustment of all that is there, then the filter."""
        rows = self.inliers.nonzero()[:, 0]
        if not len(rows):
            return
        cameras, camera = self.tracks.camera[rows].unique(return_inverse=True)
        points, point = self.tracks.point[rows].unique_consecutive(return_inverse=True)
        solved = bundle_adjustment(
            self.rotations[cameras], self.translations[cameras], self.points[points], camera, point, self.xy[rows],
            self.focal[rows], max_iterations=max_iterations, tolerance=tolerance,
        )  # fmt: skip
        self.set_poses(cameras, solved.rotations, solved.translations)
        self.points[points] = solved.points
        self.filter()

    def finish(self, rounds: int = 4) -> None:
        """Triangulate everything anew, adjust and filter, until the observations that agree no longer change."""
        for _ in range(rounds):
            before = self.inliers.clone()
            self.triangulate(again=True)
            self.adjust(30, 1e-5)
            if int((before != self.inliers).sum()) <= 1e-3 * len(before):
                break
        self.adjust(50, 1e-7)
        self.drop_lost_cameras()

    def drop_lost_cameras(self) -> None:
        """Cameras with too few observations that agree have no pose."""
        counts = torch.bincount(self.tracks.camera[self.inliers], minlength=self.tracks.num_cameras)
        self.drop_cameras(counts < LEAST_MATCHES)

    def drop_cameras(self, cameras: Tensor) -> None:
        """Take away the poses of these cameras, ``(cameras,)`` bool, and filter."""
        lost = self.registered & cameras
        if bool(lost.any()):
            self.rotations[lost], self.translations[lost] = torch.nan, torch.nan
            self.filter()


def _better_pose(
    points: np.ndarray, xy: np.ndarray, found: tuple[np.ndarray, np.ndarray], size: float
) -> tuple[Tensor, Tensor]:
    """A pose from RANSAC, or that of the least algebraic error where more observations agree with it.

    OpenCV ends RANSAC with EPnP, which may be far off where points lie on a plane.

    Reference: Terzakis, Lourakis, A Consistently Fast and Globally Optimal Solution to the Perspective-n-Point Problem,
        ECCV 2020.
    """
    import cv2

    good, *other = cv2.solvePnP(points, xy, np.eye(3), None, flags=cv2.SOLVEPNP_SQPNP)
    poses = [(cv2.Rodrigues(turn)[0], shift[:, 0]) for turn, shift in (found, *([other] if good else []))]
    agree = []
    for rotation, translation in poses:
        seen = points @ rotation.T + translation
        error = np.linalg.norm(seen[:, :2] / np.maximum(seen[:, 2:], 1e-9) - xy, axis=1)
        agree.append(int((error <= size).sum()))
    rotation, translation = poses[int(np.argmax(agree))]
    return torch.from_numpy(rotation), torch.from_numpy(translation)
