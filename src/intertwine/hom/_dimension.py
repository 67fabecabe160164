"""Dimension of the space of maps that commute, by multiplicities of irreps or by characters; nothing is solved."""

from __future__ import annotations

from intertwine.hom._schur import schur_dimension
from intertwine.hom.characters import character_count, check_groups
from intertwine.reps import Rep, irrep_table


def known_dimension(rep_in: Rep, rep_out: Rep) -> int | None:
    """The dimension of Hom_G(rep_in, rep_out); None where there are no characters to count with.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.
    """
    if rep_in.irreps is not None and rep_out.irreps is not None and irrep_table(rep_in.group).complete:
        return schur_dimension(rep_in, rep_out)
    count = character_count(rep_in, rep_out)
    return None if count is None else count.dimension


def hom_dimension(rep_in: Rep, rep_out: Rep) -> int:
    """How many linear maps commute: sum over irreps of e m_in m_out, with e = 1, 2, 4 for real, complex, quaternionic.

    For sums of irreps from their multiplicities m, for any other reps by characters. Nothing is solved.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.

    Raises:
        ValueError: If the groups differ, or the group is not reductive or too large to list, and has no characters to
            count with.

    Example:
        >>> from intertwine.groups import O3
        >>> hom_dimension(O3().rep("8x0e + 4x1o"), O3().rep("8x0e + 2x1o + 1x2e"))
        72
    """
    check_groups(rep_in, rep_out)
    dimension = known_dimension(rep_in, rep_out)
    if dimension is None:
        raise ValueError(
            f"{rep_in.group} has no characters to count the maps {rep_in} -> {rep_out} with;"
            " len(intertwiners(rep_in, rep_out)) solves for them"
        )
    return dimension
