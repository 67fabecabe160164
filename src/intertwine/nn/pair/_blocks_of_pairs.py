"""Blocks of representations of pairs: sums of products of one irrep of each group."""

from __future__ import annotations

from typing import NamedTuple

from intertwine.groups import Rep, direct_product
from intertwine.reps import Irrep, ProductIrrep, as_rep


class PairBlock(NamedTuple):
    """Some copies of rho (x) sigma, rho an irrep of the first group and sigma one of the second."""

    copies: int
    left: Irrep
    right: Irrep


def pair_rep(rep_1: Rep, rep_2: Rep, rep: Rep | str) -> Rep:
    """A representation of the product of two groups, or its text such as "4x(1,1) + 2x(2,2)".

    Raises:
        ValueError: If it belongs to another group.
    """
    group = direct_product(rep_1.group, rep_2.group)
    found = as_rep(rep, group.trivial) if isinstance(rep, str) else rep
    if found.group != group:
        raise ValueError(f"expected a representation of {group}, got {found} of {found.group}")
    return found


def pair_blocks(rep: Rep) -> list[PairBlock]:
    """The terms of a sum of irreps of a product of two groups.

    Raises:
        ValueError: If it is written otherwise, or an irrep is a half of a product of two irreps of complex type.
    """
    blocks = []
    for copies, irrep in rep.irreps or ((1, None),):
        if not isinstance(irrep, ProductIrrep) or irrep.dim != irrep.left.dim * irrep.right.dim:
            raise ValueError(f'expected a sum of pairs of irreps such as "4x(1,1)", got {rep}')
        blocks.append(PairBlock(copies, irrep.left, irrep.right))
    return blocks
