"""Cleaning of tracks and their canonical order, which permuted cameras and points do not change."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks import Tracks


class CanonicalTracks(NamedTuple):
    """Tracks in canonical order.

    Attributes:
        tracks: Cameras, points and observations in an order that depends on the observations alone.
        cameras: ``(cameras,)``, the place that each of its cameras had.
        points: ``(points,)``, the number that each of its points had.
        observations: ``(N,)``, the place that each of its observations had.
        remarks: What was left out, a sentence each.
    """

    tracks: Tracks
    cameras: Tensor
    points: Tensor
    observations: Tensor
    remarks: tuple[str, ...]


def clean(tracks: Tracks) -> CanonicalTracks:
    """Leave out what holds no information, and put the rest in canonical order.

    Left out are repeated observations, and points that fewer than two cameras see.

    Raises:
        UsageError: Nothing is left.
    """
    remarks = list(tracks.remarks)
    order = _camera_order(tracks)
    rank = torch.argsort(order)
    keys = np.lexsort((tracks.xy[:, 1], tracks.xy[:, 0], rank[tracks.camera], tracks.point))
    place = torch.from_numpy(keys)
    table = torch.cat([tracks.point[place, None].double(), rank[tracks.camera[place], None], tracks.xy[place]], 1)
    repeated = torch.zeros(len(place), dtype=torch.bool)
    repeated[1:] = (table[1:] == table[:-1]).all(1)
    if bool(repeated.any()):
        remarks.append(f"{counted(int(repeated.sum()), 'repeated observation')} left out")
    place = place[~repeated]
    place, once, copies = _useful(tracks, rank, place)
    if once:
        remarks.append(f"{counted(once, 'point')} that only one camera sees left out")
    if copies:
        remarks.append("1 track is a copy of another" if copies == 1 else f"{copies:,} tracks are copies of others")
    blind = torch.bincount(tracks.camera[place], minlength=tracks.num_cameras) == 0
    if bool(blind.any()):
        names = [tracks.names[i] for i in blind.nonzero()[:, 0].tolist()]
        remarks.append(f"{_listed(names)} {'see' if len(names) > 1 else 'sees'} no point that another camera sees")
    if not len(place):
        raise UsageError("no point is seen by two cameras: nothing to reconstruct; are these tracks of one scene?")
    return _reordered(tracks, order, rank, place, tuple(remarks))


def counted(number: int, what: str) -> str:
    """A number with what it counts.

    >>> counted(1, "point"), counted(2000, "point")
    ('1 point', '2,000 points')
    """
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _camera_order(tracks: Tracks) -> Tensor:
    """The cameras by how much they see, then by what they see."""
    keys = []
    for number in range(tracks.num_cameras):
        xy = tracks.xy[tracks.camera == number].numpy()
        xy = xy[np.lexsort((xy[:, 1], xy[:, 0]))]
        keys.append((-len(xy), xy.tobytes(), tracks.intrinsics[number].numpy().tobytes(), number))
    return torch.tensor([key[-1] for key in sorted(keys)])


def _useful(tracks: Tracks, rank: Tensor, place: Tensor) -> tuple[Tensor, int, int]:
    """The observations of points that two cameras see, how many points that costs, and how many are copies."""
    seen: set[bytes] = set()
    camera, point = rank[tracks.camera[place]].double(), tracks.point[place]
    rows = torch.cat([camera[:, None], tracks.xy[place]], 1).numpy()
    bounds = torch.searchsorted(point, torch.arange(tracks.num_points + 1)).tolist()
    keep = torch.ones(len(place), dtype=torch.bool)
    once = copies = 0
    for begin, end in pairwise(bounds):
        if begin == end:
            continue
        if rows[begin, 0] == rows[end - 1, 0]:
            once += 1
            keep[begin:end] = False
            continue
        key = rows[begin:end].tobytes()
        copies += key in seen
        seen.add(key)
    return place[keep], once, copies


def _reordered(tracks: Tracks, order: Tensor, rank: Tensor, place: Tensor, remarks: tuple[str, ...]) -> CanonicalTracks:
    """Points sorted by their observations, observations by points; `place` comes sorted by points and cameras."""
    points, point = tracks.point[place].unique_consecutive(return_inverse=True)
    first = torch.searchsorted(point, torch.arange(len(points)))
    last = torch.cat([first[1:], torch.tensor([len(place)])]) - 1
    camera, xy = rank[tracks.camera[place]], tracks.xy[place]
    ends = [(xy[i, 1], xy[i, 0], camera[i]) for i in (last, first)]
    new_order = torch.from_numpy(np.lexsort((last - first, *ends[0], *ends[1])))
    new_rank = torch.argsort(new_order)
    again = torch.argsort(new_rank[point], stable=True)
    place = place[again]
    canonical = tracks.replaced(
        camera=camera[again],
        point=new_rank[point][again],
        xy=tracks.xy[place],
        intrinsics=tracks.intrinsics[order],
        names=[tracks.names[i] for i in order.tolist()],
        num_points=len(points),
        sizes=None if tracks.sizes is None else tracks.sizes[order],
        poses=None,
    )
    return CanonicalTracks(canonical, order, points[new_order], place, remarks)
