"""Symmetrization by averaging over a crystallographic group: of functions, and of samples of one cell."""

from __future__ import annotations

from collections.abc import Callable
from math import lcm

import torch
from torch import Tensor

from intertwine.patterns.crystal import CrystalGroup

Function = Callable[[Tensor], Tensor]


def symmetrize(function: Function, group: CrystalGroup) -> Function:
    """The average of a function over a group: ``(P f)(x) = 1/n sum_g f(g x)``, g over the elements modulo the lattice.

    Only the values of f in one cell matter: it is repeated periodically first. P is the projection onto the invariants,
    so a function that has the symmetry is unchanged.

    Args:
        function: From points ``(..., d)`` in fractional coordinates to values ``(..., channels)`` or ``(...)``.
        group: A frieze, wallpaper or space group.

    Returns:
        A function of the same kind with ``F(g x) == F(x)`` for every g of the group.

    >>> from intertwine.patterns import wallpaper
    >>> F = symmetrize(lambda x: torch.exp(x[..., 0] + 2 * x[..., 1]), wallpaper("pg"))
    >>> x = torch.tensor([0.1, 0.2], dtype=torch.float64)
    >>> bool(torch.isclose(F(x), F(torch.tensor([-0.1, 0.7], dtype=torch.float64))))
    True
    """

    def invariant(points: Tensor) -> Tensor:
        total: Tensor | None = None
        for operation in group.elements:
            images = operation(points)
            wrapped = images.clone()
            wrapped[..., : group.lattice_rank] %= 1.0
            values = function(wrapped)
            total = values if total is None else total + values
        assert total is not None, "a group has an identity"
        return total / group.order

    return invariant


def symmetrize_cell(samples: Tensor, group: CrystalGroup) -> Tensor:
    """The average of samples of one cell over a group, which permutes them.

    Args:
        samples: ``(..., n, .., n)``, d axes of n samples each at the fractional coordinates i / n, first coordinate
            first; any channels in front.
        group: A group with a lattice of rank d. All its translations must be multiples of 1 / n.

    Returns:
        Samples of the same shape, exactly invariant.

    Raises:
        ValueError: If the axes differ, or n does not fit the group's translations.

    >>> from intertwine.patterns import wallpaper
    >>> symmetrize_cell(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), wallpaper("p4")).tolist()
    [[1.0, 2.5], [2.5, 4.0]]
    """
    d = group.dimension
    if group.lattice_rank != d:
        raise ValueError(f"{group} repeats along {group.lattice_rank} of {d} coordinates: it has no cell to sample")
    sizes = set(samples.shape[-d:])
    if samples.dim() < d or len(sizes) != 1:
        raise ValueError(f"the last {d} axes must have the same length, got shape {tuple(samples.shape)}")
    n = sizes.pop()
    if any((entry * n).denominator != 1 for operation in group.elements for entry in operation.translation):
        raise ValueError(
            f"{n} samples do not fit the translations of {group}: take a multiple of {_common_denominator(group)}"
        )
    grid = torch.stack(torch.meshgrid(*[torch.arange(n)] * d, indexing="ij"), -1).reshape(-1, d)
    flat = samples.reshape(*samples.shape[:-d], n**d)
    strides = torch.tensor([n ** (d - 1 - axis) for axis in range(d)])
    total = torch.zeros_like(flat)
    for operation in group.elements:
        shift = torch.tensor([int(entry * n) for entry in operation.translation])
        index = ((grid @ torch.tensor(operation.linear).T + shift) % n) @ strides
        total = total + flat[..., index]
    return (total / group.order).reshape(samples.shape)


def _common_denominator(group: CrystalGroup) -> int:
    """The common denominator of the translations of a group."""
    return lcm(*(entry.denominator for operation in group.elements for entry in operation.translation))
