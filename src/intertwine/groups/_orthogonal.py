"""Orthogonal groups: SO(2), O(2), SO(3), O(3), U(1), and SO(n), O(n) of any dimension."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from intertwine._bounds import check_entries
from intertwine._cached_constant import cached_constant
from intertwine.groups._describe import describe_orthogonal, describe_orthogonal_2d, describe_orthogonal_3d
from intertwine.groups._group import Group
from intertwine.groups._logarithm import half_angle_vector, orthogonal_logarithm, planar_logarithm, unit_quaternion


@dataclass(frozen=True, repr=False)
class OrthogonalGroup(Group):
    """What SO(n) and O(n) share."""

    _special: ClassVar[bool]

    @property
    @abstractmethod
    def _size(self) -> int:
        """The dimension n of the space."""

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
        """The infinitesimal rotations: from x to y in the plane, about x, y, z in space, else from axis i to j > i."""
        return infinitesimal_rotations(self._size)

    @property
    def discrete_generators(self) -> Tensor:
        """For O(n) the reflection of the last axis, for O(3) the inversion; none for SO(n)."""
        if self._special:
            return super().discrete_generators
        return self._improper.unsqueeze(0)

    @property
    def _improper(self) -> Tensor:
        entries = [-1] * 3 if self._size == 3 else [1] * (self._size - 1) + [-1]
        return torch.diag(torch.tensor(entries, dtype=torch.float64))

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        rotations = {2: _rotations_2d, 3: _rotations_3d}.get(self._size, self._rotations)(count, generator)
        if self._special:
            return rotations
        flip = torch.randint(2, (count, 1, 1), generator=generator).to(torch.bool)
        return torch.where(flip, rotations @ self._improper, rotations)

    def _rotations(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Stewart 1980: Q of the QR decomposition of a normal matrix, R with a positive diagonal, is Haar on O(n)."""
        normal = torch.randn(count, self._size, self._size, generator=generator, dtype=torch.float64)
        q, r = torch.linalg.qr(normal)
        q = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
        return torch.where(torch.linalg.det(q)[:, None, None] < 0, q @ self._improper, q)

    def _log(self, g: Tensor) -> Tensor:
        if bool((torch.linalg.det(g.detach()) < 0).any()):
            raise ValueError(f"a reflection has no logarithm in {self.name}: it is not connected with the identity")
        if self._size == 2:
            return planar_logarithm(g)
        return self.hat(2 * half_angle_vector(unit_quaternion(g))) if self._size == 3 else orthogonal_logarithm(g)

    def _stabilizer_generators(self, point: Tensor) -> Tensor | None:
        """The reflection of a direction at right angles to the point, for O(n)."""
        if self._special:
            return super()._stabilizer_generators(point)
        away = torch.eye(self._size, dtype=torch.float64)[int(point.abs().argmin())]
        normal = away - point * (away @ point) / point.square().sum().clamp_min(1e-300)
        normal = normal / normal.norm()
        return (self.identity - 2 * torch.outer(normal, normal)).unsqueeze(0)

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` is an element, up to the tolerance on g^T g: ``(...)``, bool."""
        self.check_shape(g)
        g = g.to(torch.float64)
        inside = ((g.mT @ g - self.identity.to(g)).abs() <= tolerance).flatten(-2).all(-1)
        return inside & (torch.linalg.det(g) > 0) if self._special else inside

    def describe(self, g: Tensor) -> str:
        """One element ``(n, n)`` in words: angle, axis, reflection."""
        self.check_shape(g)
        return {2: describe_orthogonal_2d, 3: describe_orthogonal_3d}.get(self._size, describe_orthogonal)(g)


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
class U1(SO2):
    """Complex numbers of modulus one, as the rotations of the plane that they are; the irrep m is z -> z^m."""

    @property
    def name(self) -> str:
        """U(1)."""
        return "U(1)"


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


@dataclass(frozen=True, repr=False)
class _AnyDimension(OrthogonalGroup):
    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < 4:
            raise ValueError(f"{type(self).__name__}(n) takes a whole number n >= 4, got {self.n!r}; SO(n) makes all")
        check_entries(self.n**2, f"the matrices of {self.name}")

    @property
    def _size(self) -> int:
        return self.n


@dataclass(frozen=True, repr=False)
class SpecialOrthogonal(_AnyDimension):
    """SO(n) for n >= 4; see ``SO``."""

    _special = True

    def __repr__(self) -> str:
        return f"SO({self.n})"


@dataclass(frozen=True, repr=False)
class FullOrthogonal(_AnyDimension):
    """O(n) for n >= 4; see ``O``."""

    _special = False

    def __repr__(self) -> str:
        return f"O({self.n})"


def SO(n: int) -> OrthogonalGroup:  # noqa: N802
    """The rotations of R^n, n >= 2; ``SO(3) == SO3()``.

    Raises:
        ValueError: If n is not a whole number, at least 2.

    Example:
        >>> SO(4).lie_algebra.shape
        torch.Size([6, 4, 4])
    """
    if not isinstance(n, int) or n < 2:
        raise ValueError(f"SO(n) takes a whole number n >= 2, got {n!r}")
    return {2: SO2(), 3: SO3()}.get(n) or SpecialOrthogonal(n)


def O(n: int) -> OrthogonalGroup:  # noqa: E743, N802
    """The rotations and reflections of R^n, n >= 2; ``O(3) == O3()``.

    Raises:
        ValueError: If n is not a whole number, at least 2.
    """
    if not isinstance(n, int) or n < 2:
        raise ValueError(f"O(n) takes a whole number n >= 2, got {n!r}")
    return {2: O2(), 3: O3()}.get(n) or FullOrthogonal(n)


@cached_constant
def infinitesimal_rotations(n: int) -> Tensor:
    """A basis ``(n (n - 1) / 2, n, n)`` of the antisymmetric matrices; n = 3 about x, y and z, else from i to j > i."""
    check_entries(n**3 * (n - 1) // 2, f"the generators of SO({n})")
    pairs = [(1, 2), (2, 0), (0, 1)] if n == 3 else [(i, j) for i in range(n) for j in range(i + 1, n)]
    basis = torch.zeros(len(pairs), n, n, dtype=torch.float64)
    for each, (i, j) in zip(basis, pairs, strict=True):
        each[j, i], each[i, j] = 1, -1
    return basis


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
