"""Rotations of the plane and of space, with reflections and without: SO(2), O(2), SO(3), O(3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from intertwine.groups._group import Group
from intertwine.groups._words import planar_words, spatial_words


@dataclass(frozen=True, repr=False)
class OrthogonalGroup(Group):
    """What SO(n) and O(n) share."""

    _size: ClassVar[int]
    _special: ClassVar[bool]

    @property
    def name(self) -> str:
        """The group as mathematics writes it."""
        return f"{'SO' if self._special else 'O'}({self._size})"

    @property
    def dimension(self) -> int:
        """The size n of the defining matrices."""
        return self._size

    @property
    def orthogonal(self) -> bool:
        """True."""
        return True

    @property
    def lie_algebra(self) -> Tensor:
        """The infinitesimal rotations: in the plane from x to y, in space about x, y and z."""
        if self._size == 2:
            return torch.tensor([[[0, -1], [1, 0]]], dtype=torch.float64)
        basis = torch.zeros(3, 3, 3, dtype=torch.float64)
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            basis[i, k, j], basis[i, j, k] = 1, -1
        return basis

    @property
    def discrete_generators(self) -> Tensor:
        """For O(2) the reflection y -> -y, for O(3) the inversion; none for SO(n)."""
        if self._special:
            return super().discrete_generators
        return self._improper.unsqueeze(0)

    @property
    def _improper(self) -> Tensor:
        entries = [1, -1] if self._size == 2 else [-1] * self._size
        return torch.diag(torch.tensor(entries, dtype=torch.float64))

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        rotations = (_rotations_2d if self._size == 2 else _rotations_3d)(count, generator)
        if self._special:
            return rotations
        flip = torch.randint(2, (count, 1, 1), generator=generator).to(torch.bool)
        return torch.where(flip, rotations @ self._improper, rotations)

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` is an element, up to the tolerance on g^T g: ``(...)``, bool."""
        self.check_shape(g)
        g = g.to(torch.float64)
        inside = ((g.mT @ g - self.identity.to(g)).abs() <= tolerance).flatten(-2).all(-1)
        return inside & (torch.linalg.det(g) > 0) if self._special else inside

    def describe(self, g: Tensor) -> str:
        """One element ``(n, n)`` in words: angle, axis, reflection."""
        self.check_shape(g)
        return planar_words(g) if self._size == 2 else spatial_words(g)


@dataclass(frozen=True, repr=False)
class SO2(OrthogonalGroup):
    """Rotations of the plane; positive from x to y.

    Example:
        >>> SO2().sample(5).shape
        torch.Size([5, 2, 2])
    """

    _size = 2
    _special = True


@dataclass(frozen=True, repr=False)
class O2(OrthogonalGroup):
    """Rotations and reflections of the plane."""

    _size = 2
    _special = False


@dataclass(frozen=True, repr=False)
class SO3(OrthogonalGroup):
    """Rotations of space, active: y = R x.

    Example:
        >>> bool(SO3().contains(SO3().sample()))
        True
    """

    _size = 3
    _special = True


@dataclass(frozen=True, repr=False)
class O3(OrthogonalGroup):
    """Rotations of space and the inversion."""

    _size = 3
    _special = False


def _rotations_2d(count: int, generator: torch.Generator | None) -> Tensor:
    angle = 2 * math.pi * torch.rand(count, generator=generator, dtype=torch.float64)
    c, s = angle.cos(), angle.sin()
    return torch.stack([c, -s, s, c], dim=-1).reshape(count, 2, 2)


def _rotations_3d(count: int, generator: torch.Generator | None) -> Tensor:
    """Unit quaternions, uniform on the 3-sphere; a normal vector is never zero with probability one."""
    quaternion = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
