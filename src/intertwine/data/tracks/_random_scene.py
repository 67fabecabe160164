"""Random scenes of many kinds, to learn from: places, motions of the camera, lenses and visibility are all drawn."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from intertwine._errors import UsageError
from intertwine.data.tracks._tracks import CameraPoses, Tracks

_POINTS = 500
_FOCAL = 1000.0
_LEAST_OF_CAMERA = 8
_NOISE = 0.3


class _Random:
    """Draws of one generator.

    Args:
        seed: Of all of them.
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.generator, dtype=torch.float64)

    def number(self, low: float, high: float) -> float:
        return float(self.uniform(low, high))

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def below(self, bound: int, *shape: int) -> Tensor:
        return torch.randint(bound, shape, generator=self.generator)

    def spread(self, count: int) -> Tensor:
        """Numbers within -1/2 .. 1/2 at nearly equal distances."""
        steps = torch.linspace(-0.5, 0.5, count, dtype=torch.float64)
        return steps + 0.6 / count * self.uniform(-0.5, 0.5, count)


class _Place(NamedTuple):
    """Points, where cameras stand, what they look at, and the normals of an opaque surface, where there is one."""

    points: Tensor
    centers: Tensor
    targets: Tensor
    normals: Tensor | None = None


def random_scene(num_cameras: int = 12, *, seed: int = 0) -> Tracks:
    """A random scene with known poses: an object from around, a facade, a courtyard, a corridor, or a free cloud.

    The kind, the extent, the path and the angles of the cameras, the lens (25 to 100 degrees wide), how long tracks are
    and the share of missed observations are drawn; the noise is 0.3 pixels at a focal length of 1,000.

    Args:
        num_cameras: The most cameras, at least 4; those that see too little, or have no connection to the others, are
            left out, and a scene of fewer than 4 is drawn anew.
        seed: Of everything random.

    Raises:
        UsageError: There are fewer than 4 cameras.

    Example:
        >>> scene = random_scene(8, seed=1)
        >>> 4 <= scene.num_cameras <= 8, scene.poses is not None
        (True, True)
    """
    if num_cameras < 4:
        raise UsageError(f"a random scene expects at least 4 cameras, got {num_cameras}")
    random = _Random(seed)
    while True:
        kind = _KINDS[int(random.below(len(_KINDS)))]
        place = kind(num_cameras, random)
        poses = _poses(place, random)
        xy, seen = _views(place, poses, random)
        kept = _connected(seen)
        if int(kept.sum()) >= 4:
            return _tracks(xy[kept], seen[kept], CameraPoses(poses.rotations[kept], poses.translations[kept]), random)


def _object(count: int, random: _Random) -> _Place:
    normals = normalize(random.normal(_POINTS, 3), dim=1)
    points = normals * random.uniform(0.4, 1.2, 3) * (0.5 + random.number(0, 1) * random.uniform(0, 1, _POINTS, 1))
    angles = random.number(0.3, 5.5) * random.spread(count)
    distances = random.number(2.2, 5) * random.uniform(0.85, 1.15, count)
    heights = random.number(0, 2) * random.uniform(-0.5, 0.5, count) + random.number(-0.5, 0.5)
    centers = torch.stack([distances * angles.sin(), heights, -distances * angles.cos()], 1)
    return _Place(points, centers, 0.25 * random.normal(count, 3), normals if random.number(0, 1) < 0.6 else None)


def _facade(count: int, random: _Random) -> _Place:
    width, height, relief = random.number(1, 3), random.number(0.5, 1.5), random.number(0.05, 0.8)
    depth = relief * random.uniform(0, 1, _POINTS).square() * (random.uniform(0, 1, _POINTS) < 0.7)
    points = torch.stack([width * random.uniform(-1, 1, _POINTS), height * random.uniform(-1, 1, _POINTS), depth], 1)
    along = 2 * random.number(0.3, 1.6) * width * random.spread(count)
    heights = random.number(0, 1) * random.uniform(-0.3, 0.7, count)
    before = -random.number(1, 3.5) * random.uniform(0.8, 1.2, count)
    targets = 0.3 * random.normal(count, 3)
    targets[:, 0] += random.number(0, 1) * along
    return _Place(points, torch.stack([along, heights, before], 1), targets)


def _courtyard(count: int, random: _Random) -> _Place:
    angles = random.uniform(0, 2 * pi, _POINTS)
    a, b = random.number(2, 4), random.number(2, 4)
    relief = 1 + 0.15 * random.uniform(0, 1, _POINTS) * (random.uniform(0, 1, _POINTS) < 0.5)
    radius = relief / torch.maximum(angles.cos().abs() / b, angles.sin().abs() / a)
    heights = random.number(0.5, 1.2) * random.uniform(-1.2, 0.8, _POINTS)
    points = torch.stack([radius * angles.sin(), heights, radius * angles.cos()], 1)
    view = random.number(1, 2 * pi) * random.spread(count)
    opposite = -random.number(0.2, 0.75) * random.uniform(0.9, 1.1, count)
    centers = torch.stack([opposite * a * view.sin(), random.uniform(-0.1, 0.1, count), opposite * b * view.cos()], 1)
    targets = torch.stack([a * view.sin(), 0 * view, b * view.cos()], 1) + 0.3 * random.normal(count, 3)
    return _Place(points, centers, targets)


