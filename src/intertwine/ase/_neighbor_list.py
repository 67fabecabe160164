"""Neighbor lists of atoms in periodic cells, and a Verlet list that is found anew only when atoms have moved."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from intertwine.ops import radius_graph

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LIBRARIES = ("vesin", "matscipy", "scipy")
"""Where neighbors may come from, the fastest first: cell lists of vesin or matscipy, else k-d trees of scipy."""


class Neighbors(NamedTuple):
    """Ordered pairs of neighbors, sorted by target.

    source, target (E,): indices of atoms; shifts (E, 3): lattice vectors added to the source; vectors (E, 3): from the
    target to that image of the source.
    """

    source: Integers
    target: Integers
    shifts: Integers
    vectors: Floats


def find_neighbors(
    positions: Floats, cell: Floats, pbc: npt.NDArray[np.bool_], cutoff: float, library: str | None = None
) -> Neighbors:
    """All ordered pairs of atoms closer than a cutoff, periodic images included, those of an atom itself too.

    Args:
        positions: (N, 3); atoms need not lie in the cell.
        cell: (3, 3), its rows the lattice vectors.
        pbc: (3,), which directions are periodic.
        cutoff: In the unit of the positions.
        library: One of `LIBRARIES`; the first that is installed by default.

    Returns:
        The pairs, sorted by target.

    Cost: linear in the number of atoms with vesin or matscipy.

    >>> found = find_neighbors(np.zeros((1, 3)), np.diag([1.0, 2.0, 9.0]), np.array([True, True, False]), 1.5, "scipy")
    >>> found.shifts.tolist()
    [[-1, 0, 0], [1, 0, 0]]
    """
    name = library or next(name for name in LIBRARIES if find_spec(name) is not None)
    cell = np.asarray(cell, dtype=np.float64) * np.asarray(pbc)[:, None]
    source, target, shifts = _LIBRARIES[name](np.ascontiguousarray(positions, dtype=np.float64), cell, cutoff)
    order = np.argsort(target, kind="stable")
    source, target, shifts = source[order], target[order], shifts[order]
    vectors = positions[source] - positions[target] + shifts @ cell
    close = np.einsum("ij,ij->i", vectors, vectors) < cutoff * cutoff
    return Neighbors(source[close], target[close], shifts[close], vectors[close])


def _vesin(positions: Floats, cell: Floats, cutoff: float) -> tuple[Integers, Integers, Integers]:
    import vesin

    periodic = cell.any(axis=1)
    finder = vesin.NeighborList(cutoff=cutoff * (1 + 1e-9), full_list=True)
    target, source, shifts = finder.compute(positions, _full(cell, positions, cutoff), periodic, quantities="ijS")
    return source.astype(np.int64), target.astype(np.int64), shifts.astype(np.int64)


def _matscipy(positions: Floats, cell: Floats, cutoff: float) -> tuple[Integers, Integers, Integers]:
    from matscipy.neighbours import neighbour_list

    target, source, shifts = neighbour_list(
        "ijS", positions=positions, cell=_full(cell, positions, cutoff), pbc=cell.any(axis=1),
        cutoff=cutoff * (1 + 1e-9),
    )  # fmt: skip
    return source.astype(np.int64), target.astype(np.int64), shifts.astype(np.int64)


def _scipy(positions: Floats, cell: Floats, cutoff: float) -> tuple[Integers, Integers, Integers]:
    edges, shifts = radius_graph(torch.from_numpy(positions), cutoff, cell=torch.from_numpy(cell))
    return edges[0].numpy(), edges[1].numpy(), shifts.numpy()


def _full(cell: Floats, positions: Floats, cutoff: float) -> Floats:
    """The cell with orthogonal lattice vectors, around all atoms, where a direction is not periodic."""
    missing = ~cell.any(axis=1)
    if not missing.any():
        return cell
    full = cell.copy()
    extent = float(np.ptp(positions, axis=0).max(initial=0)) + 2 * cutoff + 1
    full[missing] = np.linalg.svd(cell)[2][3 - missing.sum() :] * extent
    return full


_LIBRARIES = {"vesin": _vesin, "matscipy": _matscipy, "scipy": _scipy}


class NeighborList:
    """A Verlet list: neighbors within cutoff + skin, found anew when an atom has moved by more than half the skin.

    Args:
        cutoff: In angstrom.
        skin: In angstrom; 0 finds the neighbors anew each time.
        library: As for `find_neighbors`.

    Reference: L. Verlet, Computer "experiments" on classical fluids I, Phys. Rev. 159, 98 (1967).
    """

    def __init__(self, cutoff: float, skin: float = 0.5, library: str | None = None) -> None:
        self.cutoff, self.skin, self.library = cutoff, skin, library
        self.searches = 0
        self._state: tuple[Floats, Floats, npt.NDArray[np.bool_]] | None = None
        self._wide: Neighbors | None = None

    def __call__(self, positions: Floats, cell: Floats, pbc: npt.NDArray[np.bool_]) -> Neighbors:
        """The neighbors within the cutoff; arguments as those of `find_neighbors`."""
        if self._wide is None or not self._is_valid(positions, cell, pbc):
            self._wide = find_neighbors(positions, cell, pbc, self.cutoff + self.skin, self.library)
            self._state = positions.copy(), cell.copy(), pbc.copy()
            self.searches += 1
        source, target, shifts, _ = self._wide
        vectors = positions[source] - positions[target] + shifts @ (cell * pbc[:, None])
        close = np.einsum("ij,ij->i", vectors, vectors) < self.cutoff**2
        return Neighbors(source[close], target[close], shifts[close], vectors[close])

    def _is_valid(self, positions: Floats, cell: Floats, pbc: npt.NDArray[np.bool_]) -> bool:
        if self._state is None:
            return False
        before, *lattice = self._state
        if len(before) != len(positions) or not all(map(np.array_equal, lattice, (cell, pbc))):
            return False
        moved = np.einsum("ij,ij->i", positions - before, positions - before).max(initial=0)
        return bool(2 * moved**0.5 < self.skin)
