"""The verb: a basis of all linear maps that commute with a group."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from intertwine.hom._cache import BasisMemory, basis_path, load_basis, store_basis
from intertwine.hom._characters import Count, discrete_count, lie_count
from intertwine.hom._generators import Generators, factors
from intertwine.hom._null_space import check_size, null_space, solve
from intertwine.hom._schur import multiplicities, schur
from intertwine.hom._signed_permutations import signed_permutation
from intertwine.reps import DirectSum, Rep, irrep_table

MEMORY = BasisMemory()
_LARGEST_ORDER = 1000
"""The largest order of a finite group whose reps are decomposed rather than solved for."""
_LARGEST_DIMENSION = 2500
"""The largest dimension of a rep that is decomposed rather than solved for."""


def intertwiners(rep_in: Rep, rep_out: Rep, *, folder: str | Path | None = None) -> Tensor:
    """All linear maps that commute with the group: W with rho_out(g) W = W rho_in(g) for every g.

    Exact orbits where a finite group permutes coordinates; Schur's lemma where the irreps are known; otherwise the null
    space of the constraints of the Lie algebra and the discrete generators, from random vectors projected by conjugate
    gradients that see the constraints as Kronecker products only. The rank found is held against the dimension that
    characters give, which is counted without solving.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.
        folder: Where bases are kept from one program to the next, such as ``data.user_cache() / "bases"``; in memory
            only when not given.

    Returns:
        A basis ``(k, dim_out, dim_in)`` of Hom_G(rep_in, rep_out), float64, orthonormal in the Frobenius product.

    Raises:
        ValueError: If the groups differ, or the basis would not fit into memory.
        ArithmeticError: If the rank cannot be told from rounding, or is not the one that characters give.

    Cost: time and memory grow with ``(k + 8) dim_out dim_in``, not with its square.

    Example:
        >>> from intertwine.groups import SO2, SO3
        >>> V = SO3().vector
        >>> intertwiners(V * V, V).shape  # the cross product
        torch.Size([1, 3, 9])
        >>> len(intertwiners(SO2().vector, SO2().vector))  # the complex numbers
        2
    """
    _check_groups(rep_in, rep_out)
    known = MEMORY.get(rep_in, rep_out)
    if known is not None and folder is None:
        return known
    path = None if folder is None else basis_path(folder, rep_in, rep_out)
    if path is not None and path.is_file() and known is None:
        known = load_basis(path, (rep_out.dim, rep_in.dim))
    basis = _solved(rep_in, rep_out) if known is None else known
    MEMORY.put(rep_in, rep_out, basis)
    if path is not None and (known is None or not path.is_file()):
        store_basis(path, basis)
    return basis


def _solved(rep_in: Rep, rep_out: Rep) -> Tensor:
    if not _known(rep_in, rep_out):
        return null_space(rep_in, rep_out)
    check_size(hom_dimension(rep_in, rep_out) * rep_in.dim * rep_out.dim, rep_in, rep_out)
    return schur(rep_in, rep_out)


def hom_dimension(rep_in: Rep, rep_out: Rep) -> int:
    """How many linear maps commute: sum over irreps of e m_in m_out, with e = 1, 2, 4 for real, complex, quaternionic.

    Where the irreps are not known, by characters; where these are not either, by solving.

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
        count = character_count(rep_in, rep_out)
        return len(null_space(rep_in, rep_out)) if count is None else count.dimension
    copies_in, copies_out = multiplicities(rep_in), multiplicities(rep_out)
    return sum(
        len(irrep.endomorphisms) * copies * copies_out[irrep]
        for irrep, copies in copies_in.items()
        if irrep in copies_out
    )


def character_count(rep_in: Rep, rep_out: Rep) -> Count | None:
    """The dimension of Hom_G(rep_in, rep_out) by characters, whatever else is known: the check on every basis.

    A finite group: the mean of chi_out(g) chi_in(g^-1), or the number of orbits where its elements are too many to list
    and permute coordinates. A Lie group: Weyl's formula on the weights for the identity component, then the mean trace
    of the other components on its invariants.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.

    Returns:
        ``(dimension, method)``; None for a group that is not reductive, or too large to list.

    Example:
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> character_count(SO3().trivial, V**6)
        Count(dimension=15, method='weights')
    """
    _check_groups(rep_in, rep_out)
    symmetry = Generators.of(rep_in.group)
    total, methods = 0, {"characters" if len(symmetry.algebra) == 0 else "weights": None}
    for copies_out, term_out in _terms(rep_out):
        for copies_in, term_in in _terms(rep_in):
            count = _count(term_in, term_out, symmetry)
            if count is None:
                return None
            total += copies_in * copies_out * count.dimension
            methods[count.method] = None
    return Count(total, list(methods)[-1])


def _count(rep_in: Rep, rep_out: Rep, symmetry: Generators) -> Count | None:
    if len(symmetry.algebra) == 0:
        return discrete_count(rep_in, rep_out, symmetry)
    identity = lie_count(rep_in, rep_out, symmetry)
    if identity is None or identity.dimension == 0 or len(symmetry.discrete) == 0:
        return identity
    return solve(rep_in, rep_out, symmetry)[1]


def _terms(rep: Rep) -> tuple[tuple[int, Rep], ...]:
    """The terms of a sum, equal ones together."""
    copies: dict[Rep, int] = {}
    for count, term in rep.terms if isinstance(rep, DirectSum) else ((1, rep),):
        copies[term] = copies.get(term, 0) + count
    return tuple((count, term) for term, count in copies.items())


def _known(rep_in: Rep, rep_out: Rep) -> bool:
    """Whether Schur's lemma is the way: reps written as irreps, or orthogonal ones that are cheap to decompose.

    What merely permutes coordinates is better left as it is: indicators of orbits are exact, and mean something.
    """
    group = rep_in.group
    if not (rep_in.orthogonal and rep_out.orthogonal):
        return False
    written = rep_in.irreps is not None and rep_out.irreps is not None
    cheap = (group.order or 0) <= _LARGEST_ORDER and max(rep_in.dim, rep_out.dim) <= _LARGEST_DIMENSION
    return (written or (cheap and not _permutes(rep_in, rep_out))) and irrep_table(group).complete


def _permutes(rep_in: Rep, rep_out: Rep) -> bool:
    """Whether the group is discrete and all its generators permute coordinates up to signs."""
    symmetry = Generators.of(rep_in.group)
    leaves = {leaf for rep in (rep_in, rep_out) for _, term in _terms(rep) for leaf in factors(term)}
    return len(symmetry.algebra) == 0 and all(
        signed_permutation(matrix) is not None for leaf in leaves for matrix in leaf.matrix(symmetry.discrete)
    )


def _check_groups(rep_in: Rep, rep_out: Rep) -> None:
    if rep_in.group != rep_out.group:
        raise ValueError(f"no map intertwines reps of different groups: {rep_in.group} and {rep_out.group}")
