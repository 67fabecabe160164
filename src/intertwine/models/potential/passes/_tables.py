"""Tables of neighbors: atoms in the order of their elements, in chunks of rows of equal width."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

ENTRIES = 1536  # of a chunk
_PADDING, _OVERHEAD = 1.05, 128  # a chunk may have this many times as many entries as edges, and this many more


class Chunk(NamedTuple):
    """Some atoms, consecutive in the order of the tables, with a row of k entries each.

    Attributes:
        atoms: Which ones.
        entries: Those of their rows.
        width: k.
        runs: (element, first, last + 1) of atoms of one element, counted from the first atom of the chunk.
    """

    atoms: slice
    entries: slice
    width: int
    runs: tuple[tuple[int, int, int], ...]

    @property
    def size(self) -> int:
        """Number of atoms."""
        return int(self.atoms.stop - self.atoms.start)


class Tables(NamedTuple):
    """The neighbors of every atom.

    Attributes:
        order: ``(N,)`` the atom at each place, by element and number of neighbors.
        place: ``(N,)`` the place of each atom.
        elements: ``(N,)`` in the order of the tables.
        chunks: Of atoms.
        edge: ``(T,)`` the edge of each entry; the number of edges where there is none.
        entry: ``(E,)`` the entry of each edge.
        source: ``(T,)`` the place of the neighbor; 0 where there is none.
        target: ``(T,)`` the place of the atom whose row it is.
    """

    order: Tensor
    place: Tensor
    elements: Tensor
    chunks: tuple[Chunk, ...]
    edge: Tensor
    entry: Tensor
    source: Tensor
    target: Tensor


def make_tables(elements: Tensor, edges: Tensor) -> Tables:
    """The tables of atoms of these elements ``(N,)`` and edges ``(2, E)``, sources over targets."""
    atoms, device = elements.shape[0], elements.device
    degrees = torch.bincount(edges[1], minlength=atoms)
    order = torch.argsort(elements * (int(degrees.max()) + 1 if atoms else 1) + degrees, stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(atoms, device=device)
    sorted_elements, sorted_degrees = elements.index_select(0, order), degrees.index_select(0, order)
    chunks = tuple(_chunks(sorted_elements.tolist(), sorted_degrees.tolist(), ENTRIES))
    widths = torch.tensor([chunk.width for chunk in chunks], dtype=torch.int64)
    sizes = torch.tensor([chunk.size for chunk in chunks], dtype=torch.int64)
    of_atom = widths.repeat_interleave(sizes).to(device)
    first_entry = torch.cumsum(of_atom, 0) - of_atom
    target = place.index_select(0, edges[1])
    by_target = torch.argsort(target, stable=True)
    target = target.index_select(0, by_target)
    first_edge = torch.cumsum(sorted_degrees, 0) - sorted_degrees
    count = torch.arange(target.shape[0], device=device)
    entry = first_entry.index_select(0, target) + count - first_edge.index_select(0, target)
    edge = torch.full((int(of_atom.sum()),), edges.shape[1], device=device)
    edge[entry] = by_target
    source = torch.zeros_like(edge)
    source[entry] = place.index_select(0, edges[0].index_select(0, by_target))
    entry_of_edge = torch.empty_like(entry)
    entry_of_edge[by_target] = entry
    rows = torch.arange(atoms, device=device).repeat_interleave(of_atom)
    return Tables(order, place, sorted_elements, chunks, edge, entry_of_edge, source, rows)


def _chunks(elements: list[int], degrees: list[int], entries: int) -> list[Chunk]:
    """Atoms in chunks of at most so many entries, or one atom; rows have an entry at least."""
    found, first, widest, edges, start = list[Chunk](), 0, 1, 0, 0
    for atom, degree in enumerate([*degrees, -1]):
        width, size = max(widest, degree), atom + 1 - first
        padded = size * width > min(_PADDING * (edges + degree) + _OVERHEAD, max(entries, width))
        if degree < 0 or (size > 1 and padded):
            if atom > first:
                part = elements[first:atom]
                starts = [0, *(i for i in range(1, len(part)) if part[i] != part[i - 1]), len(part)]
                runs = tuple((part[a], a, b) for a, b in pairwise(starts))
                end = start + (atom - first) * widest
                found.append(Chunk(slice(first, atom), slice(start, end), widest, runs))
                start = end
            first, widest, edges = atom, 1, 0
        widest, edges = max(widest, degree), edges + degree
    return found
