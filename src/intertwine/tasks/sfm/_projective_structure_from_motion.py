"""Projective structure from motion: from tracks without intrinsics to projective cameras and points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data.tracks import Tracks
from intertwine.tasks.sfm._network_start import NETWORK_FAILED, NetworkStart
from intertwine.tasks.sfm._projective_reconstruction import ProjectiveReconstruction
from intertwine.tasks.sfm.mapping import (
    LEAST_AGREEMENT,
    CanonicalTracks,
    ProjectiveMapper,
    UncalibratedPair,
    clean,
    network_input,
    network_projections,
    of_order_one,
    require_opencv,
    uncalibrated_pairs,
    verified_rows,
)

_FLAT = 0.9
_STARTS = 5
_FRAME = "cameras and points are known up to a projective transformation of space: no metric scale, no angles"


@dataclass(frozen=True)
class ProjectiveScene:
    """All that was reconstructed from the tracks of a scene.

    Attributes:
        tracks: The tracks.
        parts: One reconstruction for each connected part, the largest first, each in a projective frame of its own.
        remarks: What was left out and why, a sentence each.
    """

    tracks: Tracks
    parts: tuple[ProjectiveReconstruction, ...]
    remarks: tuple[str, ...]


def projective_structure_from_motion(
    tracks: Tracks,
    *,
    threshold: float = 4.0,
    network: NetworkStart | None = None,
    progress: ProgressCallback = no_progress,
) -> ProjectiveScene:
    """Projective cameras and points of a scene from its tracks alone; the intrinsics are not used.

    From the fundamental matrix of the best pair on one camera after the other (six points, RANSAC), each time with
    triangulation, robust bundle adjustment over all 3 x 4 matrices, and rejection of observations. The frame is chosen
    so that points are finite and before their cameras. What remains is begun anew, so that each connected part of the
    scene is solved.

    Args:
        tracks: The tracks.
        threshold: The largest reprojection error of an observation that agrees, pixels.
        network: A network with projective cameras that gives the first matrices of all cameras, instead of the best
            pair; where it fails, the best pair is taken after all, which is said.
        progress: Called with the number of cameras done, and all of them.

    Raises:
        UsageError: The scene cannot be reconstructed; the message says why.

    Law:
        Permuted cameras and points give the same answer, permuted.

    Reference: Hartley, Zisserman, Multiple View Geometry, 2004, Chapters 9, 12 and 18.
    """
    require_opencv()
    if network is not None and network.network is not None and network.network.cameras != "projective":
        raise UsageError("projective cameras need a network with projective cameras; this one's are calibrated")
    canonical = clean(tracks)
    given = of_order_one(canonical.tracks)
    pairs = uncalibrated_pairs(given, threshold / 2)
    _check(pairs)
    left = torch.ones(tracks.num_cameras, dtype=torch.bool)
    parts, remarks = [], [*canonical.remarks, _FRAME]
    while starts := _starts(pairs, left):
        mapper, method = None, "network"
        if network is not None:
            mapper = _reconstruct_by_network(given, pairs, left, threshold, network)
            remarks += [NETWORK_FAILED] if mapper is None else []
        if mapper is None:
            mapper, method = _reconstruct(given, starts, left, threshold), "geometry"
        if mapper is None:
            break
        left &= ~mapper.registered
        parts.append(_restored(tracks, canonical, given, mapper, method))
        progress(int((~left).sum()), tracks.num_cameras)
    if not parts:
        raise UsageError("the observations do not agree with any cameras: nothing reconstructed")
    parts.sort(key=lambda part: -int(part.inliers.sum()))
    lost = left & (torch.bincount(given.camera, minlength=tracks.num_cameras) > 0)  # those that see nothing are named
    remarks += _lost(tracks, canonical.cameras[lost], [(canonical.cameras[[*pair[:2]]], pair.flat) for pair in pairs])
    return ProjectiveScene(tracks, tuple(parts), tuple(remarks))


def _check(pairs: list[UncalibratedPair]) -> None:
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


def _lost(tracks: Tracks, lost: Tensor, pairs: list[tuple[Tensor, float]]) -> list[str]:
    """Remarks on cameras that are in no part."""
    flat = torch.cat([torch.empty(0, dtype=torch.int64), *(ends for ends, share in pairs if share > _FLAT)])
    remarks = []
    for chosen, reason in (
        (lost[torch.isin(lost, flat)], "a homography explains what they see, a plane or a rotation"),
        (lost[~torch.isin(lost, flat)], "too few observations agree"),
    ):
        names = ", ".join(tracks.names[i] for i in chosen.sort().values.tolist())
        remarks += [f"not reconstructed, {reason}: {names}"] if names else []
    return remarks


def _starts(pairs: list[UncalibratedPair], left: Tensor) -> list[UncalibratedPair]:
    usable = [pair for pair in pairs if bool(left[pair.first]) and bool(left[pair.second]) and pair.flat <= _FLAT]
    return usable[:_STARTS]


def _reconstruct(
    tracks: Tracks, starts: list[UncalibratedPair], left: Tensor, threshold: float
) -> ProjectiveMapper | None:
    """The reconstruction from the first pair that holds."""
    for pair in starts:
        mapper = ProjectiveMapper(tracks, threshold)
        mapper.start(pair)
        mapper.grow(left)
        mapper.finish()
        if bool(mapper.inliers.any()):
            mapper.to_finite()
            return mapper
    return None


def _reconstruct_by_network(
    tracks: Tracks, pairs: list[UncalibratedPair], left: Tensor, threshold: float, start: NetworkStart
) -> ProjectiveMapper | None:
    """The reconstruction from the cameras of a network, None where too few observations agree."""
    rows = verified_rows(tracks, pairs, left)
    given = network_input(tracks, rows)
    projections = network_projections(given, start.network, start.steps, start.seed, "projective")
    mapper = ProjectiveMapper(tracks, threshold)
    if not mapper.start_from(given.cameras, projections):
        return None
    mapper.grow(left)
    mapper.finish()
    if float(mapper.inliers[rows].double().mean()) < LEAST_AGREEMENT:
        return None
    mapper.to_finite()
    return mapper


def _restored(
    tracks: Tracks, canonical: CanonicalTracks, given: Tracks, mapper: ProjectiveMapper, method: str
) -> ProjectiveReconstruction:
    """The reconstruction in pixels, in the order of the tracks as they were given."""
    projections = torch.full((tracks.num_cameras, 3, 4), torch.nan, dtype=torch.float64)
    points = torch.full((tracks.num_points, 3), torch.nan, dtype=torch.float64)
    inliers = torch.zeros(len(tracks.camera), dtype=torch.bool)
    found = given.intrinsics @ mapper.projections
    projections[canonical.cameras] = found / found[:, 2:, :3].norm(dim=2, keepdim=True)
    points[canonical.points] = mapper.points[:, :3] / mapper.points[:, 3:]
    inliers[canonical.observations] = mapper.inliers
    return ProjectiveReconstruction(tracks, projections, points, inliers, method)
