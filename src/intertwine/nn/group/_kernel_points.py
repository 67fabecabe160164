"""Kernel points of a group convolution: orbits of a finite group on shells around the origin.

The kernel of a group convolution is needed at g^-1 r for every g. The weight of a kernel point y is a function of the
distance alone, so that at g^-1 r it is the weight at r of the point g y,

    w_y(g^-1 r) = relu(1 - |g^-1 r - y|^2 / sigma) = w_{g y}(r).

Where g y is a kernel point again, K weights for each edge serve all of the group and g only renumbers them. Arbitrary
points would need |G| K weights, sixty times as many for the icosahedron.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn

from intertwine._cached_constant import cached_constant
from intertwine.groups import FiniteGroup
from intertwine.nn._constant import Constant
from intertwine.ops import smooth_cutoff

_DIRECTIONS = 200  # points of a spiral on the sphere, where orbits start that no axis gives
_OVERLAP = 1.1  # keeps the end of one weight off the next point, and off the origin, where points coincide


class KernelPoints(nn.Module):
    """The weights of an edge for kernel points at the center and on shells.

        w_n(r) = u(|r|) relu(1 - |r - y_n|^2 / sigma)

    with u the smooth cutoff. On a shell orbits are added, each the one with the largest least distance between points,
    until there are enough. sqrt(sigma) is a little more than the distance between shells, or than the covering radius
    of one.

    Args:
        group: A finite group of orthogonal matrices of the plane or of space.
        points: The least number of points on each shell, from the innermost. The shells are evenly spaced, the last
            half a step below the cutoff.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.

    Raises:
        ValueError: If the group moves neither plane nor space by orthogonal matrices, or a number is not positive.

    Attributes:
        count: K.
        permutation: ``(|G|, K)``, g y_n is point ``permutation[g, n]``.

    Law: ``w_n(g^-1 r) = w_{permutation[g, n]}(r)``.

    Reference: Chen et al., Equivariant point network, CVPR 2021, for the weights; Thomas et al., KPConv, ICCV 2019;
    Zhu et al., E2PN, CVPR 2023, for kernel points that the group permutes.
    """

    permutation: Tensor

    def __init__(self, group: FiniteGroup, points: tuple[int, ...], cutoff: float) -> None:
        super().__init__()
        if not group.orthogonal or group.dimension not in (2, 3):
            raise ValueError(f"kernel points lie in the plane or in space, where {group} does not act orthogonally")
        if not cutoff > 0 or not points or min(points) < 1:
            raise ValueError(f"cutoff and the numbers of points must be positive, got {cutoff}, {tuple(points)}")
        self.cutoff, self.dimension = float(cutoff), group.dimension
        step = 1 / (len(points) + 0.5)
        shells = [shell(group, count) for count in points]
        layers = [torch.zeros(1, group.dimension, dtype=torch.float64)]
        layers += [step * number * unit for number, unit in enumerate(shells, 1)]
        exact = torch.cat(layers)
        radii = [step * number * _covering_radius(group, unit) for number, unit in enumerate(shells, 1)]
        self.sigma = (_OVERLAP * max(step, *radii)) ** 2
        self.count = len(exact)
        self.points = Constant(exact)
        self.register_buffer("permutation", _permutation(group, exact), persistent=False)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Weights ``(E, K)`` of edges with vectors ``(E, n)`` and lengths ``(E,)``."""
        scaled, points = vectors / self.cutoff, self.points()
        squared = (scaled.square().sum(-1, keepdim=True) + points.square().sum(-1)) - 2 * scaled @ points.mT
        result: Tensor = (1 - squared / self.sigma).relu() * smooth_cutoff(lengths, self.cutoff)[:, None]
        return result

    def extra_repr(self) -> str:
        """Number of points and cutoff."""
        return f"{self.count} points, cutoff={self.cutoff}"


@cached_constant
def shell(group: FiniteGroup, least: int) -> Tensor:
    """Unit vectors ``(n, dimension)``, n >= least, that the group permutes: a union of orbits, well apart.

    The widest orbit first; equal ones by the order of the candidates, so that the same points come in the same order
    everywhere.
    """
    orbits = [group.orbit(start) for start in _candidates(group)]
    chosen = torch.zeros(0, group.dimension, dtype=torch.float64)
    while len(chosen) < least:
        distances = torch.stack([_least_distance(torch.cat([chosen, orbit])) for orbit in orbits])
        chosen = torch.cat([chosen, orbits[int(distances.round(decimals=6).argmax())]])
    return chosen


def _least_distance(points: Tensor) -> Tensor:
    """The smallest distance between two of some points."""
    distances = torch.cdist(points, points)
    return distances.fill_diagonal_(float("inf")).amin()


def _covering_radius(group: FiniteGroup, points: Tensor) -> float:
    """The largest distance of a direction from the nearest of some unit vectors."""
    return float(torch.cdist(_directions(group), points).amin(1).max())


def _permutation(group: FiniteGroup, points: Tensor) -> Tensor:
    distances, places = torch.cdist(points @ group.elements.mT, points[None]).min(-1)
    assert float(distances.max()) < 1e-6, "orbits are closed under the group"
    return places


def _candidates(group: FiniteGroup) -> Tensor:
    """Where orbits may start: axes of rotation, the points of a cube, and directions of the whole sphere."""
    if group.dimension == 2:
        return _directions(group)
    cube = torch.cartesian_prod(*[torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)] * 3)
    cube = cube[cube.abs().sum(1) > 0]
    starts = torch.cat([_axes(group.elements), cube, _directions(group)])
    result: Tensor = starts / starts.norm(dim=1, keepdim=True)
    return result


def _axes(elements: Tensor) -> Tensor:
    """Both directions of the axis of every rotation, or of its product with the inversion: n n^T from g + g^T."""
    rotations = elements * torch.linalg.det(elements).round()[:, None, None]
    traces = rotations.diagonal(dim1=-2, dim2=-1).sum(-1)
    nontrivial = rotations[traces < 3 - 1e-6]
    one = torch.eye(3, dtype=torch.float64)
    outer = nontrivial + nontrivial.mT + (1 - traces[traces < 3 - 1e-6])[:, None, None] * one
    largest = outer.norm(dim=1).round(decimals=6).argmax(1)
    axes = outer[torch.arange(len(outer)), :, largest]
    return torch.cat([axes, -axes])


def _directions(group: FiniteGroup) -> Tensor:
    """Unit vectors that cover the circle, sixteen for each element, or the sphere, a golden spiral."""
    if group.dimension == 2:
        angles = 2 * pi * torch.arange(16 * group.order, dtype=torch.float64) / (16 * group.order)
        return torch.stack([angles.cos(), angles.sin()], 1)
    places = torch.arange(_DIRECTIONS, dtype=torch.float64) + 0.5
    height = 1 - 2 * places / _DIRECTIONS
    angle, radius = pi * (1 + 5**0.5) * places, (1 - height.square()).sqrt()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), height], 1)
