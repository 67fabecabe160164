"""Bases of the filters of a grid convolution: which functions of the position a filter is a sum of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import floor

import torch
from torch import Tensor

from intertwine.groups import FiniteGroup, Group
from intertwine.hom import steerable_kernel
from intertwine.nn.grid._angular import angular_kernels, harmonics
from intertwine.ops import kernel_points, smooth_ring
from intertwine.reps import Rep

_VANISHING = 1e-3
"""A filter of this norm, relative to that of its ring, is zero on the pixels up to aliasing: it is left out."""


def preserves_grid(group: Group) -> bool:
    """Whether all elements permute the axes of the grid up to signs: rotations by 90 degrees and reflections."""
    return isinstance(group, FiniteGroup) and bool(torch.equal(group.elements, group.elements.round()))


def check_moves_grid(group: Group, layer: str) -> int:
    """The dimension of the grid: that of the plane or space on which a group of orthogonal matrices acts.

    Raises:
        ValueError: If it is another group.
    """
    if group.dimension not in (2, 3) or not group.orthogonal:
        raise ValueError(
            f"{layer} needs a group that moves the plane or space by orthogonal matrices, such as Cyclic(8), SO2(), "
            f"Octahedral() or SO3(), got {group}"
        )
    return group.dimension


class KernelBasis(ABC):
    """The functions of the position that filters are made of. A frozen value: hashed, compared and pickled as such."""

    @abstractmethod
    def kernels(self, rep_in: Rep, rep_out: Rep, kernel_size: int) -> Tensor:
        """A basis of the kernels K with K(g x) = rho_out(g) K(x) rho_in(g)^-1, on the pixels.

        Args:
            rep_in: How the group acts on input features.
            rep_out: How it acts on output features.
            kernel_size: Pixels along an axis.

        Returns:
            ``(k, dim_out, dim_in, pixels)``, float64.
        """

    @abstractmethod
    def functions(self, group: FiniteGroup, kernel_size: int) -> Tensor:
        """The scalar functions f_b(h^-1 x) for each element h, on the pixels.

        Returns:
            ``(order, functions, pixels)``, float64. The space of the functions need not be that of its translate by h
            once sampled, unless the group preserves the grid.
        """


@dataclass(frozen=True)
class PixelBasis(KernelBasis):
    """All filters: each pixel is free. For groups that map the pixel grid to itself; exact.

        K(g x0) = rho_out(g) K(x0) rho_in(g)^-1,      K(x0) in Hom_Stab(x0)(rho_in, rho_out)

    for one pixel x0 of each orbit. Between regular representations of H there are k^2 |H| filters in the plane and
    k^3 |H| in space: the group convolution of Cohen and Welling.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> C4 = Cyclic(4)
        >>> len(PixelBasis().kernels(C4.regular, C4.regular, 3))
        36
    """

    def kernels(self, rep_in: Rep, rep_out: Rep, kernel_size: int) -> Tensor:
        """See :meth:`KernelBasis.kernels`.

        Raises:
            ValueError: If the group does not preserve the grid.
        """
        group = _grid_group(rep_in.group)
        points = kernel_points(kernel_size, group.dimension)
        place = _permutation(group, points)
        found, seen = [torch.zeros(0, rep_out.dim, rep_in.dim, len(points), dtype=torch.float64)], set[int]()
        for start in range(len(points)):
            if start in seen:
                continue
            orbit = place[:, start].unique()
            seen.update(orbit.tolist())
            kernel = steerable_kernel(group, points[start], rep_in, rep_out)
            filters = torch.zeros(len(kernel), rep_out.dim, rep_in.dim, len(points), dtype=torch.float64)
            filters[..., orbit] = kernel(points[orbit]).permute(1, 2, 3, 0)
            found.append(filters)
        return torch.cat(found)

    def functions(self, group: FiniteGroup, kernel_size: int) -> Tensor:
        """One function for each pixel, which is one there and else zero; see :meth:`KernelBasis.functions`."""
        group = _grid_group(group)
        place = _permutation(group, kernel_points(kernel_size, group.dimension))
        return torch.nn.functional.one_hot(place, place.shape[1]).to(torch.float64)


@dataclass(frozen=True)
class RingBasis(KernelBasis):
    """Harmonics on rings, smoothed with a Gaussian, up to a band limit for each ring. For every compact group.

        K(x) = sum_rl w_rl R_rl(|x|) K_l(x / |x|),      l <= max(band_limit r, min(2 r, 2))

    with K_l the steerable kernels of degree l, and R_rl the profile of a harmonic on the circle or sphere of radius r
    after smoothing: see :func:`intertwine.ops.smooth_ring`. The radii r are those of the pixels of an axis: 0, 1, 2 ..
    for odd kernels, 1/2, 3/2 .. for even ones. Higher degrees would alias and break equivariance between the
    symmetries of the grid.

    Args:
        sigma: The width of the Gaussian, in pixels. Wider rings alias less.
        outer_sigma: That of the outermost ring, which the edge of the filter cuts off: a narrower one is cut less.
        band_limit: The highest wave number along a ring, in radians for each pixel; that of the pixels is pi.

    Raises:
        ValueError: If a number is not positive.

    Reference: Weiler and Cesa, General E(2)-equivariant steerable CNNs, NeurIPS 2019, appendix F.

    Example:
        >>> from intertwine.groups import SO2
        >>> G = SO2()
        >>> [len(RingBasis().kernels(G.trivial, G.trivial, k)) for k in (1, 3, 5)]
        [1, 2, 3]
    """

    sigma: float = 0.6
    outer_sigma: float = 0.43
    band_limit: float = 1.0

    def __post_init__(self) -> None:
        if not min(self.sigma, self.outer_sigma, self.band_limit) > 0:
            raise ValueError(f"the widths and the band limit of rings must be positive, got {self}")

    def rings(self, kernel_size: int) -> list[tuple[float, int, float]]:
        """The radius, the highest degree and the width of each ring, from the innermost."""
        radii = [(kernel_size - 1) / 2 % 1 + step for step in range((kernel_size + 1) // 2)]
        limits = [max(floor(self.band_limit * r + 1e-9), min(int(2 * r), 2)) for r in radii]
        return list(zip(radii, limits, [self.sigma] * (len(radii) - 1) + [self.outer_sigma], strict=True))

    def kernels(self, rep_in: Rep, rep_out: Rep, kernel_size: int) -> Tensor:
        """See :meth:`KernelBasis.kernels`."""
        points, rings = kernel_points(kernel_size, rep_in.group.dimension), self.rings(kernel_size)
        angular = angular_kernels(rep_in, rep_out, max(limit for _, limit, _ in rings), points)
        found = [torch.zeros(0, rep_out.dim, rep_in.dim, len(points), dtype=torch.float64)]
        for radius, limit, sigma in rings:
            for degree, kernels in enumerate(angular[: limit + 1]):
                profile = smooth_ring(radius, degree, sigma, points)
                filters = kernels * (profile / profile.norm())
                found.append(filters[filters.flatten(1).norm(dim=1) > _VANISHING])
        return torch.cat(found)

    def functions(self, group: FiniteGroup, kernel_size: int) -> Tensor:
        """Rings times harmonics; see :meth:`KernelBasis.functions`."""
        points = kernel_points(kernel_size, group.dimension)
        rotated = torch.einsum("hji,xj->hxi", group.elements, points)  # h^-1 x
        found = []
        for radius, limit, sigma in self.rings(kernel_size):
            for degree in range(limit + 1):
                profile = smooth_ring(radius, degree, sigma, points)
                found.append((harmonics(degree, rotated) * (profile / profile.norm())[:, None]).mT)
        functions = torch.cat(found, 1)
        return functions[:, functions[0].norm(dim=-1) > _VANISHING]


def default_basis(group: Group) -> KernelBasis:
    """All filters where the group preserves the grid, else rings."""
    return PixelBasis() if preserves_grid(group) else RingBasis()


def _grid_group(group: Group) -> FiniteGroup:
    if not isinstance(group, FiniteGroup) or not preserves_grid(group):
        raise ValueError(
            f"{group} does not map the pixels of a kernel to each other: use RingBasis(), or a group of rotations by "
            "90 degrees and reflections"
        )
    return group


def _permutation(group: FiniteGroup, points: Tensor) -> Tensor:
    """The place of g x for each element and each pixel x, ``(order, pixels)``."""
    return (
        torch.cdist(torch.einsum("gij,xj->gxi", group.elements, points).flatten(0, 1), points)
        .argmin(-1)
        .view(-1, len(points))
    )
