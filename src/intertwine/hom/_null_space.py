"""Bases of Hom_G from constraints alone, sums block by block, with ranks that characters certify."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from intertwine.hom.characters import Count, count_terms
from intertwine.reps import Generators, Rep, solve_constraints
from intertwine.reps.solve import Expected, check_size


def blocks(rep: Rep) -> Iterator[tuple[int, Rep]]:
    """The terms of a sum, copy by copy, each with the place where its block starts."""
    start = 0
    for copies, term in rep.terms:
        for _ in range(copies):
            yield start, term
            start += term.dim


def null_space(rep_in: Rep, rep_out: Rep, generators: Generators | None = None) -> Tensor:
    """An orthonormal basis ``(k, dim_out, dim_in)`` of the maps that commute, by constraints alone, float64.

    Each pair of terms is counted and solved once, and placed wherever it occurs.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs.
        generators: The generators of a subgroup; those of the group when not given.

    Raises:
        ValueError: If the basis would not fit into memory.
        ArithmeticError: If the rank is not clear, or not the one that characters give.
    """
    generators = Generators.of(rep_in.group) if generators is None else generators
    solved: dict[tuple[Rep, Rep], Tensor] = {}
    found = [torch.zeros(0, rep_out.dim, rep_in.dim, dtype=torch.float64)]
    entries = 0
    for row, term_out in blocks(rep_out):
        for column, term_in in blocks(rep_in):
            if (term_in, term_out) not in solved:
                solved[term_in, term_out] = count_and_solve(term_in, term_out, generators)[0]
            basis = solved[term_in, term_out]
            entries += len(basis) * rep_out.dim * rep_in.dim
            check_size(entries, rep_in, rep_out)
            placed = torch.zeros(len(basis), rep_out.dim, rep_in.dim, dtype=torch.float64)
            placed[:, row : row + term_out.dim, column : column + term_in.dim] = basis
            found.append(placed)
    return torch.cat(found)


def count_and_solve(rep_in: Rep, rep_out: Rep, generators: Generators) -> tuple[Tensor, Count | None]:
    """The basis ``(k, dim_out, dim_in)`` of one pair of terms, and the count that certifies it, if any."""
    connected, total = count_terms(rep_in, rep_out, generators)
    expected = Expected(connected and connected.dimension, total and total.dimension)
    return solve_constraints(rep_in, rep_out, generators, expected=expected), total
