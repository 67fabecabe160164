"""Certified numerical rank: a gap between zero and nonzero values, and the dimension that characters give."""

from __future__ import annotations

from torch import Tensor

ZERO = 1e-9
"""The largest singular value, or eigenvalue, that is zero."""
GAP = 1e3
"""How many times larger the least one is that is not zero."""


def count_zeros(values: Tensor, what: str) -> int:
    """How many of some singular values or eigenvalues are zero.

    Args:
        values: ``(n,)``, of the size of one where they are not zero.
        what: The maps that are solved for, for messages.

    Raises:
        ArithmeticError: If one of them is neither zero nor clearly different from it.
    """
    zero = values <= ZERO
    unclear = values[~zero & ~(values > GAP * ZERO)]
    if len(unclear):
        raise ArithmeticError(
            f"the rank of the constraints of {what} is not clear: {float(unclear.max()):.1e} is neither zero, below"
            f" {ZERO:.0e}, nor above {GAP * ZERO:.0e}; are the generators badly scaled?"
        )
    return int(zero.sum())


def check_rank(rank: int, expected: int | None, what: str) -> None:
    """Compare the rank that was found with the one that characters give, where they give one.

    Raises:
        ArithmeticError: If they differ.
    """
    if expected is not None and rank != expected:
        more = "at least " if rank > expected else ""
        raise ArithmeticError(
            f"the constraints of {what} leave {more}{rank} maps, but characters count {expected}:"
            " the generators are not those of a representation of this group"
        )
