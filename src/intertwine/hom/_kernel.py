"""Steerable kernels on the orbit of a point: the formula of every equivariant convolution.

    K(g x0) = rho_out(g) K(x0) rho_in(g)^-1,      K(x0) in Hom_Stab(x0)(rho_in, rho_out)

Cohen, Geiger, Weiler, A General Theory of Equivariant CNNs on Homogeneous Spaces, NeurIPS 2019; Cesa, Lang, Weiler,
A Program to Build E(N)-Equivariant Steerable CNNs, ICLR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._on_cpu import on_cpu
from intertwine.groups import Group
from intertwine.hom._basis import intertwiners
from intertwine.hom._null_space import null_space
from intertwine.hom._orbits import Orbit, orbit_of
from intertwine.reps import Generators, Rep


@dataclass(frozen=True, eq=False)
class SteerableKernel:
    """A basis of all kernels on one orbit; made by ``steerable_kernel``.

    Args:
        rep_in: How the group acts on input features.
        rep_out: How it acts on output features.
        orbit: The orbit, with its base point.
        at_point: ``(k, dim_out, dim_in)``, float64: the basis at the base point, orthonormal.
        at_zero: ``(k, dim_out, dim_in)``, float64: its average over the orbit, which is the value at the zero vector.
    """

    rep_in: Rep
    rep_out: Rep
    orbit: Orbit
    at_point: Tensor
    at_zero: Tensor

    @property
    def group(self) -> Group:
        """The group."""
        return self.orbit.group

    @property
    def point(self) -> Tensor:
        """The base point x0, float64."""
        return self.orbit.point

    @property
    def stabilizer(self) -> Generators:
        """Generators of the stabilizer of the base point: ``(algebra, discrete)``."""
        return self.orbit.stabilizer

    def __len__(self) -> int:
        """The number of kernels k."""
        return len(self.at_point)

    def __call__(self, points: Tensor) -> Tensor:
        """The basis at points of the orbit.

        Where the group acts on points by orthogonal matrices their length does not matter, as it does not for spherical
        harmonics; the radial profile is the caller's. The zero vector has no direction: there it is the average over
        the orbit, with gradient 0.

        Args:
            points: ``(..., dim)``, on the orbit of x0 or of a positive multiple.

        Returns:
            ``(..., k, dim_out, dim_in)``, of the dtype and device of the points. Differentiable in the points: to all
            orders where all rotations act on vectors, once along other orbits of a Lie group; constant around the
            points of a finite orbit.

        Raises:
            ValueError: If a point has the wrong size or is on another orbit.
        """
        space = self.orbit.space
        if points.shape[-1:] != (space.dim,):
            raise ValueError(f"points of {space} have shape (..., {space.dim}), got {tuple(points.shape)}")
        zero = torch.zeros_like(points[..., 0], dtype=torch.bool)
        if space.orthogonal and bool(self.point.any()):
            zero = (points.detach() == 0).all(-1)
        base = self.point.to(points)
        g = self.orbit.transport(torch.where(zero[..., None], base, points))
        out, back = self.rep_out.matrix(g), self.rep_in.matrix(self.group.inverse(g))
        kernels = out.unsqueeze(-3) @ self.at_point.to(points) @ back.unsqueeze(-3)
        return torch.where(zero[..., None, None, None], self.at_zero.to(points), kernels)


def steerable_kernel(
    group: Group, point: Tensor, rep_in: Rep, rep_out: Rep, *, space: Rep | None = None
) -> SteerableKernel:
    """All kernels on the orbit of a point, K(g x) = rho_out(g) K(x) rho_in(g)^-1.

    A kernel is fixed by its value at one point, which commutes with whatever leaves that point where it is. In the
    plane that is nothing (a reflection for O(2)), in space the rotations about the point: 2 min(l_in, l_out) + 1
    kernels, the span of Clebsch-Gordan coefficients times spherical harmonics. K(R z) = D_out(R) K(z) D_in(R)^-1 is
    also the eSCN form.

    Args:
        group: The group.
        point: The base point ``(space.dim,)``; zero is an orbit of its own.
        rep_in: How the group acts on input features.
        rep_out: How it acts on output features.
        space: How it acts on points; its own matrices on vectors when not given. A point of V * V is a matrix, one of
            2 * V a pair of vectors: so every orbit of a compact group, and every closed one, is within reach.

    Returns:
        The kernels: a function of points.

    Raises:
        ValueError: If the groups differ, or the point does not fit.
        ArithmeticError: If the rank of the constraints is not clear, or not the one that characters give.

    Reference: Passaro, Zitnick, Reducing SO(3) Convolutions to SO(2) for Efficient Equivariant GNNs, ICML 2023 (eSCN).

    Example:
        >>> from intertwine.groups import SO3
        >>> G = SO3()
        >>> kernel = steerable_kernel(G, torch.tensor([0.0, 0.0, 1.0]), G.irrep(1), G.irrep(2))
        >>> kernel(torch.randn(10, 3)).shape
        torch.Size([10, 3, 5, 3])
    """
    space = group.vector if space is None else space
    for rep in (rep_in, rep_out, space):
        if rep.group != group:
            raise ValueError(f"a kernel of {group} needs reps of it, got {rep!r} of {rep.group}")
    if point.shape != (space.dim,):
        raise ValueError(f"a point of {space} has shape ({space.dim},), got {tuple(point.shape)}")
    if not bool(point.isfinite().all()):
        raise ValueError(f"a point has finite coordinates, got {point.tolist()}")
    with on_cpu():
        orbit = orbit_of(group, point.detach().to("cpu", torch.float64), space)
        at_point = null_space(rep_in, rep_out, orbit.stabilizer)
        invariant = intertwiners(rep_in, rep_out).flatten(1) if space.orthogonal else at_point[:0].flatten(1)
        at_zero = (at_point.flatten(1) @ invariant.T @ invariant).reshape(at_point.shape)
    return SteerableKernel(rep_in, rep_out, orbit, at_point, at_zero)
