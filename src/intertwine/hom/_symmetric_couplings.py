"""Symmetric couplings: equivariant maps from a symmetric power, as tensors with one axis for each factor."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, permutations

import torch
from torch import Tensor

from intertwine._bounds import check_entries
from intertwine._cached_constant import cached_constant
from intertwine._errors import UsageError
from intertwine.hom._basis import intertwiners
from intertwine.reps import Rep

_INDEPENDENT = 1e-9
"""Singular values below it belong to couplings that are sums of others."""


@cached_constant
def symmetric_couplings(rep_in: Rep, rep_out: Rep, order: int) -> Tensor:
    """An orthonormal basis of the equivariant maps of n equal factors V to an irrep W, Hom_G(Sym^n V, W).

        f_p(x)_m = sum over a, b, ... of U_p,m,a,b,... x_a x_b ...,     U the same for all orders of a, b, ...

    The polynomials of degree n that turn as W does: the many-body features of the atomic cluster expansion, where x is
    the sum over the neighbors of an atom. For each choice of n irreps of V, all chains of Clebsch-Gordan couplings
    (intertwiners of two factors) are symmetrized, and the independent ones among them kept.

    Args:
        rep_in: V, a sum of irreps with an orthogonal basis; of each irrep one copy.
        rep_out: W, an irrep of the same group.
        order: n, 1 or more.

    Returns:
        ``(paths, W.dim, V.dim, ..., V.dim)`` float64, orthonormal in the Frobenius product.

    Raises:
        UsageError: V has copies, W is no irrep, or the tensors are too large.

    Law: the number of paths is the dimension of Hom_G(Sym^n V, W).

    Reference: Batatia et al., MACE, NeurIPS 2022, equation 10; Drautz, Atomic cluster expansion, Physical Review B
    2019.

    Example:
        >>> from intertwine.groups import O3
        >>> rep = O3().rep("0e + 1o + 2e")
        >>> [len(symmetric_couplings(rep, O3().rep("0e"), order)) for order in (1, 2, 3)]
        [1, 3, 5]
    """
    terms = [term for copies, term in rep_in.terms for _ in range(copies)]
    if rep_in.irreps is None or rep_out.irreps is None or len(rep_out.terms) != 1 or rep_out.terms[0][0] != 1:
        raise UsageError(f"symmetric couplings go from a sum of irreps to one irrep, got {rep_in} and {rep_out}")
    if len(set(terms)) < len(terms) or order < 1:
        raise UsageError(f"symmetric couplings take one copy of each irrep and an order of 1 or more, got {rep_in}")
    dim, out = rep_in.dim, rep_out.terms[0][1]
    check_entries(out.dim * dim**order, "the symmetric couplings")
    starts = [sum(term.dim for term in terms[:index]) for index in range(len(terms))]
    found = []
    for chosen in combinations_with_replacement(range(len(terms)), order):
        candidates = []
        for coupling in _chains([terms[index] for index in chosen], out):
            whole = torch.zeros(out.dim, *(dim,) * order, dtype=torch.float64)
            place = tuple(slice(starts[index], starts[index] + terms[index].dim) for index in chosen)
            whole[(slice(None), *place)] = coupling
            axes = list(permutations(range(1, order + 1)))
            candidates.append(sum((whole.permute(0, *each) for each in axes), torch.zeros(())) / len(axes))
        if candidates:
            found.append(_independent(torch.stack(candidates)))
    return torch.cat(found) if found else torch.zeros(0, out.dim, *(dim,) * order, dtype=torch.float64)


def _chains(factors: list[Rep], out: Rep) -> Iterator[Tensor]:
    """Couplings ``(out.dim, d_1, ..., d_n)`` of the factors one after the other, through every irrep on the way."""
    first, *rest = factors
    if not rest:
        for map_ in intertwiners(first, out):
            yield map_
        return
    if len(rest) == 1:
        for map_ in intertwiners(first * rest[0], out):
            yield map_.unflatten(1, (first.dim, rest[0].dim))
        return
    *before, last = factors
    middle = before[0]
    for factor in before[1:]:
        middle = (middle * factor).decompose().irreps
    for _, irrep in middle.terms:
        for closing in intertwiners(irrep * last, out):
            for chain in _chains(before, irrep):
                step = closing.unflatten(1, (irrep.dim, last.dim))
                yield torch.einsum("omz,m...->o...z", step, chain)


def _independent(candidates: Tensor) -> Tensor:
    """An orthonormal basis of the span of tensors ``(n, ...)``."""
    rows = candidates.flatten(1)
    _, values, basis = torch.linalg.svd(rows, full_matrices=False)
    independent: Tensor = basis[values > _INDEPENDENT * max(1.0, float(values.max()))]
    return independent.reshape(-1, *candidates.shape[1:])
