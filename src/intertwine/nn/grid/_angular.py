"""Steerable kernels on the circle or the sphere of directions, by degree: the part of each harmonic degree.

    K_l(x) = sum_m A_m Y_lm(x),      A in Hom_G(Y_l (x) rho_in, rho_out)

where Y_l are the harmonics of degree l. For SO(n) and O(n) there are finitely many, which :func:`steerable_kernel`
gives from the stabilizer of one direction: the Casimir operator of the action K -> rho_out(g) K rho_in(g)^-1 has the
value l (l + n - 2) on those of degree l.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from intertwine._on_cpu import on_cpu
from intertwine.groups import O2, O3, SO2, SO3, FiniteGroup, Group
from intertwine.hom import SteerableKernel, intertwiners, steerable_kernel
from intertwine.ops import circular_harmonics, spherical_harmonics
from intertwine.reps import Rep, canonical_basis

_MORE = 4
"""Random vectors beyond the dimension, which the projection must not turn into more."""
_CLEAR = 1e-8


def harmonics(degree: int, points: Tensor) -> Tensor:
    """The harmonics of one degree, ``(..., number)``: of length one at every point but zero."""
    if points.shape[-1] == 2:
        return circular_harmonics(degree, points)
    return spherical_harmonics(degree, points, normalization="norm")[..., degree**2 :]


def harmonic_rep(group: Group, degree: int) -> Rep:
    """The representation of a group of the plane or space on the harmonics of a degree: Y_l(g x) = rho(g) Y_l(x)."""
    improper = bool((torch.linalg.det(group.discrete_generators) < 0).any())
    if group.dimension == 2:
        whole: Rep = O2().irrep(degree or "0+") if improper else SO2().irrep(degree)
    else:
        whole = O3().irrep(f"{degree}{'eo'[degree % 2]}") if improper else SO3().irrep(degree)
    return whole.restrict(group)


def angular_kernels(rep_in: Rep, rep_out: Rep, lmax: int, points: Tensor) -> list[Tensor]:
    """A basis of the steerable kernels of every degree up to lmax, in the directions of points.

    Args:
        rep_in: How the group acts on input features.
        rep_out: How it acts on output features.
        lmax: The highest degree.
        points: ``(N, dimension)``, float64.

    Returns:
        For each degree ``(k, dim_out, dim_in, N)``, float64; at zero, which has no direction, its average.
    """
    group = rep_in.group
    if isinstance(group, SO2 | O2 | SO3 | O3):
        kernel = steerable_kernel(group, torch.eye(group.dimension, dtype=torch.float64)[-1], rep_in, rep_out)
        values = kernel(points).permute(1, 2, 3, 0)
        return [torch.einsum("ka,aoix->koix", part, values) for part in _by_degree(kernel, lmax)]
    found = []
    for degree in range(lmax + 1):
        maps = _maps(rep_in, rep_out, degree)
        found.append(torch.einsum("komi,xm->koix", maps, harmonics(degree, points)))
    return found


def angular_dimension(rep_in: Rep, rep_out: Rep, lmax: int) -> int:
    """The number of steerable kernels of degrees up to lmax."""
    point = torch.ones(1, rep_in.group.dimension, dtype=torch.float64)
    return sum(len(kernels) for kernels in angular_kernels(rep_in, rep_out, lmax, point))


def _by_degree(kernel: SteerableKernel, lmax: int) -> list[Tensor]:
    """For each degree the coefficients ``(k, n)`` of its kernels in the basis at the base point."""
    group, basis = kernel.group, kernel.at_point
    algebra = group.lie_algebra
    left, right = kernel.rep_out.algebra(algebra)[:, None], kernel.rep_in.algebra(algebra)[:, None]
    moved = left @ basis - basis @ right
    gram = torch.einsum("dkoi,dnoi->kn", moved, moved)  # the Casimir operator: rho_out and rho_in are orthogonal
    values, vectors = torch.linalg.eigh(gram)
    found = []
    for degree in range(lmax + 1):
        level = degree * (degree + group.dimension - 2)
        found.append(canonical_basis(vectors.T[(values - level).abs() < 1e-6]))
    return found


@lru_cache(maxsize=4096)
def _cached_maps(rep_in: Rep, rep_out: Rep, degree: int) -> Tensor:
    group = rep_in.group
    with on_cpu(), torch.inference_mode(False), torch.no_grad():
        harmonic = harmonic_rep(group, degree)
        if not isinstance(group, FiniteGroup):
            maps = intertwiners(harmonic * rep_in, rep_out)
            return maps.reshape(len(maps), rep_out.dim, harmonic.dim, rep_in.dim)
        matrices = [rep.matrix(group.elements) for rep in (rep_out, harmonic, rep_in)]
        count = round(float(torch.stack([m.diagonal(dim1=-2, dim2=-1).sum(-1) for m in matrices]).prod(0).mean()))
        shape = tuple(m.shape[-1] for m in matrices)
        if count == 0:
            return torch.zeros(0, *shape, dtype=torch.float64)
        generator = torch.Generator().manual_seed(0)
        draws = torch.randn(count + _MORE, *shape, generator=generator, dtype=torch.float64)
        result: Tensor = canonical_basis(_group_average(matrices, draws, count)).unflatten(-1, shape)
        return result


def _maps(rep_in: Rep, rep_out: Rep, degree: int) -> Tensor:
    """A basis ``(k, dim_out, 2 l + 1, dim_in)`` of Hom_G(Y_l (x) rho_in, rho_out); the caller does not change it."""
    return _cached_maps(rep_in, rep_out, degree)


def _group_average(matrices: list[Tensor], draws: Tensor, count: int) -> Tensor:
    """The averages of random maps over a finite group: an orthonormal basis ``(count, entries)`` of what commutes."""
    out, middle, right = matrices
    total = torch.zeros_like(draws)
    for g in range(len(out)):
        total += torch.einsum("kami,oa,nm,ji->konj", draws, out[g], middle[g], right[g])
    values, rows = torch.linalg.svd(total.flatten(1) / len(out), full_matrices=False)[1:]
    rank = int((values > _CLEAR * values[0]).sum())
    assert rank == count, f"the characters give {count} maps, the average over the group {rank}"
    result: Tensor = rows[:count]
    return result
