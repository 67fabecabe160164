"""Angular decomposition of filters: minimal bases of rotated copies and their interpolation functions.

In polar coordinates a filter is ``f(r u) = sum_l A_l(r) . Y_l(u)`` with the circular or spherical harmonics Y_l, and
its copy rotated by g, ``f^g(x) = f(g^-1 x)``, has the coefficients ``rho_l(g) A_l(r)``: the copies span a
representation of SO(2) or SO(3). The filter is steerable, ``f^g = sum_j k_j(g) f^{g_j}``, iff the copies ``f^{g_j}``
span it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import pi, sqrt
from operator import add

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.groups import SO2, SO3, Group
from intertwine.ops.filters._sampled import Filter
from intertwine.ops.functions import product_grid, spherical_harmonics
from intertwine.ops.grids import circular_harmonics
from intertwine.reps import Rep

_CUTOFF = 1e-10
"""Degrees below this part of the norm of the filter are zero."""
_SINGULAR = 1e-13


@dataclass(frozen=True, eq=False)
class AngularDecomposition:
    """The angular decomposition of a filter.

    Attributes:
        dimension: 2 or 3.
        coefficients: For each degree l up to the one asked for, ``(2 l + 1 or 2 or 1, rank)``: the coefficients A_l(r)
            over the radius in an orthonormal basis of functions of r, so that ``|C_l|`` is the norm of this part.
        norm: The norm of the filter, ``sqrt(integral f^2)``.
        remainder: The norm of the part above the highest degree.
    """

    dimension: int
    coefficients: Mapping[int, Tensor]
    norm: float
    remainder: float

    @property
    def group(self) -> Group:
        """SO(2) or SO(3)."""
        return SO2() if self.dimension == 2 else SO3()

    @property
    def degrees(self) -> tuple[int, ...]:
        """The degrees with nonzero coefficients."""
        return tuple(l for l, c in self.coefficients.items() if float(c.norm()) > _CUTOFF * self.norm)

    @property
    def rep(self) -> Rep:
        """The representation that acts on the span of the rotated copies, as a sum of irreps."""
        if not self.degrees:
            raise UsageError("expected a filter that is not zero everywhere")
        return reduce(add, (self._multiplicity(l) * self.group.irrep(l) for l in self.degrees))

    @property
    def basis_size(self) -> int:
        """The smallest number of rotated copies that steer the filter.

        In the plane it is the number of nonzero Fourier coefficients ``a_n``, n positive and negative.
        """
        return self.rep.dim

    def base_rotations(self) -> Tensor:
        """Rotations of `basis_size` copies that span all others.

        Returns:
            ``(basis_size, dimension, dimension)``, float64. In the plane equal steps of 180 degrees over their number
            for an even or odd filter, of 360 degrees otherwise, where these span; else those of 16 times as
            many rotations that a pivoted QR decomposition takes.
        """
        from scipy.linalg import qr

        count = self.basis_size
        if self.dimension == 2:
            halves = 1 if len({l % 2 for l in self.degrees}) == 1 else 2
            residues = {n % (2 * count // halves) for l in self.degrees for n in (-l, l)}
            if len(residues) == count:
                return plane_rotations(torch.arange(count, dtype=torch.float64) * halves * pi / count)
            candidates = plane_rotations(torch.arange(16 * count, dtype=torch.float64) * pi / (8 * count))
        else:
            candidates = self.group.sample(16 * count, generator=torch.Generator().manual_seed(0))
        candidates[0] = torch.eye(self.dimension, dtype=torch.float64)
        pivots = qr(self._copies(candidates).T.numpy(), mode="r", pivoting=True)[1][:count]
        return candidates[torch.from_numpy(np.sort(pivots))]

    def interpolation(self, base: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """The interpolation functions k_j(g), exact or with least squares, and the error they leave.

            k(g) = argmin || f^g - sum_j k_j f^{g_j} ||

        Args:
            base: The rotations g_j, ``(J, dimension, dimension)``.
            rotations: g, ``(..., dimension, dimension)``.

        Returns:
            k ``(..., J)``, float64, and ``(...)``: a bound on ``|| f^g - sum_j k_j f^{g_j} || / || f ||``. The bound is
            attained if the degrees of the decomposition are all that the filter has.

        Cost: one least-squares solution with J unknowns.
        """
        copies = self._copies(base).T
        target = self._copies(rotations.reshape(-1, self.dimension, self.dimension)).T
        scale = max(self.norm, 1e-300)
        k = torch.linalg.lstsq(copies / scale, target / scale, rcond=_SINGULAR, driver="gelsd").solution
        tail = (1 + k.abs().sum(0)) * self.remainder
        error = ((copies @ k - target).square().sum(0) + tail.square()).sqrt() / scale
        shape = rotations.shape[:-2]
        return k.T.reshape(*shape, len(base)), error.reshape(shape)

    def truncated(self, count: int) -> tuple[tuple[int, ...], float]:
        """The degrees of the best approximation that at most ``count`` copies steer, and its relative error.

        The error is ``sqrt(sum of the squared norms of the degrees left out) / || f ||``, the same for every rotation.

        Args:
            count: The most copies.
        """
        norms = {l: float(self.coefficients[l].norm()) for l in self.degrees}
        kept: list[int] = []
        size = 0
        for l in sorted(norms, key=lambda l: norms[l] ** 2 / self._size(l), reverse=True):
            if size + self._size(l) <= count:
                kept, size = [*kept, l], size + self._size(l)
        lost = sum(norms[l] ** 2 for l in norms if l not in kept) + self.remainder**2
        return tuple(sorted(kept)), sqrt(lost) / self.norm

    def _multiplicity(self, degree: int) -> int:
        """How many copies of an irrep the span has; in the plane one, because a_n(r) is complex."""
        return 1 if self.dimension == 2 else self.coefficients[degree].shape[1]

    def _size(self, degree: int) -> int:
        return self._multiplicity(degree) * self.group.irrep(degree).dim

    def _copies(self, rotations: Tensor) -> Tensor:
        """The coefficients of rotated copies, ``(J, sum of the sizes of the coefficients)``."""
        g = rotations.to(torch.float64)
        parts = [(self.group.irrep(l).matrix(g) @ c).flatten(1) for l, c in self.coefficients.items()]
        return torch.cat(parts, 1)


def angular_decomposition(
    function: Filter, extent: float, degree: int, dimension: int = 2, shells: int = 48
) -> AngularDecomposition:
    """The angular decomposition of any filter, by quadrature over circles or spheres.

    Args:
        function: The filter; its values are needed within ``extent`` of the origin.
        extent: The radius of the disc or ball where it is taken.
        degree: The highest angular frequency.
        dimension: 2 or 3.
        shells: Radii, Gauss-Legendre nodes.

    Raises:
        UsageError: The extent is not positive, the degree is negative, or the filter is not finite.

    Reference: Freeman, Adelson, IEEE PAMI 13 (1991) 891, theorems 1 and 2.

    Example:
        >>> from intertwine.ops.filters import gaussian_derivative
        >>> G2 = gaussian_derivative(2)
        >>> found = angular_decomposition(G2, G2.extent, degree=4)
        >>> found.degrees, found.basis_size, found.rep
        ((0, 2), 3, SO2().rep("1x0 + 1x2"))
    """
    if not extent > 0 or degree < 0 or dimension not in (2, 3):
        raise UsageError(
            f"expected a positive extent, a degree from 0 on and 2 or 3 dimensions, got {extent}, {degree}, {dimension}"
        )
    nodes, weights = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(shells))
    radii = (nodes + 1) * extent / 2
    measure = weights * extent / 2 * radii ** (dimension - 1) * (2 * pi if dimension == 2 else 4 * pi)
    directions, shares = _directions(degree, dimension)
    values = function(radii[:, None, None] * directions).to(torch.float64)
    if not bool(torch.isfinite(values).all()):
        raise UsageError("expected a filter with finite values, got infinite or missing ones")
    values = values * measure.sqrt()[:, None]
    norm = sqrt(float((values.square() @ shares).sum()))
    coefficients, rest = {}, values
    for l, harmonics in enumerate(_harmonics(degree, directions)):
        found = (values * shares) @ harmonics
        rest = rest - found @ harmonics.T
        coefficients[l] = _compress(found.T, norm)
    remainder = sqrt(float((rest.square() @ shares).sum()))
    return AngularDecomposition(dimension, coefficients, norm, remainder if remainder > _SINGULAR * norm else 0.0)


def plane_rotations(angles: Tensor) -> Tensor:
    """Rotation matrices ``(..., 2, 2)`` of angles in radians."""
    cosine, sine = angles.cos(), angles.sin()
    return torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)


def _directions(degree: int, dimension: int) -> tuple[Tensor, Tensor]:
    """Unit vectors and weights of sum one, exact for products of harmonics of twice the degree."""
    exact = 4 * degree + 4
    if dimension == 3:
        return product_grid(exact)
    angles = torch.arange(exact, dtype=torch.float64) * 2 * pi / exact
    return torch.stack([angles.cos(), angles.sin()], -1), torch.full((exact,), 1 / exact, dtype=torch.float64)


def _harmonics(degree: int, directions: Tensor) -> list[Tensor]:
    """Harmonics of each degree, orthonormal in the mean over the circle or sphere."""
    if directions.shape[-1] == 2:
        return [circular_harmonics(l, directions) * (sqrt(2) if l else 1.0) for l in range(degree + 1)]
    values = spherical_harmonics(degree, directions, normalization="component")
    return list(values.split([2 * l + 1 for l in range(degree + 1)], -1))


def _compress(coefficients: Tensor, norm: float) -> Tensor:
    """``U S`` of a matrix, without the singular values that are zero; at least one column."""
    left, values, _ = torch.linalg.svd(coefficients, full_matrices=False)
    rank = max(int((values > _CUTOFF * norm).sum()), 1)
    result: Tensor = left[:, :rank] * values[:rank]
    return result
