"""Dimension of the space of maps that commute, by characters: the certificate of the rank, without solving."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.groups import FiniteGroup, Group, Symmetric, list_elements
from intertwine.hom._regular import regular_count
from intertwine.hom.characters._cycle_types import partition_count, symmetric_classes
from intertwine.hom.characters._planar_count import planar_count
from intertwine.hom.characters._weights import component_trace, invariant_count
from intertwine.reps import DirectSum, Generators, Rep, TensorProduct
from intertwine.reps.solve import discrete_constraints, orbit_signs

MOST_ELEMENTS = 10_000
"""The largest finite group that is listed from its generators."""
MOST_COMPONENTS = 1000
"""The largest finite group of representatives of the components of a Lie group that is listed."""
MOST_PERMUTED = 32
"""The largest n of a symmetric group whose conjugacy classes are listed: 8,349."""
MOST_INDICES = 2**24
"""The most entries of a map whose orbits are counted."""
_WORK = 10**9
_CHUNK = 2**22


class Count(NamedTuple):
    """The dimension of a space of maps, and how it was counted."""

    dimension: int
    method: str
    """"characters", "weights", "weights and components" or "orbits"."""


def character_inner_product(rep_in: Rep, rep_out: Rep, elements: Tensor, shares: Tensor | None = None) -> int | None:
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
    """The number of matrix entries from which the character of one element is computed."""
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


@lru_cache(maxsize=32)
def _listed_once(generators: bytes, size: int) -> Tensor | None:
    matrices = torch.frombuffer(bytearray(generators), dtype=torch.float64).reshape(-1, size, size)
    return list_elements(matrices, MOST_ELEMENTS)


def listed(group: Group, generators: Generators) -> Tensor | None:
    """All elements of the group that the generators generate; None when infinite or too many.

    Args:
        group: The group they are elements of.
        generators: The generators.
    """
    if len(generators.algebra):
        return None
    if len(generators.discrete) == 0:
        return group.identity.unsqueeze(0)
    if group.order is not None and _is_whole(group, generators):
        return group.elements if group.order <= MOST_ELEMENTS else None
    return _listed_once(generators.discrete.contiguous().numpy().tobytes(), group.dimension)


def _is_whole(group: Group, generators: Generators) -> bool:
    own = Generators.of(group).discrete
    return own.shape == generators.discrete.shape and torch.equal(own, generators.discrete)


def conjugacy_classes(elements: Tensor, generators: Tensor) -> tuple[Tensor, Tensor]:
    """One element of each conjugacy class of a finite group.

    Args:
        elements: ``(m, n, n)``: all elements.
        generators: ``(k, n, n)``: those that generate it.

    Returns:
        ``(classes, n, n)``, and the share of the group that each class has, ``(classes,)``, float64.
    """
    conjugated = generators[:, None] @ elements @ torch.linalg.inv(generators)[:, None]
    moves = [torch.cdist(each.flatten(1), elements.flatten(1)).argmin(1) for each in conjugated]
    graph = torch.arange(len(elements))
    for _ in elements:  # every element takes the least number of what generators conjugate it into
        before = graph.clone()
        for move in moves:
            graph = torch.minimum(graph, graph[move])
        if torch.equal(graph, before):
            break
    first, sizes = graph.unique(return_counts=True)
    return elements[first], sizes / len(elements)


def discrete_count(rep_in: Rep, rep_out: Rep, generators: Generators) -> Count | None:
    """Count for a discrete group: characters of elements or classes, or the orbits of what it permutes."""
    group = rep_in.group
    if isinstance(group, FiniteGroup) and len(generators.discrete) and _is_whole(group, generators):
        known = regular_count(rep_in, rep_out)
        known = planar_count(rep_in, rep_out) if known is None else known
        if known is not None:
            return Count(known, "characters")
    if isinstance(group, Symmetric) and len(generators.discrete) and _is_whole(group, generators):
        few = group.n <= MOST_PERMUTED and partition_count(group.n) * (_entries(rep_in) + _entries(rep_out)) <= _WORK
        found = character_inner_product(rep_in, rep_out, *symmetric_classes(group.n)) if few else None
    else:
        elements = listed(group, generators)
        found = None if elements is None else character_inner_product(rep_in, rep_out, elements)
    if found is not None:
        return Count(found, "characters")
    if rep_in.dim * rep_out.dim > MOST_INDICES:
        return None
    orbits = orbit_signs(discrete_constraints(rep_in, rep_out, generators.discrete))
    if orbits is not None:
        return Count(int(orbits[0].amax()) + 1, "orbits")
    return None


def lie_count(rep_in: Rep, rep_out: Rep, generators: Generators) -> Count | None:
    """Count for the identity component of a Lie group: by weights."""
    found = invariant_count(rep_in, rep_out, generators.algebra)
    return None if found is None else Count(found, "weights")


def component_count(rep_in: Rep, rep_out: Rep, generators: Generators) -> Count | None:
    """Count for a Lie group with several components: the mean of the traces of their elements, by weights.

    None where the discrete generators generate too many elements to list.
    """
    elements = list_elements(generators.discrete, limit=MOST_COMPONENTS)
    if elements is None:
        return None
    total = 0.0
    for h, share in zip(*conjugacy_classes(elements, generators.discrete), strict=True):
        trace = component_trace(rep_in, rep_out, generators.algebra, h)
        if trace is None:
            return None
        total += trace * float(share)
    return Count(whole(total, f"{rep_in} -> {rep_out}"), "weights and components")


class TermCount(NamedTuple):
    """The counts for two reps that are not sums."""

    connected: Count | None
    """For the identity component."""
    total: Count | None
    """For the group."""


def count_terms(rep_in: Rep, rep_out: Rep, generators: Generators) -> TermCount:
    """Count for two reps, without taking sums apart; None where there are no characters to count with."""
    if rep_in.dim * rep_out.dim == 0:
        return TermCount(Count(0, "characters"), Count(0, "characters"))
    if len(generators.algebra) == 0:
        return TermCount(None, discrete_count(rep_in, rep_out, generators))
    connected = lie_count(rep_in, rep_out, generators)
    if connected is None or connected.dimension == 0 or len(generators.discrete) == 0:
        return TermCount(connected, connected)
    return TermCount(connected, component_count(rep_in, rep_out, generators))


def merged_terms(rep: Rep) -> tuple[tuple[int, Rep], ...]:
    """The terms of a sum, equal ones together."""
    copies: dict[Rep, int] = {}
    for count, term in rep.terms:
        copies[term] = copies.get(term, 0) + count
    return tuple((count, term) for term, count in copies.items())


def character_count(rep_in: Rep, rep_out: Rep) -> Count | None:
    """The dimension of Hom_G(rep_in, rep_out) by characters, whatever else is known: the check on every basis.

    A finite group: the mean of chi_out(g) chi_in(g^-1), or the number of orbits where its elements are too many to list
    and permute coordinates. A Lie group: Weyl's formula on the weights for the identity component, and the mean over
    the components of the traces on its invariants. Nothing is solved.

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
    check_groups(rep_in, rep_out)
    generators = Generators.of(rep_in.group)
    counts: list[tuple[int, Count]] = []
    for copies_out, term_out in merged_terms(rep_out):
        for copies_in, term_in in merged_terms(rep_in):
            count = count_terms(term_in, term_out, generators).total
            if count is None:
                return None
            counts.append((copies_in * copies_out, count))
    return total_count(counts, "characters" if len(generators.algebra) == 0 else "weights")


def total_count(counts: Iterable[tuple[int, Count]], method: str) -> Count:
    """The count of sums from those of their terms.

    Args:
        counts: How often each pair of terms occurs, and its count.
        method: How such a group is usually counted.
    """
    total = 0
    for copies, count in counts:
        total += copies * count.dimension
        method = method if count.method in ("characters", "weights") else count.method
    return Count(total, method)


def check_groups(rep_in: Rep, rep_out: Rep) -> None:
    """Refuse reps of different groups.

    Raises:
        ValueError: If the groups differ.
    """
    if rep_in.group != rep_out.group:
        raise ValueError(f"no map intertwines reps of different groups: {rep_in.group} and {rep_out.group}")
