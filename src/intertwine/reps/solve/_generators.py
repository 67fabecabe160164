"""Generators of a group, and the linear constraints on a map V_out (x) V_in* that commutes with them."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from intertwine.groups import Group, Rep
from intertwine.reps._composite import TensorProduct, batched_kron

_MERGED = 32
"""The size up to which neighboring factors are multiplied out."""


class Generators(NamedTuple):
    """Matrices of the defining representation that generate a group or a subgroup."""

    algebra: Tensor
    """``(d, n, n)``: a basis of the Lie algebra, float64."""
    discrete: Tensor
    """``(k, n, n)``: elements that together with the identity component generate the rest, float64."""

    @classmethod
    def of(cls, group: Group) -> Self:
        """Those that a group states; all its elements when it states none but can be listed."""
        algebra, discrete = group.lie_algebra, group.discrete_generators
        if len(algebra) == len(discrete) == 0 and (group.order or 1) > 1:
            discrete = group.elements
        return cls(normalized(algebra.to(torch.float64)), discrete.to(torch.float64))


def normalized(algebra: Tensor) -> Tensor:
    """A basis of the same span, orthogonal, of squared norms 2 as rotations have it: so that units do not matter."""
    if len(algebra) == 0:
        return algebra
    _, values, rows = torch.linalg.svd(algebra.flatten(1), full_matrices=False)
    rank = int((values > 1e-12 * values[0]).sum())
    gram = algebra.flatten(1) @ algebra.flatten(1).T
    if rank == len(algebra) and torch.allclose(gram, 2 * torch.eye(rank, dtype=torch.float64), rtol=0, atol=1e-12):
        return algebra
    basis: Tensor = 2**0.5 * rows[:rank].reshape(rank, *algebra.shape[1:])
    return basis


def factors(rep: Rep) -> tuple[Rep, ...]:
    """The factors of a tensor product; of any other rep itself."""
    return rep.factors if isinstance(rep, TensorProduct) else (rep,)


class KroneckerSum:
    """x -> sum_i (1 (x) a_i (x) 1) x: an element of the Lie algebra on a tensor product.

    Args:
        matrices: One a_i for each factor, ``(d_i, d_i)``.
    """

    def __init__(self, matrices: list[Tensor]) -> None:
        self.matrices = matrices

    def __call__(self, x: Tensor) -> Tensor:
        """Apply to the columns of x, ``(N, c)``."""
        return self._sum(x, self.matrices)

    def adjoint(self, x: Tensor) -> Tensor:
        """Apply the transpose to the columns of x, ``(N, c)``."""
        return self._sum(x, [matrix.T for matrix in self.matrices])

    @staticmethod
    def _sum(x: Tensor, matrices: list[Tensor]) -> Tensor:
        x = x.contiguous()
        total, after = torch.zeros_like(x), x.shape[0]
        for matrix in matrices:
            after //= len(matrix)
            blocks = x.view(-1, len(matrix), after * x.shape[1])
            total.view_as(blocks).baddbmm_(matrix.expand(len(blocks), -1, -1), blocks)
        return total


class KroneckerDifference:
    """x -> (b_1 (x) b_2 (x) ... - 1) x: a discrete generator on a tensor product.

    Args:
        matrices: One b_i for each factor, ``(d_i, d_i)``.
    """

    def __init__(self, matrices: list[Tensor]) -> None:
        self.matrices = matrices

    def __call__(self, x: Tensor) -> Tensor:
        """Apply to the columns of x, ``(N, c)``."""
        return kronecker(self.matrices, x) - x

    def adjoint(self, x: Tensor) -> Tensor:
        """Apply the transpose to the columns of x, ``(N, c)``."""
        return kronecker([matrix.T for matrix in self.matrices], x) - x


Constraint = KroneckerSum | KroneckerDifference


def kronecker(matrices: list[Tensor], x: Tensor) -> Tensor:
    """(b_1 (x) b_2 (x) ...) x, factor by factor, for the columns of x, ``(N, c)``."""
    shape, after = x.shape, x.shape[0]
    for matrix in matrices:
        after //= len(matrix)
        blocks = x.reshape(-1, len(matrix), after * shape[1])
        x = torch.bmm(matrix.expand(len(blocks), -1, -1), blocks).view(shape)
    return x


def merge_factors(matrices: list[Tensor], *, sums: bool) -> list[Tensor]:
    """Neighboring factors ``(k, d_i, d_i)`` put together while they stay small: fewer passes over the vectors.

    Args:
        matrices: One for each factor.
        sums: Whether they act by a (x) 1 + 1 (x) b, else by a (x) b.
    """
    groups: list[Tensor] = []
    for b in matrices:
        if not groups or groups[-1].shape[-1] * b.shape[-1] > _MERGED:
            groups.append(b)
            continue
        a = groups[-1]
        one_a, one_b = (torch.eye(m.shape[-1], dtype=torch.float64).expand_as(m) for m in (a, b))
        groups[-1] = batched_kron(a, one_b) + batched_kron(one_a, b) if sums else batched_kron(a, b)
    return groups


def lie_constraints(rep_in: Rep, rep_out: Rep, algebra: Tensor) -> list[Constraint]:
    """D rho_out(A) W - W d rho_in(A) for each A, on row-major vec(W)."""
    outs = [factor.algebra(algebra) for factor in factors(rep_out)]
    ins = [-factor.algebra(algebra).mT for factor in factors(rep_in)]
    together = merge_factors(outs + ins, sums=True)
    return [KroneckerSum([matrices[k] for matrices in together]) for k in range(len(algebra))]


def discrete_constraints(rep_in: Rep, rep_out: Rep, discrete: Tensor) -> list[Constraint]:
    """rho_out(h) W rho_in(h)^-1 - W for each h, on row-major vec(W)."""
    inverse = rep_in.group.inverse(discrete)
    outs = [factor.matrix(discrete) for factor in factors(rep_out)]
    ins = [factor.matrix(inverse).mT for factor in factors(rep_in)]
    together = merge_factors(outs + ins, sums=False)
    return [KroneckerDifference([matrices[k] for matrices in together]) for k in range(len(discrete))]
