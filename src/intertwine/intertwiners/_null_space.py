"""The constraint solver, for any group that states its generators; sums are solved block by block."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from intertwine.reps import DirectSum, Rep, solve_constraints


def blocks(rep: Rep) -> Iterator[tuple[int, Rep]]:
    """The terms of a sum, copy by copy, each with the place where its block starts."""
    start = 0
    for copies, term in rep.terms if isinstance(rep, DirectSum) else ((1, rep),):
        for _ in range(copies):
            yield start, term
            start += term.dim


def null_space(rep_in: Rep, rep_out: Rep) -> Tensor:
    """An orthonormal basis ``(k, dim_out, dim_in)`` of Hom_G(rep_in, rep_out) by constraints alone, float64.

    Each pair of terms is solved once and placed wherever it occurs.

    Raises:
        ValueError: If a pair of terms has more unknowns than a dense solution should be tried for.
        ArithmeticError: If the rank of the constraints cannot be told from rounding.
    """
    solved: dict[tuple[Rep, Rep], Tensor] = {}
    found = [torch.zeros(0, rep_out.dim, rep_in.dim, dtype=torch.float64)]
    for row, term_out in blocks(rep_out):
        for column, term_in in blocks(rep_in):
            if (term_in, term_out) not in solved:
                solved[term_in, term_out] = solve_constraints(term_in, term_out)
            basis = solved[term_in, term_out]
            placed = torch.zeros(len(basis), rep_out.dim, rep_in.dim, dtype=torch.float64)
            placed[:, row : row + term_out.dim, column : column + term_in.dim] = basis
            found.append(placed)
    return torch.cat(found)
