"""Poses from a permutation-equivariant network, optimized on one scene or trained before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.data.tracks import Tracks
from intertwine.models import CamerasAndPoints, TracksModel, TracksNetwork
from intertwine.nn import ObservedEntries
from intertwine.ops.cameras import projection_loss
from intertwine.tasks.sfm.mapping._projective_mapper import UncalibratedPair
from intertwine.tasks.sfm.mapping._two_view import CameraPair, joined_cameras

_MOST_POINTS = 200
_LEAST_OF_CAMERA = 30
_RATE = 1e-3
_HIDDEN = 128


class NetworkInput(NamedTuple):
    """Observations as the network reads them.

    Attributes:
        cameras: ``(m,)``, the numbers of its cameras in the tracks.
        xy: ``(E, 2)`` float32, normalized by the intrinsics.
        entries: Which camera sees which point.
    """

    cameras: Tensor
    xy: Tensor
    entries: ObservedEntries


def network_input(
    tracks: Tracks, rows: Tensor, most_points: int = _MOST_POINTS, least_of_camera: int = _LEAST_OF_CAMERA
) -> NetworkInput:
    """Some of the observations: those of the points that most cameras see, and enough of them for every camera.

    Args:
        tracks: The scene.
        rows: Which observations may be taken.
        most_points: How many points, besides those that a camera with few of them needs.
        least_of_camera: How many points each camera gets where it has as many.
    """
    camera, point = tracks.camera[rows], tracks.point[rows]
    key, first = (camera * tracks.num_points + point).unique(return_inverse=True)
    lead = torch.full((len(key),), len(rows)).scatter_reduce_(0, first, torch.arange(len(rows)), "amin")
    rows, camera, point = rows[lead], camera[lead], point[lead]
    length = torch.bincount(point, minlength=tracks.num_points)
    chosen = torch.zeros(tracks.num_points, dtype=torch.bool)
    chosen[torch.argsort(length, descending=True, stable=True)[:most_points]] = True
    for number in camera.unique().tolist():
        seen = point[camera == number]
        chosen[seen[torch.argsort(length[seen], descending=True, stable=True)[:least_of_camera]]] = True
    keep = chosen[point] & (length[point] >= 2)
    cameras, camera = camera[keep].unique(return_inverse=True)
    points, point = point[keep].unique(return_inverse=True)
    entries = ObservedEntries.from_index(torch.stack([camera, point]), (len(cameras), len(points)))
    return NetworkInput(cameras, tracks.normalized()[rows[keep]].float(), entries)


def verified_rows(tracks: Tracks, pairs: Sequence[CameraPair | UncalibratedPair], allowed: Tensor) -> Tensor:
    """The observations that agree with the relative pose, or the fundamental matrix, of some pair of cameras.

    Args:
        tracks: The scene.
        pairs: Its verified pairs.
        allowed: ``(cameras,)`` bool, the cameras to look at; those that are joined by pairs to the best pair are taken.
    """
    pairs = [pair for pair in pairs if bool(allowed[pair.first]) and bool(allowed[pair.second])]
    joined = joined_cameras([(pair.first, pair.second) for pair in pairs])
    good = torch.zeros(tracks.num_cameras * tracks.num_points, dtype=torch.bool)
    for pair in pairs:
        if pair.first in joined:
            for end in (pair.first, pair.second):
                good[end * tracks.num_points + pair.inliers] = True
    return good[tracks.camera * tracks.num_points + tracks.point].nonzero()[:, 0]


def optimize(network: TracksModel, given: NetworkInput, steps: int, rate: float = _RATE) -> float:
    """Minimize the reprojection loss of one scene over the weights of a network; returns the last loss.

    Args:
        network: Its weights are changed.
        given: The scene.
        steps: Steps of Adam, on a cosine schedule.
        rate: The learning rate at the begin.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    camera, point = given.entries.indices
    loss = torch.zeros(())
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        found: CamerasAndPoints = network(given.xy, given.entries)
        loss = projection_loss(found.projections, found.points, camera, point, given.xy)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return float(loss.detach())


def network_projections(
    given: NetworkInput, network: TracksModel | None, steps: int, seed: int = 0, cameras: str = "calibrated"
) -> Tensor:
    """Cameras ``(m, 3, 4)``, float64, of the cameras of the input.

    Args:
        given: The scene.
        network: A trained network, of which a copy is optimized; None for a new one.
        steps: Steps of optimization; zero to take what the network gives.
        seed: Of the weights of a new network.
        cameras: The kind of a new network, "calibrated" or "projective".
    """
    from copy import deepcopy

    if network is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = TracksNetwork(_HIDDEN, cameras=cameras)
    else:
        network = deepcopy(network).cpu().float()
    optimize(network, given, steps)
    with torch.no_grad():
        projections: Tensor = network(given.xy, given.entries).projections.double()
    return projections


def network_poses(given: NetworkInput, network: TracksModel | None, steps: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rotations ``(m, 3, 3)`` and translations ``(m, 3)``, float64, of the cameras of the input.

    Args:
        given: The scene.
        network: A trained network, of which a copy is optimized; None for a new one.
        steps: Steps of optimization; zero to take what the network gives.
        seed: Of the weights of a new network.
    """
    projections = network_projections(given, network, steps, seed)
    rotations, _ = torch.linalg.qr(projections[:, :, :3])
    signs = (rotations * projections[:, :, :3]).sum(1).sign()
    return rotations * signs[:, None], projections[:, :, 3]
