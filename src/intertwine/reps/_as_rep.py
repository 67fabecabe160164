"""Representations given as a value or as text."""

from __future__ import annotations

from intertwine.groups import O3, Rep


def as_rep(rep: Rep | str, other: Rep | str | None = None) -> Rep:
    """The representation that an argument stands for: itself, or what its text says.

    Args:
        rep: A representation, or text such as "8x0e + 4x1o" (an ``e3nn.o3.Irreps`` as well).
        other: A second argument beside it. If this is a representation, the text is read in the grammar of its group;
            else in that of O(3), which is e3nn's.

    Raises:
        UsageError: If the text cannot be read, a ValueError.
        TypeError: If it is neither text nor a representation.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> print(as_rep("8x0e + 4x1o"), "|", as_rep("2x0 + 1", Cyclic(4).regular))
        8x0e + 4x1o | 2x0 + 1x1
    """
    if isinstance(rep, Rep):
        return rep
    group = other.group if isinstance(other, Rep) else O3()
    return group.rep(rep)
