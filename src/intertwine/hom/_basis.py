"""Basis of the intertwiners of two representations: all linear maps that commute with the group."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from intertwine.hom._cache import BasisCache, basis_path, load_basis, store_basis
from intertwine.hom._null_space import null_space
from intertwine.hom._regular import regular_maps
from intertwine.hom._schur import schur, schur_dimension
from intertwine.hom.characters import check_groups, merged_terms
from intertwine.reps import Generators, Rep, irrep_table
from intertwine.reps.solve import check_size, factors, signed_permutation

MEMORY = BasisCache()
_LARGEST_ORDER = 1000
"""The largest order of a finite group whose reps are decomposed rather than solved for."""
_LARGEST_DIMENSION = 2500
"""The largest dimension of a rep that is decomposed rather than solved for."""


def intertwiners(rep_in: Rep, rep_out: Rep, *, folder: str | Path | None = None) -> Tensor:
    """All linear maps that commute with the group: W with rho_out(g) W = W rho_in(g) for every g.

    Exact orbits where a finite group permutes coordinates; Schur's lemma where the irreps are known; otherwise the null
    space of the constraints of the Lie algebra and the discrete generators, from random vectors projected by conjugate
    gradients that see the constraints as Kronecker products only. The rank must be the dimension that characters give.

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs; of the same group.
        folder: Where bases are kept from one program to the next, such as ``data.user_cache() / "bases"``; in memory
            only when not given. What is read is verified, and computed again where it is damaged.

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
    check_groups(rep_in, rep_out)
    check_size(rep_in.dim * rep_out.dim, rep_in, rep_out)
    known = MEMORY.get(rep_in, rep_out)
    if known is not None and folder is None:
        return known
    path = None if folder is None else basis_path(folder, rep_in, rep_out)
    if path is not None and path.is_file() and known is None:
        known = load_basis(path, rep_in, rep_out)
    basis = _solved(rep_in, rep_out) if known is None else known
    MEMORY.put(rep_in, rep_out, basis)
    if path is not None and (known is None or not path.is_file()):
        store_basis(path, basis)
    return basis


def _solved(rep_in: Rep, rep_out: Rep) -> Tensor:
    if not _is_decomposed(rep_in, rep_out):
        return null_space(rep_in, rep_out)
    closed_form = regular_maps(rep_in, rep_out)
    if closed_form is not None:
        return closed_form
    check_size(schur_dimension(rep_in, rep_out) * rep_in.dim * rep_out.dim, rep_in, rep_out)
    return schur(rep_in, rep_out)


def _is_decomposed(rep_in: Rep, rep_out: Rep) -> bool:
    """Whether Schur's lemma is used: for reps written as irreps, or orthogonal ones that are cheap to decompose.

    What merely permutes coordinates is better left as it is: indicators of orbits are exact, and mean something.
    """
    group = rep_in.group
    if not (rep_in.orthogonal and rep_out.orthogonal):
        return False
    written = rep_in.irreps is not None and rep_out.irreps is not None
    cheap = (group.order or 0) <= _LARGEST_ORDER and max(rep_in.dim, rep_out.dim) <= _LARGEST_DIMENSION
    return (written or (cheap and not _is_signed_permutation(rep_in, rep_out))) and irrep_table(group).complete


def _is_signed_permutation(rep_in: Rep, rep_out: Rep) -> bool:
    """Whether the group is discrete and all its generators permute coordinates up to signs."""
    generators = Generators.of(rep_in.group)
    leaves = {leaf for rep in (rep_in, rep_out) for _, term in merged_terms(rep) for leaf in factors(term)}
    return len(generators.algebra) == 0 and all(
        signed_permutation(matrix) is not None for leaf in leaves for matrix in leaf.matrix(generators.discrete)
    )
