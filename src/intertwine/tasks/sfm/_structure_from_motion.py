"""Structure from motion: from tracks and intrinsics to cameras and points."""

from __future__ import annotations

from pathlib import Path

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data.tracks import Tracks, read_tracks
from intertwine.tasks.sfm._kept_solvers import OWN, adjusted_by, check_solver
from intertwine.tasks.sfm._network_start import NETWORK_FAILED, NetworkStart
from intertwine.tasks.sfm._reconstruction import Reconstruction, Scene
from intertwine.tasks.sfm.mapping import (
    LEAST_AGREEMENT,
    LEAST_MATCHES,
    WIDENING,
    CameraPair,
    CanonicalTracks,
    Mapper,
    camera_pairs,
    clean,
    counted,
    network_input,
    network_poses,
    require_opencv,
    verified_rows,
)

_STARTS = 5
_LEAST_PARALLAX = 1.0
_GOOD_PARALLAX = 12.0
_FLAT = 0.01


def structure_from_motion(
    scene: str | Path | Tracks,
    *,
    threshold: float = 4.0,
    network: NetworkStart | None = None,
    solver: str = OWN,
    progress: ProgressCallback = no_progress,
) -> Scene:
    """Cameras and points of a scene from its tracks and the intrinsics of its cameras.

    Relative poses of pairs of cameras (five points, RANSAC), then from the best pair on one camera after the other
    (three points, RANSAC), each time with triangulation, robust bundle adjustment and rejection of observations.
    What remains is begun anew, so that each connected part of the scene is solved.

    Args:
        scene: Tracks, or what `read_tracks` reads.
        threshold: The largest reprojection error of an observation that agrees, pixels.
        network: A network that gives the first poses of all cameras, instead of the best pair; where it fails (after
            bundle adjustment fewer than 75 % agree of the observations that agree with relative poses of pairs), the
            best pair is taken after all, which is said.
        solver: What does one more bundle adjustment at the end: "pycolmap" (Ceres, where it is installed) or "scipy";
            "intertwine" for none.
        progress: Called with the number of cameras done, and all of them.

    Raises:
        UsageError: The scene cannot be read or reconstructed; the message says why.

    Law:
        Permuted cameras and points give the same answer, permuted.
    """
    require_opencv()
    check_solver(solver)
    tracks = scene if isinstance(scene, Tracks) else read_tracks(scene)
    canonical = clean(tracks)
    pairs = camera_pairs(canonical.tracks)
    _check(canonical.tracks, pairs)
    left = torch.ones(tracks.num_cameras, dtype=torch.bool)
    parts = []
    remarks = list(canonical.remarks)
    while True:
        mapper, method = None, "geometry"
        if network is not None and _starts(pairs, left):
            mapper, method = _reconstruct_by_network(canonical.tracks, pairs, left, threshold, network), "network"
            if mapper is None:
                remarks.append(NETWORK_FAILED)
        if mapper is None:
            mapper, method = _reconstruct(canonical.tracks, pairs, left, threshold), "geometry"
        if mapper is None:
            break
        left &= ~mapper.registered
        parts.append(adjusted_by(solver, _restored(tracks, canonical, mapper, method)))
        progress(int((~left).sum()), tracks.num_cameras)
    if not parts:
        raise UsageError(
            "the pairs of cameras agree on too few points: nothing reconstructed; are tracks and intrinsics right?"
        )
    parts.sort(key=lambda part: -int(part.inliers.sum()))
    return Scene(tracks, tuple(parts), (*remarks, *_remarks(tracks, canonical, parts)))


def _check(tracks: Tracks, pairs: list[CameraPair]) -> None:
    if not pairs:
        raise UsageError(
            f"no two cameras share {LEAST_MATCHES} points that agree with a relative pose: nothing to reconstruct; are "
            "the tracks of one scene, and the intrinsics right?"
        )
    if all(pair.angle < _LEAST_PARALLAX for pair in pairs):
        raise UsageError(
            f"no pair of cameras sees its points with {_LEAST_PARALLAX:g} degree of parallax or more: the camera "
            "rotates at one place, or all points are far away; move the camera sideways between images"
        )


def _starts(pairs: list[CameraPair], left: torch.Tensor) -> list[CameraPair]:
    usable = [pair for pair in pairs if bool(left[pair.first]) and bool(left[pair.second])]
    wide = [pair for pair in usable if pair.angle >= _LEAST_PARALLAX]
    return sorted(wide, key=lambda pair: -pair.matches * min(pair.angle / _GOOD_PARALLAX, 1.0))[:_STARTS]


