"""The constraint solver, for any group that states its generators; sums are solved block by block.

    d rho_out(A) W = W d rho_in(A)     for A in a basis of the Lie algebra
      rho_out(h) W = W rho_in(h)       for h among the discrete generators

Reference: Finzi, Welling, Wilson, A Practical Method for Constructing Equivariant Multilayer Perceptrons for Arbitrary
Matrix Groups, ICML 2021 (eq. 7). There the constraints are matrices and the rank is what descent happens to find; here
they stay Kronecker products, and the rank is checked by characters.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from intertwine.hom._characters import Count, count_on_invariants, discrete_count, lie_count
from intertwine.hom._generators import (
    Constraint,
    Generators,
    discrete_constraints,
    lie_constraints,
)
from intertwine.hom._projection import check_rank, matrix_free_null_space
from intertwine.hom._signed_permutations import orbit_basis, orbit_signs
from intertwine.reps import DirectSum, Rep
from intertwine.reps.solve._constraints import canonical_basis

RESIDUAL = 1e-10
"""The largest entry of a violated constraint that a solution may have."""
LARGEST = 2**28
"""The most entries that a basis may have: 2 GB in float64."""
_ZERO = 1e-9


def blocks(rep: Rep) -> Iterator[tuple[int, Rep]]:
    """The terms of a sum, copy by copy, each with the place where its block starts."""
    start = 0
    for copies, term in rep.terms if isinstance(rep, DirectSum) else ((1, rep),):
        for _ in range(copies):
            yield start, term
            start += term.dim


def null_space(rep_in: Rep, rep_out: Rep, symmetry: Generators | None = None) -> Tensor:
    """An orthonormal basis ``(k, dim_out, dim_in)`` of the maps that commute, by constraints alone, float64.

    Each pair of terms is solved once and placed wherever it occurs.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs.
        symmetry: The generators of a subgroup; those of the group when not given.

    Raises:
        ValueError: If the basis would not fit into memory.
        ArithmeticError: If the rank is not clear, or not the one that characters give.
    """
    symmetry = Generators.of(rep_in.group) if symmetry is None else symmetry
    solved: dict[tuple[Rep, Rep], Tensor] = {}
    found = [torch.zeros(0, rep_out.dim, rep_in.dim, dtype=torch.float64)]
    entries = 0
    for row, term_out in blocks(rep_out):
        for column, term_in in blocks(rep_in):
            if (term_in, term_out) not in solved:
                solved[term_in, term_out] = solve(term_in, term_out, symmetry)[0]
            basis = solved[term_in, term_out]
            entries += len(basis) * rep_out.dim * rep_in.dim
            check_size(entries, rep_in, rep_out)
            placed = torch.zeros(len(basis), rep_out.dim, rep_in.dim, dtype=torch.float64)
            placed[:, row : row + term_out.dim, column : column + term_in.dim] = basis
            found.append(placed)
    return torch.cat(found)


def check_size(entries: int, rep_in: Rep, rep_out: Rep) -> None:
    """Refuse a basis that would not fit.

    Raises:
        ValueError: If it has too many entries.
    """
    if entries > LARGEST:
        raise ValueError(
            f"the dense basis of {rep_in} -> {rep_out} would have {entries:.1e} entries, more than {LARGEST:.1e};"
            " take it apart into the terms of the sums, or decompose() the reps and work irrep by irrep"
        )


def solve(rep_in: Rep, rep_out: Rep, symmetry: Generators) -> tuple[Tensor, Count | None]:
    """One pair of reps, matrix-free: orbits where coordinates are permuted, projected random vectors elsewhere.

    Returns:
        The basis ``(k, dim_out, dim_in)``, orthonormal, in echelon form, and the count by characters that it was
        checked against; None where there is none.
    """
    shape, size = (rep_out.dim, rep_in.dim), rep_out.dim * rep_in.dim
    what = f"{rep_in} -> {rep_out}"
    if size == 0:
        return torch.zeros(0, *shape, dtype=torch.float64), Count(0, "characters")
    with torch.device("cpu"):
        discrete = discrete_constraints(rep_in, rep_out, symmetry.discrete)
        if len(symmetry.algebra):
            algebra = lie_constraints(rep_in, rep_out, symmetry.algebra)
            count = lie_count(rep_in, rep_out, symmetry)
            check_size(size * (count.dimension if count else 0), rep_in, rep_out)
            basis = matrix_free_null_space(algebra, size, count.dimension if count else None, what)
            basis, count = fixed_by(discrete, basis, count, what)
            exact = False
        else:
            algebra, count = [], discrete_count(rep_in, rep_out, symmetry)
            basis, exact = _discrete_basis(discrete, size, count, rep_in, rep_out)
        basis = basis if exact else _tidy(canonical_basis(basis))
        _check_residual(algebra + discrete, basis, what)
    return basis.reshape(-1, *shape), count


def _discrete_basis(
    constraints: list[Constraint], size: int, count: Count | None, rep_in: Rep, rep_out: Rep
) -> tuple[Tensor, bool]:
    """For a discrete group; and whether it is in echelon form already."""
    what = f"{rep_in} -> {rep_out}"
    if not constraints:
        check_size(size * size, rep_in, rep_out)
        return torch.eye(size, dtype=torch.float64), True
    orbits = orbit_signs(constraints)
    if orbits is None:
        check_size(size * (count.dimension if count else 0), rep_in, rep_out)
        return matrix_free_null_space(constraints, size, count.dimension if count else None, what), False
    number = int(orbits[0].amax()) + 1
    check_rank(number, count.dimension if count else None, what)
    check_size(size * number, rep_in, rep_out)
    return orbit_basis(*orbits), True


def fixed_by(
    constraints: list[Constraint], basis: Tensor, count: Count | None, what: str
) -> tuple[Tensor, Count | None]:
    """Those combinations of rows of the basis that the discrete generators leave fixed, and their count.

    Args:
        constraints: ``rho(h) - 1`` for each discrete generator.
        basis: ``(m, N)``, orthonormal: the invariants of the identity component.
        count: Whether their number is certain.
        what: The question, for messages.
    """
    if not constraints or len(basis) == 0:
        return basis, count
    images = [constraint(basis.T) for constraint in constraints]
    gram = sum((image.T @ image for image in images), torch.zeros(len(basis), len(basis), dtype=torch.float64))
    values, vectors = torch.linalg.eigh(gram)
    rank = int((values < _ZERO).sum())
    if rank < len(values) and float(values[rank]) < 1e3 * _ZERO:
        raise ArithmeticError(
            f"the rank of the discrete constraints of {what} is not clear: eigenvalue {float(values[rank]):.1e}"
        )
    matrices = torch.stack([basis @ image for image in images]) + torch.eye(len(basis), dtype=torch.float64)
    inside = all(float((image - basis.T @ (basis @ image)).abs().max()) < _ZERO for image in images)
    number = count_on_invariants(matrices) if count is not None and inside else None
    check_rank(rank, number, what)
    kept = vectors[:, :rank].T @ basis
    return kept, None if number is None else Count(number, "weights and components")


def _tidy(basis: Tensor) -> Tensor:
    """Rounding residues of exact zeros, which only distract who reads the basis, become zeros."""
    return torch.where(basis.abs() < 1e-13, 0, basis)


def _check_residual(constraints: list[Constraint], basis: Tensor, what: str) -> None:
    """Raise if a solution breaks a constraint."""
    worst = max((float(c(basis.T).abs().max()) for c in constraints if len(basis)), default=0.0)
    if not worst <= RESIDUAL:
        raise ArithmeticError(f"a map of {what} breaks a constraint by {worst:.1e}; are the generators badly scaled?")
