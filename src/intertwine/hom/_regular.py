"""Maps from and to products with a regular representation, by Frobenius reciprocity.

    Hom_G(regular (x) A, B) = Hom(A, B),      W_M (e_h (x) a) = rho_B(h) M rho_A(h)^-1 a

A map is fixed by what it does at the identity, where it may be anything.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from intertwine._on_cpu import on_cpu
from intertwine.groups import FiniteGroup
from intertwine.reps import Regular, Rep, TensorProduct
from intertwine.reps.solve import check_size, factors


def regular_count(rep_in: Rep, rep_out: Rep) -> int | None:
    """The dimension of the maps between two reps of which one has a regular factor: the product of the other factors.

    Args:
        rep_in: How the group acts on the inputs, no sum.
        rep_out: How it acts on the outputs, no sum.

    Returns:
        The dimension; None where no factor is the regular rep.
    """
    for first, second in ((rep_in, rep_out), (rep_out, rep_in)):
        parts = first.factors if isinstance(first, TensorProduct) else (first,)
        place = next((k for k, part in enumerate(parts) if isinstance(part, Regular)), None)
        if place is not None:
            return prod(part.dim for part in (*parts[:place], *parts[place + 1 :])) * second.dim
    return None


def regular_maps(rep_in: Rep, rep_out: Rep) -> Tensor | None:
    """An orthonormal basis ``(k, dim_out, dim_in)`` of the maps between two reps of which one has a regular factor.

    Args:
        rep_in: How the group acts on the inputs, no sum.
        rep_out: How it acts on the outputs, no sum.

    Returns:
        The basis, float64; None where no factor is the regular rep, or another one is not orthogonal.

    Raises:
        ValueError: If the basis would not fit into memory.
    """
    group = rep_in.group
    parts = [*factors(rep_out), *factors(rep_in)]
    place = next((k for k, part in enumerate(parts) if isinstance(part, Regular)), None)
    if place is None or not isinstance(group, FiniteGroup) or not all(part.orthogonal for part in parts):
        return None
    rest = parts[:place] + parts[place + 1 :]
    size = prod(part.dim for part in rest)
    check_size(group.order * size**2, rep_in, rep_out)
    with on_cpu():
        elements = group.elements
        matrices = torch.ones(group.order, 1, 1, dtype=torch.float64)
        for part in rest:
            matrices = torch.einsum("gij,gkl->gikjl", matrices, part.matrix(elements)).flatten(3).flatten(1, 2)
        basis = matrices.permute(2, 1, 0).reshape(size, *(part.dim for part in rest), group.order)
        placed: Tensor = basis.movedim(-1, place + 1) / group.order**0.5
    return placed.reshape(size, rep_out.dim, rep_in.dim)
