"""Signed permutation representations: the maps that commute are constant on orbits up to signs, exactly.

The orbits of index tuples under the generators are the connected components of a graph. With signs the graph is its
double cover, with vertices (i, +) and (i, -): an orbit that contains both signs of one coordinate carries no map.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from intertwine.reps.solve._generators import Constraint

_EXACT = 1e-12


def signed_permutation(matrix: Tensor) -> tuple[Tensor, Tensor] | None:
    """Where a signed permutation matrix sends each coordinate, and with which sign; None for any other matrix.

    Args:
        matrix: ``(d, d)``.

    Returns:
        Places ``(d,)`` and signs ``(d,)`` with ``matrix e_j = sign_j e_place_j``, both int64.
    """
    rounded = matrix.round()
    if not bool(((matrix - rounded).abs() <= _EXACT).all()):
        return None
    weight = rounded.abs()
    if not bool((weight.sum(0) == 1).all() and (weight.sum(1) == 1).all()):
        return None
    places = weight.argmax(0)
    return places, rounded.gather(0, places.unsqueeze(0))[0].to(torch.int64)


def product_permutation(matrices: list[Tensor]) -> tuple[Tensor, Tensor] | None:
    """The signed permutation of the Kronecker product, from its factors; None when a factor is none."""
    places, signs = torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)
    for matrix in matrices:
        found = signed_permutation(matrix)
        if found is None:
            return None
        places = (places[:, None] * len(matrix) + found[0]).flatten()
        signs = (signs[:, None] * found[1]).flatten()
    return places, signs


def orbit_signs(constraints: list[Constraint]) -> tuple[Tensor, Tensor] | None:
    """For each coordinate its orbit and its sign therein, int64; orbit -1 where every map vanishes.

    Orbits are numbered by their first coordinate, whose sign is +.

    Args:
        constraints: Of discrete generators, at least one.

    Returns:
        ``(N,)`` and ``(N,)``; None unless all generators permute the coordinates up to signs.
    """
    from scipy.sparse import coo_array  # a third of a second to import
    from scipy.sparse.csgraph import connected_components

    permutations = [product_permutation(constraint.matrices) for constraint in constraints]
    if any(permutation is None for permutation in permutations):
        return None
    arrays = [(p[0].numpy(), p[1].numpy()) for p in permutations if p is not None]
    size = len(arrays[0][0])
    here = np.arange(size)
    rows = np.concatenate([np.concatenate([here, here + size]) for _ in arrays])
    columns = np.concatenate(
        [np.concatenate([place + size * (sign < 0), place + size * (sign > 0)]) for place, sign in arrays]
    )
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(2 * size, 2 * size))
    component = connected_components(graph, directed=False)[1]
    positive, negative = component[:size], component[size:]
    free = positive != negative
    # The two sheets over one orbit are one class; its first coordinate decides which sheet is +.
    sheet = np.minimum(positive, negative)[free]
    _, first, orbit = np.unique(sheet, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    leading = positive[free][first]
    orbits, signs = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=np.int64)
    orbits[free] = rank[orbit]
    signs[free] = np.where(positive[free] == leading[orbit], 1, -1)
    return torch.from_numpy(orbits), torch.from_numpy(signs)


def orbit_basis(orbits: Tensor, signs: Tensor) -> Tensor:
    """The orthonormal basis ``(k, N)``, float64, one signed indicator for each orbit."""
    count = int(orbits.max()) + 1 if len(orbits) else 0
    basis = torch.zeros(count, len(orbits), dtype=torch.float64)
    (members,) = (orbits >= 0).nonzero(as_tuple=True)
    sizes = torch.bincount(orbits[members], minlength=count).to(torch.float64)
    basis[orbits[members], members] = signs[members] / sizes[orbits[members]].sqrt()
    return basis
