"""The verb: a basis of all linear maps that commute with a group."""

from __future__ import annotations

from torch import Tensor

from intertwine.intertwiners._null_space import null_space
from intertwine.intertwiners._schur import multiplicities, schur
from intertwine.reps import Rep, catalogue

LARGEST = 2**28
"""The most entries that a basis may have: 2 GB in float64."""


def intertwiners(rep_in: Rep, rep_out: Rep) -> Tensor:
    """All linear maps that commute with the group: W with rho_out(g) W = W rho_in(g) for every g.

    By Schur's lemma where the group's irreps are known, from the null space of the generators' constraints otherwise;
    both span the same space, whose dimension is the inner product of the characters.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.

    Returns:
        A basis ``(k, dim_out, dim_in)`` of Hom_G(rep_in, rep_out), float64, orthonormal in the Frobenius product.

    Raises:
        ValueError: If the groups differ, or the basis would not fit into memory.
        ArithmeticError: If the rank of the constraints cannot be told from rounding.

    Example:
        >>> from intertwine.groups import SO2, SO3
        >>> V = SO3().vector
        >>> intertwiners(V * V, V).shape  # the cross product
        torch.Size([1, 3, 9])
        >>> len(intertwiners(SO2().vector, SO2().vector))  # the complex numbers
        2
    """
    _check_groups(rep_in, rep_out)
    if not _known(rep_in, rep_out):
        return null_space(rep_in, rep_out)
    entries = hom_dimension(rep_in, rep_out) * rep_in.dim * rep_out.dim
    if entries > LARGEST:
        raise ValueError(
            f"the dense basis of {rep_in} -> {rep_out} would have {entries:.1e} entries, more than {LARGEST:.1e};"
            " take it apart into the terms of the sums, or decompose() the reps and work irrep by irrep"
        )
    return schur(rep_in, rep_out)


def hom_dimension(rep_in: Rep, rep_out: Rep) -> int:
    """How many linear maps commute: sum over irreps of e m_in m_out, with e = 1, 2, 4 for real, complex, quaternionic.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.

    Raises:
        ValueError: If the groups differ.

    Example:
        >>> from intertwine.groups import O3
        >>> hom_dimension(O3().rep("8x0e + 4x1o"), O3().rep("8x0e + 2x1o + 1x2e"))
        72
    """
    _check_groups(rep_in, rep_out)
    if not _known(rep_in, rep_out):
        return len(null_space(rep_in, rep_out))
    copies_in, copies_out = multiplicities(rep_in), multiplicities(rep_out)
    return sum(
        len(irrep.endomorphisms) * copies * copies_out[irrep]
        for irrep, copies in copies_in.items()
        if irrep in copies_out
    )


def _known(rep_in: Rep, rep_out: Rep) -> bool:
    """Whether Schur's lemma settles it: the irreps of the group are known and the reps orthogonal."""
    return catalogue(rep_in.group).complete and rep_in.orthogonal and rep_out.orthogonal


def _check_groups(rep_in: Rep, rep_out: Rep) -> None:
    if rep_in.group != rep_out.group:
        raise ValueError(f"no map intertwines reps of different groups: {rep_in.group} and {rep_out.group}")
