"""Representations of the factors of a product of groups, and the maps between exchangeable arrays by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from intertwine.groups import Group, Symmetric, direct_product, left_projection, right_projection
from intertwine.reps import Pullback, Rep, TensorProduct

_PLAIN = ("row", "column")


@dataclass(frozen=True, repr=False)
class FactorVector(Pullback):
    """The defining representation of one factor of a product of groups, named V1, V2, ..."""

    name: str

    def __str__(self) -> str:
        return self.name


def factor_vectors(groups: Sequence[Group]) -> tuple[Group, dict[str, Rep]]:
    """The product of some groups, and the defining representation of each factor by name.

    Args:
        groups: The factors.

    Example:
        >>> group, reps = factor_vectors([Symmetric(4), Symmetric(3)])
        >>> group.name, sorted(reps), reps["V2"].dim
        ('S_4 x S_3', ['V1', 'V2'], 3)
    """
    whole, reps = groups[0], [groups[0].vector]
    for group in groups[1:]:
        product = direct_product(whole, group)
        reps = [rep.restrict(left_projection(product)) for rep in reps]
        reps.append(group.vector.restrict(right_projection(product)))
        whole = product
    named: dict[str, Rep] = {}
    for number, rep in enumerate(reps, 1):
        # An irrep of a factor is an irrep of the product, with a name of its own.
        name = f"V{number}"
        named[name] = FactorVector(rep.group, rep.base, rep.path, name) if isinstance(rep, Pullback) else rep
    return whole, named


def exchangeable_maps(rep_in: Rep, rep_out: Rep) -> dict[str, Tensor]:
    """All maps between arrays whose axes have a symmetric group each: means over some of the axes, repeated.

    Args:
        rep_in: A product of defining representations of different factors, each a symmetric group; or trivial.
        rep_out: The same.

    Returns:
        Matrices ``(dim_out, dim_in)`` of norm one by name, as many as maps commute; empty for other representations.

    Example:
        >>> group, reps = factor_vectors([Symmetric(4), Symmetric(3)])
        >>> array = reps["V1"] * reps["V2"]
        >>> list(exchangeable_maps(array, array))
        ['identity', 'row mean', 'column mean', 'all mean']
    """
    axes_in, axes_out = _axes(rep_in), _axes(rep_out)
    if axes_in is None or axes_out is None or not (axes_in or axes_out):
        return {}
    shared = [axis for axis in axes_in if axis in axes_out]
    found: dict[str, Tensor] = {}
    for size in reversed(range(len(shared) + 1)):
        for kept in combinations(shared, size):
            found[_name(axes_in, axes_out, kept)] = _matrix(axes_in, axes_out, kept)
    return found


def _axes(rep: Rep) -> list[FactorVector] | None:
    """The factors of an array, or None where it is none."""
    if rep == rep.group.trivial:
        return []
    factors = rep.factors if isinstance(rep, TensorProduct) else (rep,)
    found = [factor for factor in factors if isinstance(factor, FactorVector)]
    if len(found) < len(factors) or len({*found}) < len(found):
        return None
    return found if all(isinstance(factor.base.group, Symmetric) and factor.dim > 1 for factor in found) else None


def _matrix(axes_in: Sequence[FactorVector], axes_out: Sequence[FactorVector], kept: Sequence[FactorVector]) -> Tensor:
    """One where the kept indices agree, of norm one."""
    every = [*axes_out, *axes_in]
    result = torch.ones([axis.dim for axis in every], dtype=torch.float64)
    for axis in kept:
        shape = [axis.dim if other == axis else 1 for other in every]
        result = result * torch.eye(axis.dim, dtype=torch.float64).reshape(shape)
    matrix = result.flatten(0, len(axes_out) - 1) if axes_out else result[None]
    matrix = matrix.flatten(1) if axes_in else matrix[:, None]
    unit: Tensor = matrix / matrix.norm()
    return unit


def _name(axes_in: Sequence[FactorVector], axes_out: Sequence[FactorVector], kept: Sequence[FactorVector]) -> str:
    """The words for a mean over the axes that are not kept."""
    repeated = [axis for axis in axes_out if axis not in kept]
    same = list(axes_in) == list(axes_out)
    if len(kept) == len(axes_in):
        words = "identity" if same else "repeat" if repeated else "relabeling"
    elif not kept:
        words = "all mean"
    elif len(axes_in) == 2:
        words = f"{_PLAIN[axes_in.index(kept[0])]} mean"
    else:
        words = f"{', '.join(axis.name for axis in kept)} mean"
    return words if same or not repeated or words == "repeat" else f"{words}, repeated"
