"""Fourier transforms on groups: functions on a finite group or on SO(3), and their matrices of coefficients.

One convention, with the mean over the group (Haar measure of total mass one) and real irreps D of dimension d with an
algebra of endomorphisms of dimension e (Peter and Weyl 1927):

    forward      F(D) = mean_g f(g) D(g)^T
    inverse      f(g) = sum_D (d / e) Tr(F(D) D(g))
    Plancherel   mean |f|^2 = sum_D (d / e) |F(D)|^2
    convolution  (f * h)(g) = mean_k f(k) h(k^-1 g)   has the coefficients   H(D) F(D)
    translation  f(k^-1 g) has the coefficients F(D) D(k)^T
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import SO3, FiniteGroup, Group, Irrep
from intertwine.reps.irreps import wigner_matrices

Coefficients = Mapping[Irrep, Tensor]
"""For each irrep the matrix ``(..., dim, dim)`` of coefficients."""


@dataclass(frozen=True)
class FourierTransform(ABC):
    """A transform between values at nodes of a group and coefficients of irreps."""

    @property
    @abstractmethod
    def group(self) -> Group:
        """The group."""

    @property
    @abstractmethod
    def nodes(self) -> Tensor:
        """Where functions are sampled, ``(N, n, n)``, float64."""

    @property
    @abstractmethod
    def weights(self) -> Tensor:
        """The weight of every node in the mean over the group, ``(N,)``, float64, of sum one."""

    @property
    @abstractmethod
    def irreps(self) -> tuple[Irrep, ...]:
        """The irreps that have coefficients."""

    @abstractmethod
    def forward(self, values: Tensor) -> dict[Irrep, Tensor]:
        """The coefficients of a function.

        Args:
            values: ``(..., N)``, the function at the nodes.

        Returns:
            For each irrep ``(..., dim, dim)``, of the dtype and device of the values.

        Raises:
            ValueError: If the last axis does not run over the nodes.
        """

    @abstractmethod
    def inverse(self, coefficients: Coefficients) -> Tensor:
        """The values ``(..., N)`` at the nodes of the function that has these coefficients; missing ones are zero."""

    def evaluate(self, coefficients: Coefficients, g: Tensor) -> Tensor:
        """The values ``(..., K)`` at any elements ``(K, n, n)``, one irrep at a time."""
        found = torch.zeros((), dtype=g.dtype, device=g.device)
        for irrep, matrix in coefficients.items():
            weight = irrep.dim / len(irrep.endomorphisms)
            found = found + weight * torch.einsum("...ij,kji->...k", matrix, irrep.matrix(g.to(matrix)))
        return found

    def _check(self, values: Tensor) -> None:
        if values.shape[-1:] != (len(self.weights),):
            nodes = len(self.weights)
            raise ValueError(f"values at the {nodes} nodes are (..., {nodes}), got shape {tuple(values.shape)}")


@dataclass(frozen=True)
class FiniteFourier(FourierTransform):
    """The Fourier transform of a finite group; the nodes are its elements, the inverse is exact.

    Args:
        group: A finite group whose irreps are known.

    Example:
        >>> from intertwine.groups import Octahedral
        >>> transform = FiniteFourier(Octahedral())
        >>> f = torch.randn(24, dtype=torch.float64)
        >>> bool(torch.allclose(transform.inverse(transform.forward(f)), f, atol=1e-12))
        True
    """

    finite: FiniteGroup

    @property
    def group(self) -> Group:
        """The group."""
        return self.finite

    @property
    def nodes(self) -> Tensor:
        """All elements, ``(order, n, n)``."""
        return self.finite.elements

    @property
    def weights(self) -> Tensor:
        """1 / order each."""
        return torch.full((self.finite.order,), 1 / self.finite.order, dtype=torch.float64)

    @property
    def irreps(self) -> tuple[Irrep, ...]:
        """All irreps of the group."""
        return tuple(self.finite.irreps())

    def forward(self, values: Tensor) -> dict[Irrep, Tensor]:
        """F(D) = mean f(g) D(g)^T; see ``FourierTransform.forward``. Cost: order^2."""
        self._check(values)
        g = self.nodes.to(values)
        return {D: torch.einsum("...g,gji->...ij", values, D.matrix(g)) / self.finite.order for D in self.irreps}

    def inverse(self, coefficients: Coefficients) -> Tensor:
        """f(g) = sum (d / e) Tr(F(D) D(g)); see ``FourierTransform.inverse``."""
        matrix = next(iter(coefficients.values()))
        return self.evaluate(coefficients, self.nodes.to(matrix))


@dataclass(frozen=True)
class SO3Fourier(FourierTransform):
    """The Fourier transform of SO(3) for functions of degrees 0 .. bandlimit, exact for these.

    The nodes are R_y(a) R_x(b) R_y(c): 2 L + 1 equal steps in a and in c, the L + 1 angles of Gauss and Legendre in b;
    a runs slowest, c fastest. The sums over a and c are separate, so that a transform costs O(L^4) and not O(L^6).

    Args:
        bandlimit: L, the highest degree.

    Raises:
        ValueError: If it is not a whole number, at least 0.

    Example:
        >>> transform = SO3Fourier(3)
        >>> len(transform.nodes), [irrep.dim for irrep in transform.irreps]
        (196, [1, 3, 5, 7])
    """

    bandlimit: int

    def __post_init__(self) -> None:
        if not isinstance(self.bandlimit, int) or isinstance(self.bandlimit, bool) or self.bandlimit < 0:
            raise ValueError(f"the bandlimit is a whole number, at least 0, got {self.bandlimit!r}")

    @property
    def group(self) -> Group:
        """SO(3)."""
        return SO3()

    @property
    def nodes(self) -> Tensor:
        """The rotations ``((2 L + 1)^2 (L + 1), 3, 3)``."""
        azimuthal, polar = _azimuthal_rotations(self.bandlimit), _polar_rotations(self.bandlimit)
        return torch.einsum("aij,bjk,ckl->abcil", azimuthal, polar, azimuthal).flatten(0, 2)

    @property
    def weights(self) -> Tensor:
        """Gauss-Legendre weights, over the number of azimuths squared: ``((2 L + 1)^2 (L + 1),)``."""
        steps = 2 * self.bandlimit + 1
        return (_legendre(self.bandlimit)[1].expand(steps, -1)[..., None].expand(-1, -1, steps) / steps**2).flatten()

    @property
    def irreps(self) -> tuple[Irrep, ...]:
        """Degrees 0 .. L."""
        return tuple(SO3().irrep(degree) for degree in range(self.bandlimit + 1))

    def _grid(self, values: Tensor) -> Tensor:
        steps = 2 * self.bandlimit + 1
        return values.reshape(*values.shape[:-1], steps, self.bandlimit + 1, steps)

    def forward(self, values: Tensor) -> dict[Irrep, Tensor]:
        """F(D) = mean f(g) D(g)^T by quadrature; see ``FourierTransform.forward``."""
        self._check(values)
        waves = _fourier_basis(self.bandlimit).to(values) / (2 * self.bandlimit + 1)
        # moments[s, t, b, i, j]: over c with cos or sin of i c, over a with cos or sin of j a
        moments = torch.einsum("...abc,sic,tja->...stbij", self._grid(values), waves, waves)
        weights = _legendre(self.bandlimit)[1].to(values)
        found = {}
        for degree, irrep in enumerate(self.irreps):
            inner = slice(self.bandlimit - degree, self.bandlimit + degree + 1)
            kernel = _kernels(self.bandlimit, degree).to(values)
            found[irrep] = torch.einsum("b,...stbij,stbij->...ij", weights, moments[..., inner, inner], kernel)
        return found

    def inverse(self, coefficients: Coefficients) -> Tensor:
        """f(g) = sum (2 l + 1) Tr(F(D) D(g)) at the nodes; see ``FourierTransform.inverse``."""
        first = next(iter(coefficients.values()))
        batch = sum((matrix[..., 0, 0] for matrix in coefficients.values()), first.new_zeros(())).shape
        side = 2 * self.bandlimit + 1
        moments = first.new_zeros(*batch, 2, 2, self.bandlimit + 1, side, side)
        for degree, irrep in enumerate(self.irreps):
            if irrep in coefficients:
                inner = slice(self.bandlimit - degree, self.bandlimit + degree + 1)
                kernel = irrep.dim * _kernels(self.bandlimit, degree).to(first)
                moments[..., inner, inner] += coefficients[irrep][..., None, None, None, :, :] * kernel
        waves = _fourier_basis(self.bandlimit).to(first)
        values: Tensor = torch.einsum("...stbij,sic,tja->...abc", moments, waves, waves).flatten(-3)
        return values


def _rotations_about_axis(angles: Tensor, axis: int) -> Tensor:
    return SO3().exp(angles[:, None, None] * SO3().lie_algebra[axis])


@cached_constant
def _azimuthal_rotations(bandlimit: int) -> Tensor:
    steps = 2 * bandlimit + 1
    return _rotations_about_axis(2 * pi / steps * torch.arange(steps, dtype=torch.float64), 1)


@cached_constant
def _legendre(bandlimit: int) -> Tensor:
    """Nodes cos b and weights of sum one, ``(2, L + 1)``."""
    nodes, weights = np.polynomial.legendre.leggauss(bandlimit + 1)
    return torch.from_numpy(np.stack([nodes, weights / 2]))


@cached_constant
def _polar_rotations(bandlimit: int) -> Tensor:
    return _rotations_about_axis(_legendre(bandlimit)[0].arccos(), 0)


@cached_constant
def _fourier_basis(bandlimit: int) -> Tensor:
    """cos(m a) and sin(m a) for m = -L .. L at the azimuths a, ``(2, 2 L + 1, 2 L + 1)``."""
    steps = 2 * bandlimit + 1
    m = torch.arange(-bandlimit, bandlimit + 1, dtype=torch.float64)
    phase = 2 * pi / steps * torch.outer(m, torch.arange(steps, dtype=torch.float64))
    return torch.stack([phase.cos(), phase.sin()])


@cached_constant
def _kernels(bandlimit: int, degree: int) -> Tensor:
    """The coefficients of the waves of c and a in D(R_y(a) R_x(b) R_y(c))^T, ``(2, 2, L + 1, 2 l + 1, 2 l + 1)``.

    D^l(R_y(a)) is cos(m a) on the diagonal and -sin(m a) from -m to m, so that reversing the order of m
    exchanges the two.
    """
    d = wigner_matrices(degree, _polar_rotations(bandlimit))[degree].mT
    rows = torch.stack([d, d.flip(-2)])  # cos(i c) and sin(i c)
    return torch.stack([rows, -rows.flip(-1)], dim=1)
