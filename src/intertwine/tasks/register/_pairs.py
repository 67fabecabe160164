"""Pairs of partial views of shapes, each turned and moved at random, and batches of them for a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.ops import farthest_point_sampling, knn_graph
from intertwine.ops.alignment import RigidMotion
from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.register._features import moment_features
from intertwine.training import normal_per_example

_OBLIQUE = 0.5
"""Spread of the direction of the second cut about the opposite of the first."""
_LEAST_DENSITY = 0.5
"""The least share of its points that a view keeps."""
_SHIFT = 2.0
"""Standard deviation of translations, in radii of the shape."""
_LEAST_POINTS = 4
DIAMETER = 2.0
"""Of a shape in the unit sphere."""


class ViewPair(NamedTuple):
    """Two partial views of a shape in the unit sphere.

    Attributes:
        first: ``(N, 3)`` float64.
        second: ``(M, 3)``.
        motion: ``(4, 4)``, the true motion of the first onto the second.
        frame: ``(4, 4)``, the motion of the shape as it is read onto the first view.
        overlap: The share of each view that the other one shows.
    """

    first: Tensor
    second: Tensor
    motion: Tensor
    frame: Tensor
    overlap: float


def draw_pairs(
    shapes: Sequence[Tensor],
    indices: Tensor,
    seed: int,
    settings: dict[str, Any],
    overlaps: Tensor | None = None,
) -> list[ViewPair]:
    """A pair of views of each shape, a function of (seed, index).

    The points of a shape are divided at random into two halves, so that the views have no point in common. Each half is
    cut by a plane; the second cut is on about the opposite side, and both are placed such that the wanted share of each
    view is seen in the other. Each view is thinned at random to half its points at least, gets noise, and is turned by
    a Haar-random rotation and moved on its own.

    Args:
        shapes: ``(P, 3)`` in the unit sphere, one for each index.
        indices: ``(B,)``, of the pairs.
        seed: Of the step.
        settings: "overlap", the least, and "noise", as a share of the diameter.
        overlaps: ``(B,)``; uniform from the least to 1 if None.
    """
    size = max(len(shape) for shape in shapes)
    columns = (8, 6, 6, 3, size, 3 * size)
    numbers = normal_per_example(seed, indices, sum(columns)).split(columns, 1)
    quaternions, shifts, cuts, uniform, order, noise = numbers
    uniform = torch.special.ndtr(uniform)
    least = float(settings["overlap"])
    wanted = least + (1 - least) * uniform[:, 0] if overlaps is None else overlaps
    pairs = []
    for k, shape in enumerate(shapes):
        halves = order[k, : len(shape)].argsort().tensor_split(2)
        directions = cuts[k, :3], -cuts[k, :3] / cuts[k, :3].norm() + _OBLIQUE * cuts[k, 3:]
        kept, overlap = cut_views(shape, directions, float(wanted[k]))
        views, motions = [], []
        for side, half in enumerate(halves):
            rows = half[kept[side][half]]
            share = _LEAST_DENSITY + (1 - _LEAST_DENSITY) * float(uniform[k, 1 + side])
            rows = rows[: max(_LEAST_POINTS, round(share * len(rows)))]
            grain = DIAMETER * float(settings["noise"]) * noise[k].reshape(-1, 3)[rows]
            motion = torch.eye(4, dtype=torch.float64)
            motion[:3, :3] = quaternion_rotations(quaternions[k, 4 * side : 4 * side + 4][None])[0]
            motion[:3, 3] = _SHIFT * shifts[k, 3 * side : 3 * side + 3]
            views.append((shape[rows] + grain) @ motion[:3, :3].T + motion[:3, 3])
            motions.append(motion)
        pairs.append(ViewPair(views[0], views[1], motions[1] @ torch.linalg.inv(motions[0]), motions[0], overlap))
    return pairs


def cut_views(shape: Tensor, directions: tuple[Tensor, Tensor], overlap: float) -> tuple[tuple[Tensor, Tensor], float]:
    """Two cuts of a shape that keep equal shares of its points, as small as the overlap allows.

    With the ranks r and q of the points along both directions, the views are r <= s and q <= s; the share of each in
    the other, ``#(max(r, q) <= s) / (s P)``, grows with s.

    Args:
        shape: ``(P, 3)``.
        directions: Of the two cuts, ``(3,)`` each.
        overlap: The wanted share.

    Returns:
        The points of both views, ``(P,)`` bool each, and the share that was reached.
    """
    count = len(shape)
    ranks = [(shape @ d).argsort(stable=True).argsort(stable=True).double().add(1) / count for d in directions]
    both = torch.maximum(*ranks).sort().values
    shares = torch.arange(1, count + 1, dtype=torch.float64) / (count * both)
    enough = (shares >= overlap - 1e-12) & (both >= 0.5)
    place = int(enough.double().argmax()) if bool(enough.any()) else count - 1
    return (ranks[0] <= both[place], ranks[1] <= both[place]), float(shares[place])


class PairBatch(NamedTuple):
    """Pairs as a network takes them: thinned, centered, and scaled by one factor for both clouds of a pair.

    Attributes:
        first: Features, positions, edges, batch and number of the first clouds.
        second: The same of the second clouds.
        motion: The true motions ``(B, 3, 3)`` and ``(B, 3)`` in the scaled coordinates.
        centers: ``(2, B, 3)`` float64, what was subtracted.
        scales: ``(B,)`` float64, what positions were divided by.
        diameters: ``(B,)``, of the whole shapes, in scaled coordinates.
    """

    first: tuple[Any, ...]
    second: tuple[Any, ...]
    motion: RigidMotion
    centers: Tensor
    scales: Tensor
    diameters: Tensor

    def __len__(self) -> int:
        return len(self.scales)


def collate(pairs: Sequence[ViewPair], points: int, neighbors: int, *, dtype: torch.dtype = torch.float32) -> PairBatch:
    """A batch of pairs.

    Args:
        pairs: The pairs.
        points: Points of each cloud that are kept, a farthest-point sample.
        neighbors: k of the graph; 0 for no edges.
        dtype: Of the positions.
    """
    sides = [[pair.first for pair in pairs], [pair.second for pair in pairs]]
    thinned = [_thin(clouds, points) for clouds in sides]
    centers = torch.stack([torch.stack([cloud.mean(0) for cloud in clouds]) for clouds in thinned])
    radii = torch.stack(
        [
            torch.stack([(cloud - center).norm(dim=1).max() for cloud, center in zip(*side, strict=True)])
            for side in zip(thinned, centers, strict=True)
        ]
    )
    scales = radii.amax(0)
    scales = torch.where(scales > 0, scales, 1.0)
    true = torch.stack([pair.motion for pair in pairs])
    rotation = true[:, :3, :3]
    shift = (rotation @ centers[0, :, :, None])[..., 0] + true[:, :3, 3] - centers[1]
    motion = RigidMotion(rotation, shift / scales[:, None])
    clouds = [_side(sides[k], thinned[k], centers[k], scales, neighbors, dtype) for k in (0, 1)]
    motion = RigidMotion(*(part.to(dtype) for part in motion))
    return PairBatch(clouds[0], clouds[1], motion, centers, scales, (DIAMETER / scales).to(dtype))


def _thin(clouds: Sequence[Tensor], points: int) -> list[Tensor]:
    """A farthest-point sample of each cloud."""
    counts = torch.tensor([len(cloud) for cloud in clouds])
    batch = torch.arange(len(clouds)).repeat_interleave(counts)
    every = torch.cat(list(clouds))
    chosen = farthest_point_sampling(every, points, batch)
    return list(every[chosen].split(counts.clamp(max=points).tolist()))


def _side(
    whole: Sequence[Tensor], clouds: Sequence[Tensor], centers: Tensor, scales: Tensor, neighbors: int,
    dtype: torch.dtype,
) -> tuple[Any, ...]:  # fmt: skip
    """The arguments of an encoder."""
    counts = torch.tensor([len(cloud) for cloud in clouds])
    batch = torch.arange(len(clouds)).repeat_interleave(counts)
    scaled = [
        [((cloud - centers[k]) / scales[k]).to(dtype) for k, cloud in enumerate(part)] for part in (whole, clouds)
    ]
    features = torch.cat([moment_features(*pair) for pair in zip(*scaled, strict=True)])
    positions = torch.cat(scaled[1])
    edges = knn_graph(positions, neighbors, batch) if neighbors else batch.new_zeros(2, 0)
    return features, positions, edges, batch, len(clouds)