def _reconstruct(tracks: Tracks, pairs: list[CameraPair], left: torch.Tensor, threshold: float) -> Mapper | None:
    """The reconstruction of most cameras among some starts; the first that holds most of what is left is taken."""
    best = None
    for pair in _starts(pairs, left):
        mapper = Mapper(tracks, threshold)
        if not mapper.start(pair):
            continue
        mapper.grow(left)
        mapper.finish()
        if best is None or int(mapper.registered.sum()) > int(best.registered.sum()):
            best = mapper
        if int(best.registered.sum()) >= 0.9 * int(left.sum()):
            break
    return best if best is not None and int(best.registered.sum()) >= 2 else None


def _reconstruct_by_network(
    tracks: Tracks, pairs: list[CameraPair], left: torch.Tensor, threshold: float, start: NetworkStart
) -> Mapper | None:
    """The reconstruction from the poses of a network, adjusted under a threshold that is lowered step by step."""
    rows = verified_rows(tracks, pairs, left)
    given = network_input(tracks, rows)
    poses = network_poses(given, start.network, start.steps, start.seed)
    mapper = Mapper(tracks, threshold)
    mapper.set_poses(given.cameras, *poses)
    for wide in WIDENING:
        mapper.threshold = wide * threshold
        mapper.triangulate(again=True)
        if wide == WIDENING[0]:
            mapper.note_errors(given.cameras)
        mapper.adjust(20, 1e-3)
    mapper.threshold = threshold
    mapper.filter()
    mapper.drop_cameras(_strayed(mapper, rows))
    if 2 * int(mapper.registered.sum()) < len(given.cameras) or not bool(mapper.triangulated.any()):
        return None
    mapper.grow(left)
    mapper.finish()
    return mapper if float(mapper.inliers[rows].double().mean()) >= LEAST_AGREEMENT else None


def _strayed(mapper: Mapper, rows: torch.Tensor) -> torch.Tensor:
    """``(cameras,)`` bool, cameras of which fewer than half of these observations agree."""
    camera, count = mapper.tracks.camera[rows], mapper.tracks.num_cameras
    agree = torch.bincount(camera, mapper.inliers[rows].double(), minlength=count)
    return agree < 0.5 * torch.bincount(camera, minlength=count)


def _restored(tracks: Tracks, canonical: CanonicalTracks, mapper: Mapper, method: str) -> Reconstruction:
    """The reconstruction in the order of the tracks as they were given."""
    rotations = torch.full((tracks.num_cameras, 3, 3), torch.nan, dtype=torch.float64)
    translations = torch.full((tracks.num_cameras, 3), torch.nan, dtype=torch.float64)
    points = torch.full((tracks.num_points, 3), torch.nan, dtype=torch.float64)
    inliers = torch.zeros(len(tracks.camera), dtype=torch.bool)
    rotations[canonical.cameras], translations[canonical.cameras] = mapper.rotations, mapper.translations
    points[canonical.points] = mapper.points
    inliers[canonical.observations] = mapper.inliers
    return Reconstruction(tracks, rotations, translations, points, inliers, method, mapper.start_error)


def _remarks(tracks: Tracks, canonical: CanonicalTracks, parts: list[Reconstruction]) -> list[str]:
    remarks = []
    placed = torch.stack([part.points.isfinite().all(1) for part in parts]).any(0)
    wanted = torch.zeros(tracks.num_points, dtype=torch.bool)
    wanted[canonical.points] = True
    missing = int((wanted & ~placed).sum())
    if missing:
        remarks.append(f"{counted(missing, 'point')} without a position: too far away, or their observations disagree")
    for number, part in enumerate(parts):
        if part.flatness() < _FLAT:
            remarks.append(f"the points of part {number} lie on a plane: its poses are less certain than errors say")
    lost = ~torch.stack([part.registered for part in parts]).any(0)
    lost &= torch.bincount(tracks.camera[canonical.observations], minlength=tracks.num_cameras) > 0  # others are named
    names = [tracks.names[i] for i in lost.nonzero()[:, 0].tolist()]
    if names:
        remarks.append(f"not reconstructed, too few observations agree: {', '.join(names)}")
    return remarks
