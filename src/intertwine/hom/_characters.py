"""How many maps commute, counted without solving for them: the certificate of the rank."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.groups import Group, Symmetric
from intertwine.hom._cycle_types import symmetric_classes
from intertwine.hom._generators import Generators, discrete_constraints
from intertwine.hom._signed_permutations import orbit_signs
from intertwine.hom._weights import invariant_count
from intertwine.reps import DirectSum, Rep, TensorProduct

MOST_ELEMENTS = 10_000
"""The largest finite group that is listed from its generators."""
_WORK = 10**9
_CHUNK = 2**22
_UNBOUNDED = 1e6


class Count(NamedTuple):
    """The dimension of a space of maps, and who counted."""

    dimension: int
    method: str
    """"characters", "weights" or "orbits"."""


def finite_count(rep_in: Rep, rep_out: Rep, elements: Tensor, shares: Tensor | None = None) -> int | None:
    """The inner product of two characters, the mean of chi_out(g) chi_in(g^-1).

    Args:
        rep_in: How the group acts on the inputs.
        rep_out: How it acts on the outputs.
        elements: ``(m, n, n)``: all elements, or one of each conjugacy class.
        shares: ``(m,)``: which part of the group each stands for; equal ones when not given.

    Returns:
        The dimension; None where the matrices of all elements are more than a check should cost.

    Raises:
        ArithmeticError: If the mean is not a whole number: then one of the two is not a representation.
    """
    entries = _entries(rep_in) + _entries(rep_out)
    if len(elements) * entries > _WORK:
        return None
    inverse = rep_in.group.inverse(elements)
    shares = torch.full((len(elements),), 1 / len(elements), dtype=torch.float64) if shares is None else shares
    step = max(1, _CHUNK // max(entries, 1))
    total = 0.0
    for g, h, share in zip(*(torch.split(part, step) for part in (elements, inverse, shares)), strict=True):
        total += float((rep_out.character(g) * rep_in.character(h)) @ share)
    return whole(total, f"{rep_in} -> {rep_out}")


def _entries(rep: Rep) -> int:
    """How many numbers the character of one element is computed from."""
    if isinstance(rep, DirectSum):
        return sum(_entries(term) for _, term in rep.terms)
    return sum(_entries(factor) for factor in rep.factors) if isinstance(rep, TensorProduct) else rep.dim**2


def whole(mean: float, what: str) -> int:
    """A mean of characters as the whole number that it is.

    Raises:
        ArithmeticError: If it is none.
    """
    if abs(mean - round(mean)) > 1e-6 * max(1.0, abs(mean)):
        raise ArithmeticError(
            f"the characters of {what} have the inner product {mean:.6g}, which is no whole number:"
            " one of the two is not a representation of the group"
        )
    return round(mean)


def list_elements(generators: Tensor, limit: int = MOST_ELEMENTS) -> Tensor | None:
    """All products of the generators ``(k, n, n)``, the identity first; None when too many or too many ways to them."""
    identity = torch.eye(generators.shape[-1], dtype=torch.float64).unsqueeze(0)
    found = set(_fingerprints(identity))
    listed, frontier, products_made = [identity], identity, 0
    while len(frontier):
        products = (frontier[:, None] @ generators).flatten(0, 1)
        products_made += len(products)
        if products_made > 4 * limit or not float(products.abs().max() if len(products) else 0.0) < _UNBOUNDED:
            return None
        fresh = []
        for place, mark in enumerate(_fingerprints(products)):
            if mark not in found:
                found.add(mark)
                fresh.append(place)
        if len(found) > limit:
            return None
        frontier = products[fresh]
        listed.append(frontier)
    return torch.cat(listed)


def _fingerprints(g: Tensor) -> list[bytes]:
    """Each matrix ``(m, n, n)`` to six digits; the shift keeps the entries of common matrices away from the edges."""
    return [row.tobytes() for row in (g * 1e6 + 0.123456).floor().to(torch.int64).flatten(1).numpy()]


@lru_cache(maxsize=32)
def _listed_once(generators: bytes, size: int) -> Tensor | None:
    matrices = torch.frombuffer(bytearray(generators), dtype=torch.float64).reshape(-1, size, size)
    return list_elements(matrices)


def listed(group: Group, symmetry: Generators) -> Tensor | None:
    """All elements of the group that the generators generate; None when infinite or too many.

    Args:
        group: The group they are elements of.
        symmetry: The generators.
    """
    if len(symmetry.algebra):
        return None
    if len(symmetry.discrete) == 0:
        return group.identity.unsqueeze(0)
    if group.order is not None and _is_whole(group, symmetry):
        return group.elements if group.order <= MOST_ELEMENTS else None
    return _listed_once(symmetry.discrete.contiguous().numpy().tobytes(), group.dimension)


def _is_whole(group: Group, symmetry: Generators) -> bool:
    own = Generators.of(group).discrete
    return own.shape == symmetry.discrete.shape and torch.equal(own, symmetry.discrete)


def count_on_invariants(matrices: Tensor) -> int | None:
    """The dimension of what components of a group leave fixed among the invariants of the identity component.

    Args:
        matrices: ``(k, m, m)``: how their representatives act on these invariants, through a finite group.

    Returns:
        The mean trace over the group that they generate; None when that is too large to list.
    """
    size = matrices.shape[-1]
    group = list_elements(matrices, limit=max(64, min(4096, 10**6 // max(size**2, 1))))
    if group is None:
        return None
    return whole(float(group.diagonal(dim1=1, dim2=2).sum(-1).mean()), "the components of the group")


def discrete_count(rep_in: Rep, rep_out: Rep, symmetry: Generators) -> Count | None:
    """Count for a discrete group: characters of elements or classes, or the orbits of what it permutes."""
    group = rep_in.group
    if isinstance(group, Symmetric) and len(symmetry.discrete) and _is_whole(group, symmetry):
        found = finite_count(rep_in, rep_out, *symmetric_classes(group.n))
    else:
        elements = listed(group, symmetry)
        found = None if elements is None else finite_count(rep_in, rep_out, elements)
    if found is not None:
        return Count(found, "characters")
    orbits = orbit_signs(discrete_constraints(rep_in, rep_out, symmetry.discrete))
    if orbits is not None:
        return Count(int(orbits[0].amax()) + 1, "orbits")
    return None


def lie_count(rep_in: Rep, rep_out: Rep, symmetry: Generators) -> Count | None:
    """Count for the identity component: by weights."""
    found = invariant_count(rep_in, rep_out, symmetry.algebra)
    return None if found is None else Count(found, "weights")
