"""Projective structure from motion: from tracks without intrinsics to projective cameras and points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks import Tracks
from intertwine.tasks.sfm._network_start import NETWORK_FAILED, NetworkStart
from intertwine.tasks.sfm.mapping import (
    LEAST_AGREEMENT,
    ProjectiveMapper,
    UncalibratedPair,
    clean,
    joined_cameras,
    network_input,
    network_projections,
    require_opencv,
    uncalibrated_pairs,
    verified_rows,
)

_FLAT = 0.9
_FRAME = "cameras and points are known up to a projective transformation of space: no metric scale, no angles"


@dataclass(frozen=True)
class ProjectiveScene:
    """Projective cameras and points of a scene; NaN for what is not in it.

    Attributes:
        tracks: What it was made from.
        projections: ``(cameras, 3, 4)`` float64, ``x -> P (x, 1)`` to homogeneous pixels; the first three numbers of
            the third row have norm one.
        points: ``(points, 3)``.
        inliers: ``(N,)`` bool, the observations that agree.
        remarks: What was left out and why, a sentence each.
        method: What gave the start of the bundle adjustment: "geometry" or "network".
    """

    tracks: Tracks
    projections: Tensor
    points: Tensor
    inliers: Tensor
    remarks: tuple[str, ...]
    method: str = "geometry"

    @property
    def registered(self) -> Tensor:
        """``(cameras,)`` bool, the cameras in it."""
        return self.projections.isfinite().all((1, 2))

    @property
    def reprojection_error(self) -> float:
        """The mean over inliers of the distance between projection and observation, pixels."""
        camera, point = self.tracks.camera[self.inliers], self.tracks.point[self.inliers]
        matrices = self.projections[camera]
        seen = (matrices[:, :, :3] @ self.points[point, :, None])[..., 0] + matrices[:, :, 3]
        return float((seen[:, :2] / seen[:, 2:] - self.tracks.xy[self.inliers]).norm(dim=1).mean())


def projective_structure_from_motion(
    tracks: Tracks, *, threshold: float = 4.0, network: NetworkStart | None = None
) -> ProjectiveScene:
    """Projective cameras and points of a scene from its tracks alone; the intrinsics are not used.

    From the fundamental matrix of the best pair on one camera after the other (six points, RANSAC), each time with
    triangulation, robust bundle adjustment over all 3 x 4 matrices, and rejection of observations. The frame is chosen
    so that points are finite and before their cameras.

    Args:
        tracks: The tracks.
        threshold: The largest reprojection error of an observation that agrees, pixels.
        network: A network with projective cameras that gives the first matrices of all cameras, instead of the best
            pair; where it fails, the best pair is taken after all, which is said.

    Raises:
        UsageError: The scene cannot be reconstructed; the message says why.

    Law:
        Permuted cameras and points give the same answer, permuted.

    Reference: Hartley, Zisserman, Multiple View Geometry, 2004, Chapters 9, 12 and 18.
    """
    require_opencv()
    canonical = clean(tracks)
    given = _of_order_one(canonical.tracks)
    pairs = uncalibrated_pairs(given, threshold / 2)
    if not pairs:
        raise UsageError(
            "no two cameras share enough points that agree with a fundamental matrix: nothing to reconstruct; are the "
            "tracks of one scene?"
        )
    if all(pair.flat > _FLAT for pair in pairs):
        raise UsageError(
            "a homography explains what each pair of cameras sees: the points lie on a plane, or the camera rotates at "
            "one place; projective cameras need depth and a camera that moves"
        )
    remarks = [*canonical.remarks, _FRAME]
    mapper = None if network is None else _reconstruct_by_network(given, pairs, threshold, network)
    method = "geometry" if mapper is None else "network"
    if mapper is None:
        if network is not None:
            remarks.append(NETWORK_FAILED)
        mapper = ProjectiveMapper(given, threshold)
        mapper.start(pairs[0])
        mapper.grow()
        mapper.finish()
    if not bool(mapper.inliers.any()):
        raise UsageError("the observations do not agree with any cameras: nothing reconstructed")
    mapper.to_finite()
    projections = torch.full((tracks.num_cameras, 3, 4), torch.nan, dtype=torch.float64)
    points = torch.full((tracks.num_points, 3), torch.nan, dtype=torch.float64)
    inliers = torch.zeros(len(tracks.camera), dtype=torch.bool)
    found = given.intrinsics @ mapper.projections
    projections[canonical.cameras] = found / found[:, 2:, :3].norm(dim=2, keepdim=True)
    points[canonical.points] = mapper.points[:, :3] / mapper.points[:, 3:]
    inliers[canonical.observations] = mapper.inliers
    remarks += _lost(tracks, projections, canonical.cameras[sorted(joined_cameras([pair[:2] for pair in pairs]))])
    return ProjectiveScene(tracks, projections, points, inliers, tuple(remarks), method)


def _lost(tracks: Tracks, projections: Tensor, joined: Tensor) -> list[str]:
    """Remarks on cameras that are not in the reconstruction."""
    lost = ~projections.isfinite().all((1, 2))
    apart = torch.ones_like(lost)
    apart[joined] = False
    seen = torch.bincount(tracks.camera, minlength=tracks.num_cameras) > 0
    remarks = []
    for chosen, reason in (
        (lost & apart & seen, "of another part of the scene, no points in common; give its tracks alone"),
        (lost & ~(apart & seen), "too few observations agree"),
    ):
        names = ", ".join(tracks.names[i] for i in chosen.nonzero()[:, 0].tolist())
        remarks += [f"not reconstructed, {reason}: {names}"] if names else []
    return remarks


def _reconstruct_by_network(
    tracks: Tracks, pairs: list[UncalibratedPair], threshold: float, start: NetworkStart
) -> ProjectiveMapper | None:
    """The reconstruction from the cameras of a network, None where too few observations agree."""
    if start.network is not None and start.network.cameras != "projective":
        raise UsageError("projective cameras need a network with projective cameras; this one's are calibrated")
    rows = verified_rows(tracks, pairs, torch.ones(tracks.num_cameras, dtype=torch.bool))
    given = network_input(tracks, rows)
    projections = network_projections(given, start.network, start.steps, start.seed, "projective")
    mapper = ProjectiveMapper(tracks, threshold)
    if not mapper.start_from(given.cameras, projections):
        return None
    mapper.grow()
    mapper.finish()
    return mapper if float(mapper.inliers[rows].double().mean()) >= LEAST_AGREEMENT else None


def _of_order_one(tracks: Tracks) -> Tracks:
    """The same tracks with matrices K that bring each image to zero mean and a mean distance of the root of two.

    Reference: Hartley, In Defense of the Eight-Point Algorithm, 1997.
    """
    count = torch.bincount(tracks.camera, minlength=tracks.num_cameras).clamp_min(1).double()
    middle = torch.zeros(tracks.num_cameras, 2, dtype=torch.float64)
    middle = middle.index_add_(0, tracks.camera, tracks.xy) / count[:, None]
    distance = (tracks.xy - middle[tracks.camera]).norm(dim=1)
    scale = torch.zeros_like(count).index_add_(0, tracks.camera, distance) / count / 2**0.5
    matrices = torch.diag_embed(torch.stack([scale, scale, torch.ones_like(scale)], 1))
    matrices[:, :2, 2] = middle
    return tracks.replaced(intrinsics=torch.where((scale > 0)[:, None, None], matrices, torch.eye(3).double()))
