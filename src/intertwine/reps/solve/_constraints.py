"""Solver of the linear constraints of an equivariant map: a basis of Hom_G(rep_in, rep_out) from generators alone.

    d rho_out(A) W = W d rho_in(A)     for A in a basis of the Lie algebra
      rho_out(h) W = W rho_in(h)       for h among the discrete generators

The constraints stay Kronecker products. Where the discrete generators permute coordinates up to signs the solutions are
the orbits, exactly; otherwise random vectors are projected onto the null space by conjugate gradients. A Lie group that
is not connected is solved in two steps: the invariants of the identity component, and those that the discrete
generators leave fixed among them.

Reference: Finzi, Welling, Wilson, A Practical Method for Constructing Equivariant Multilayer Perceptrons for Arbitrary
Matrix Groups, ICML 2021 (eq. 7). There the constraints are matrices and the rank is what descent happens to find.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._bounds import LARGEST_ENTRIES, shorten, show_count
from intertwine._on_cpu import on_cpu
from intertwine.groups import Rep
from intertwine.reps.solve._canonical_basis import canonical_basis
from intertwine.reps.solve._generators import Constraint, Generators, discrete_constraints, lie_constraints
from intertwine.reps.solve._projection import null_space
from intertwine.reps.solve._rank import check_rank, count_zeros
from intertwine.reps.solve._signed_permutations import orbit_basis, orbit_signs

RESIDUAL = 1e-10
"""The largest entry of a violated constraint that a solution may have."""
LARGEST = LARGEST_ENTRIES
"""The most entries that a basis may have: 2 GB in float64."""


UNKNOWN = 24
"""The number of maps that memory is kept for where their dimension is not known beforehand."""


class Expected(NamedTuple):
    """Dimensions that are known beforehand, by characters; None where they are not."""

    connected: int | None = None
    """Of the maps that commute with the identity component."""
    total: int | None = None
    """Of the maps that commute with all generators."""


def solve_constraints(
    rep_in: Rep, rep_out: Rep, generators: Generators | None = None, *, expected: Expected | None = None
) -> Tensor:
    """An orthonormal basis of Hom_G(rep_in, rep_out), in echelon form, hence depending on the reps alone.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs.
        generators: Those of a subgroup; those of the group when not given.
        expected: Dimensions that the ranks must have.

    Returns:
        ``(k, dim_out, dim_in)``, float64, orthonormal in the Frobenius product.

    Raises:
        ValueError: If the basis would not fit into memory.
        ArithmeticError: If a rank is not clear or not the expected one.

    Cost: time and memory grow with ``(k + 8) dim_out dim_in``, not with its square.

    Example:
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> solve_constraints(V * V, V).shape  # the cross product
        torch.Size([1, 3, 9])
    """
    generators = Generators.of(rep_in.group) if generators is None else generators
    expected = Expected() if expected is None else expected
    size, what = rep_out.dim * rep_in.dim, f"{rep_in} -> {rep_out}"
    if size == 0:
        return torch.zeros(0, rep_out.dim, rep_in.dim, dtype=torch.float64)
    unknown = expected.connected is None and expected.total is None
    for maps in (1, UNKNOWN if unknown else 1):
        check_size(size * maps, rep_in, rep_out)
    free = len(generators.algebra) == len(generators.discrete) == 0
    check_size(size * (size if free else max(1, expected.connected or expected.total or 0)), rep_in, rep_out)
    with on_cpu():
        algebra = lie_constraints(rep_in, rep_out, generators.algebra)
        discrete = discrete_constraints(rep_in, rep_out, generators.discrete)
        orbits = None if algebra or not discrete else orbit_signs(discrete)
        if orbits is not None:
            number = int(orbits[0].amax()) + 1
            check_rank(number, expected.total, what)
            check_size(size * number, rep_in, rep_out)
            basis = orbit_basis(*orbits)
        else:
            basis = canonical_basis(_invariants(algebra, discrete, size, expected, what))
            basis = torch.where(basis.abs() < 1e-13, 0, basis)  # rounding residues of exact zeros
        _check_residual(algebra + discrete, basis, what)
    return basis.reshape(-1, rep_out.dim, rep_in.dim)


def check_size(entries: int, rep_in: Rep, rep_out: Rep) -> None:
    """Refuse a basis that would not fit.

    Raises:
        ValueError: If it has too many entries.
    """
    if entries > LARGEST:
        raise ValueError(
            f"the dense basis of {shorten(f'{rep_in} -> {rep_out}')} would have {show_count(entries)} entries, more"
            f" than {show_count(LARGEST)}; take it apart into the terms of the sums, or decompose() the reps and"
            " work irrep by irrep"
        )


def _invariants(
    algebra: list[Constraint], discrete: list[Constraint], size: int, expected: Expected, what: str
) -> Tensor:
    """An orthonormal basis ``(k, size)`` of the solutions."""
    if not algebra and not discrete:
        check_rank(size, expected.total, what)
        return torch.eye(size, dtype=torch.float64)
    if not algebra:
        return null_space(discrete, size, expected.total, what)
    basis = null_space(algebra, size, expected.connected, what)
    if discrete and len(basis):
        basis = _fixed(discrete, basis, what)
    check_rank(len(basis), expected.total, what)
    return basis


def _fixed(constraints: list[Constraint], basis: Tensor, what: str) -> Tensor:
    """Those combinations of the rows of a basis ``(m, size)`` that satisfy constraints: orthonormal, ``(k, size)``."""
    images = [constraint(basis.T) for constraint in constraints]
    gram = torch.stack([image.T @ image for image in images]).sum(0)
    values, vectors = torch.linalg.eigh(gram)
    fixed: Tensor = vectors[:, : count_zeros(values, what)].T @ basis
    return fixed


def _check_residual(constraints: list[Constraint], basis: Tensor, what: str) -> None:
    """Raise if a solution breaks a constraint."""
    worst = max((float(c(basis.T).abs().max()) for c in constraints if len(basis)), default=0.0)
    if not worst <= RESIDUAL:
        raise ArithmeticError(f"a map of {what} breaks a constraint by {worst:.1e}; are the generators badly scaled?")