def _corridor(count: int, random: _Random) -> _Place:
    length, side = random.number(4, 10), torch.where(random.uniform(0, 1, _POINTS) < 0.5, -1.0, 1.0)
    walls = side * random.number(0.8, 1.6) * random.uniform(1, 1.2, _POINTS)
    heights = random.number(0.5, 1.2) * random.uniform(-1, 1, _POINTS)
    points = torch.stack([walls, heights, random.uniform(0, 1.5 * length, _POINTS)], 1)
    forward = torch.linspace(-1.5, 0.6 * length, count, dtype=torch.float64) + 0.2 * random.normal(count)
    centers = torch.stack([0.25 * random.normal(count), 0.15 * random.normal(count), forward], 1)
    turns = random.number(0.1, 1) * random.normal(count, 3) * torch.tensor([1, 0.3, 0.2])
    return _Place(points, centers, centers + torch.tensor([0, 0, 5.0]) + turns)


def _cloud(count: int, random: _Random) -> _Place:
    points = random.normal(_POINTS, 3) * random.uniform(0.3, 1, 3)
    turns = random.number(0.1, 1.2) * random.normal(count, 3) * torch.tensor([1, 0.5, 0.3])
    directions = normalize(torch.tensor([0, 0, -1.0]) + turns, dim=1)
    centers = directions * random.number(2.5, 6) * random.uniform(0.8, 1.2, count, 1)
    return _Place(points, centers, 0.3 * random.normal(count, 3))


_KINDS: tuple[Callable[[int, _Random], _Place], ...] = (_object, _facade, _courtyard, _corridor, _cloud)


def _poses(place: _Place, random: _Random) -> CameraPoses:
    """Cameras that look at their targets, nearly upright."""
    forward = normalize(place.targets - place.centers, dim=1)
    down = torch.tensor([0.0, 1.0, 0.0]) + random.number(0, 0.15) * random.normal(len(forward), 3)
    right = normalize(torch.linalg.cross(down, forward), dim=1)
    rotations = torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
    return CameraPoses(rotations, -(rotations @ place.centers[..., None])[..., 0])


def _views(place: _Place, poses: CameraPoses, random: _Random) -> tuple[Tensor, Tensor]:
    """Normalized observations ``(cameras, points, 2)``, and which of them there are.

    A point is in the image, on the near side of a surface, seen from directions near that of one camera, and not
    missed by chance.
    """
    spots = torch.einsum("mij,nj->mni", poses.rotations, place.points) + poses.translations[:, None]
    xy, depth = spots[..., :2] / spots[..., 2:], spots[..., 2]
    wide = random.number(0.22, 1.2)
    high = wide * random.number(0.6, 1.0)
    if random.number(0, 1) < 0.25:
        wide, high = high, wide
    seen = (depth > 0.2) & (xy[..., 0].abs() < wide) & (xy[..., 1].abs() < high)
    rays = normalize(place.centers[:, None] - place.points, dim=-1)
    if place.normals is not None:
        seen &= (rays * place.normals).sum(-1) > 0
    home = random.below(len(rays), rays.shape[1])
    reach = (random.number(0.3, 2) * random.uniform(0.5, 1.5, rays.shape[1])).clamp(max=3)
    seen &= (rays * rays[home, torch.arange(rays.shape[1])]).sum(-1) > reach.cos()
    seen &= random.uniform(0, 1, *seen.shape) > random.number(0, 0.4)
    return xy, seen & (seen.sum(0) >= 2)


def _connected(seen: Tensor) -> Tensor:
    """The cameras that share enough points with the camera that sees most, or with one that does, and so on."""
    shared = seen.double() @ seen.double().T >= _LEAST_OF_CAMERA
    kept = torch.zeros(len(seen), dtype=torch.bool)
    kept[int(seen.sum(1).argmax())] = True
    for _ in range(len(seen)):
        kept |= shared[kept].any(0)
    return kept & (seen.sum(1) >= _LEAST_OF_CAMERA)


def _tracks(xy: Tensor, seen: Tensor, poses: CameraPoses, random: _Random) -> Tracks:
    """The observations in pixels, points that two cameras see."""
    order = (seen.sum(0) >= 2).nonzero()[:, 0]
    order = order[torch.randperm(len(order), generator=random.generator)]
    camera, point = seen[:, order].nonzero(as_tuple=True)
    pixels = _FOCAL * xy[camera, order[point]] + _NOISE * random.normal(len(camera), 2)
    count = len(seen)
    intrinsics = torch.diag(torch.tensor([_FOCAL, _FOCAL, 1.0], dtype=torch.float64)).expand(count, 3, 3).clone()
    return Tracks(camera, point, pixels, intrinsics, [f"camera{i:03d}" for i in range(count)], len(order), poses=poses)
