"""Structure from motion: from tracks and intrinsics to cameras and points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data.tracks import Tracks, read_tracks
from intertwine.tasks.sfm._clean import CanonicalTracks, clean
from intertwine.tasks.sfm._mapper import Mapper
from intertwine.tasks.sfm._reconstruction import Reconstruction
from intertwine.tasks.sfm._two_view import LEAST_MATCHES, CameraPair, camera_pairs, require_opencv

_STARTS = 5
_LEAST_PARALLAX = 1.0
_GOOD_PARALLAX = 12.0
_FLAT = 0.01


@dataclass(frozen=True)
class Scene:
    """All that was reconstructed from the tracks of a scene.

    Attributes:
        tracks: The tracks.
        parts: One reconstruction for each connected part, the largest first.
        remarks: What was left out and why, a sentence each.
    """

    tracks: Tracks
    parts: tuple[Reconstruction, ...]
    remarks: tuple[str, ...]


def structure_from_motion(
    scene: str | Path | Tracks, *, threshold: float = 4.0, progress: ProgressCallback = no_progress
) -> Scene:
    """Cameras and points of a scene from its tracks and the intrinsics of its cameras.

    Relative poses of pairs of cameras (five points, RANSAC), then from the best pair on one camera after the other
    (three points, RANSAC), each time with triangulation, robust bundle adjustment and rejection of observations.
    What remains is begun anew, so that each connected part of the scene is solved.

    Args:
        scene: Tracks, or what `read_tracks` reads.
        threshold: The largest reprojection error of an observation that agrees, pixels.
        progress: Called with the number of cameras done, and all of them.

    Raises:
        UsageError: The scene cannot be read or reconstructed; the message says why.

    Law:
        Permuted cameras and points give the same answer, permuted.
    """
    require_opencv()
    tracks = scene if isinstance(scene, Tracks) else read_tracks(scene)
    canonical = clean(tracks)
    pairs = camera_pairs(canonical.tracks)
    _check(canonical.tracks, pairs)
    left = torch.ones(tracks.num_cameras, dtype=torch.bool)
    parts = []
    while (mapper := _reconstruct(canonical.tracks, pairs, left, threshold)) is not None:
        left &= ~mapper.registered
        parts.append(_restored(tracks, canonical, mapper))
        progress(int((~left).sum()), tracks.num_cameras)
    if not parts:
        raise UsageError(
            "the pairs of cameras agree on too few points: nothing reconstructed; are tracks and intrinsics right?"
        )
    parts.sort(key=lambda part: -int(part.inliers.sum()))
    return Scene(tracks, tuple(parts), (*canonical.remarks, *_remarks(tracks, parts)))


def _check(tracks: Tracks, pairs: list[CameraPair]) -> None:
    if not pairs:
        raise UsageError(
            f"no two cameras share {LEAST_MATCHES} points that agree with a relative pose: nothing to reconstruct; are "
            "the tracks of one scene, and the intrinsics right?"
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


def _restored(tracks: Tracks, canonical: CanonicalTracks, mapper: Mapper) -> Reconstruction:
    """The reconstruction in the order of the tracks as they were given."""
    rotations = torch.full((tracks.num_cameras, 3, 3), torch.nan, dtype=torch.float64)
    translations = torch.full((tracks.num_cameras, 3), torch.nan, dtype=torch.float64)
    points = torch.full((tracks.num_points, 3), torch.nan, dtype=torch.float64)
    inliers = torch.zeros(len(tracks.camera), dtype=torch.bool)
    rotations[canonical.cameras], translations[canonical.cameras] = mapper.rotations, mapper.translations
    points[canonical.points] = mapper.points
    inliers[canonical.observations] = mapper.inliers
    return Reconstruction(tracks, rotations, translations, points, inliers)


def _remarks(tracks: Tracks, parts: list[Reconstruction]) -> list[str]:
    remarks = []
    for number, part in enumerate(parts):
        if part.flatness() < _FLAT:
            remarks.append(f"the points of part {number} lie on a plane: its poses are less certain than errors say")
    lost = ~torch.stack([part.registered for part in parts]).any(0)
    names = [tracks.names[i] for i in lost.nonzero()[:, 0].tolist()]
    if names:
        remarks.append(f"not reconstructed, too few observations agree: {', '.join(names)}")
    return remarks
