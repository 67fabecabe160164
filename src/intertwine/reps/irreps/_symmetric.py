"""Irreps of the symmetric groups in Young's orthogonal form, for any n, without a list of the elements.

The basis of the irrep of a partition is its standard tableaux. The exchange s_i of the things i and i + 1 acts on a
tableau T, in which i + 1 stands r steps further along (content = column - row) than i, by

    s_i T = (1/r) T + sqrt(1 - 1/r^2) T',      T' = T with i and i + 1 exchanged

Young 1932; James, Kerber, The Representation Theory of the Symmetric Group, section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import factorial, prod

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import Irrep, Rep, Symmetric
from intertwine.reps.irreps._irrep_table import IrrepTable, irrep_table
from intertwine.reps.solve import canonical_basis

Partition = tuple[int, ...]
_APART = 0.5
"""Contents are whole numbers."""


@dataclass(frozen=True, repr=False)
class SymmetricIrrep(Irrep):
    """The irrep of S_n of a partition: [n] is trivial, [n-1,1] moves the corners of a simplex, [1,..,1] is the sign.

    Args:
        group: Symmetric(n).
        partition: The rows of the Young diagram, longest first.
    """

    partition: Partition

    @property
    def _n(self) -> int:
        return sum(self.partition)

    @property
    def dim(self) -> int:
        """The factorial of n over the product of the hook lengths."""
        columns = [sum(row > c for row in self.partition) for c in range(self.partition[0])]
        hooks = (row - c + columns[c] - r - 1 for r, row in enumerate(self.partition) for c in range(row))
        return factorial(self._n) // prod(hooks)

    @property
    def label(self) -> str:
        """The partition, "[3,1]"."""
        return f"[{','.join(map(str, self.partition))}]"

    @property
    def key(self) -> tuple[int, ...]:
        """Longer rows first."""
        return tuple(-row for row in self.partition)

    @property
    def generators(self) -> Tensor:
        """None: ``(0, dim, dim)``."""
        return torch.zeros(0, self.dim, self.dim, dtype=torch.float64)

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices, ``(..., dim, dim)``: a product of exchanges of neighbors that sorts the images.

        Raises:
            ValueError: If a matrix is not a permutation.
        """
        assert isinstance(self.group, Symmetric), "a partition belongs to a symmetric group"
        images = self.group.images(g).clone()
        exchanges = _exchanges(self.partition).to(g)
        found = torch.eye(self.dim, dtype=g.dtype, device=g.device).expand(*images.shape[:-1], -1, -1)
        for length in range(self._n - 1, 0, -1):
            for i in range(length):
                wrong = images[..., i] > images[..., i + 1]
                pair = images[..., i : i + 2]
                images[..., i : i + 2] = torch.where(wrong[..., None], pair.flip(-1), pair)
                found = torch.where(wrong[..., None, None], found @ exchanges[i], found)
        # images s_i1 s_i2 .. = 1, hence g = .. s_i2 s_i1, the transpose of what was multiplied.
        return found.mT


class SymmetricIrrepTable(IrrepTable):
    """The partitions of n, longer rows first: the order of the irreps of S_n, whatever their dimensions."""

    pattern = r"\[\d+(?:,\d+)*\]"

    def __init__(self, group: Symmetric) -> None:
        super().__init__(group)
        self._n = group.n
        self.example = f"8x[{group.n}] + 4x" + (f"[{group.n - 1},1]" if group.n > 1 else "[1]")

    @property
    def trivial(self) -> Irrep:
        """[n]."""
        return SymmetricIrrep(self.group, (self._n,))

    def read(self, *label: object) -> Irrep | None:
        """A text such as "[3,1]", or the rows as numbers, ``3, 1``."""
        rows = str(label[0]).strip("[]").split(",") if len(label) == 1 else [str(row) for row in label]
        if not all(row.strip().isdecimal() for row in rows):
            return None
        partition = tuple(int(row) for row in rows)
        fits = sum(partition) == self._n and 0 not in partition and list(partition) == sorted(partition, reverse=True)
        return SymmetricIrrep(self.group, partition) if fits else None

    def describe_labels(self) -> str:
        """The grammar in an example."""
        return f'partitions of {self._n}, longest row first: "{self.example.split("x")[-1]}" ..'

    def __iter__(self) -> Iterator[Irrep]:
        return (SymmetricIrrep(self.group, partition) for partition in _partitions(self._n, self._n))

    def maps(self, irrep: Irrep, rep: Rep) -> Tensor:
        """By Young's elements: the first basis vector is a joint eigenvector, exchanges of neighbors reach the rest.

        The element X_k, the sum of the exchanges (i k) with i < k, acts on a tableau by the content of k (Jucys 1974).
        """
        assert isinstance(irrep, SymmetricIrrep), "a table of symmetric irreps has symmetric irreps"
        moves = _neighbor_exchanges(rep)
        tableau, steps = _routes(irrep.partition)
        space = _eigenvectors(moves, tableau, rep.dim)
        columns: list[Tensor | None] = [None] * irrep.dim
        columns[0] = space
        for place, (before, i, along, across) in steps:
            known = columns[before]
            assert known is not None, "routes lead from what is known"
            columns[place] = (moves[i] @ known - along * known) / across
        maps = torch.stack([column for column in columns if column is not None], dim=-1).transpose(0, 1)
        return canonical_basis(maps.flatten(1) / irrep.dim**0.5).reshape(maps.shape)


irrep_table.register(Symmetric, SymmetricIrrepTable)


def _partitions(n: int, largest: int) -> Iterator[Partition]:
    if n == 0:
        yield ()
    for first in range(min(n, largest), 0, -1):
        for rest in _partitions(n - first, first):
            yield (first, *rest)


@lru_cache(maxsize=64)
def _tableaux(partition: Partition) -> tuple[tuple[int, ...], ...]:
    """The standard tableaux, each as the row of every thing; in lexicographic order, the first fills row by row."""
    if sum(partition) == 0:
        return ((),)
    found = []
    for row, length in enumerate(partition):
        if length > (partition[row + 1] if row + 1 < len(partition) else 0):
            smaller = (*partition[:row], length - 1, *partition[row + 1 :])
            found += [(*before, row) for before in _tableaux(smaller)]
    return tuple(sorted(found))


def _contents(tableau: tuple[int, ...]) -> list[int]:
    """Column minus row of every thing."""
    return [tableau[:k].count(row) - row for k, row in enumerate(tableau)]


def _exchanged(tableau: tuple[int, ...], i: int) -> tuple[int, ...]:
    return (*tableau[:i], tableau[i + 1], tableau[i], *tableau[i + 2 :])


@cached_constant
def _exchanges(partition: Partition) -> Tensor:
    """The matrices of the exchanges of neighbors, ``(n - 1, dim, dim)``."""
    tableaux = _tableaux(partition)
    place = {tableau: k for k, tableau in enumerate(tableaux)}
    matrices = torch.zeros(sum(partition) - 1, len(tableaux), len(tableaux), dtype=torch.float64)
    for k, tableau in enumerate(tableaux):
        contents = _contents(tableau)
        for i, matrix in enumerate(matrices):
            distance = contents[i + 1] - contents[i]
            matrix[k, k] = 1 / distance
            if abs(distance) > 1:
                matrix[place[_exchanged(tableau, i)], k] = (1 - 1 / distance**2) ** 0.5
    return matrices


Step = tuple[int, tuple[int, int, float, float]]


@lru_cache(maxsize=64)
def _routes(partition: Partition) -> tuple[tuple[int, ...], tuple[Step, ...]]:
    """The first tableau, and how exchanges lead from it to each other one: (place, (from, exchange, 1/r, root))."""
    tableaux = _tableaux(partition)
    place = {tableau: k for k, tableau in enumerate(tableaux)}
    reached, frontier, steps = {tableaux[0]}, [tableaux[0]], []
    while frontier:
        tableau = frontier.pop(0)
        contents = _contents(tableau)
        for i in range(len(tableau) - 1):
            distance = contents[i + 1] - contents[i]
            other = _exchanged(tableau, i)
            if abs(distance) > 1 and other not in reached:
                reached.add(other)
                frontier.append(other)
                root = (1 - 1 / distance**2) ** 0.5
                steps.append((place[other], (place[tableau], i, 1 / distance, root)))
    return tableaux[0], tuple(steps)


def _neighbor_exchanges(rep: Rep) -> Tensor:
    """The matrices of the exchanges of neighbors in a rep, ``(n - 1, dim, dim)``."""
    assert isinstance(rep.group, Symmetric), "exchanges belong to a symmetric group"
    n = rep.group.n
    images = torch.arange(n).repeat(n - 1, 1)
    for i, image in enumerate(images):
        image[i : i + 2] = image[i : i + 2].flip(0)
    return rep.matrix(rep.group.matrices(images)) if n > 1 else torch.zeros(0, rep.dim, rep.dim, dtype=torch.float64)


def _eigenvectors(moves: Tensor, tableau: tuple[int, ...], dim: int) -> Tensor:
    """An orthonormal basis ``(dim, k)`` of the vectors on which every X_k acts by the content of k."""
    space = torch.eye(dim, dtype=torch.float64)
    element = torch.zeros(dim, dim, dtype=torch.float64)
    for move, content in zip(moves, _contents(tableau)[1:], strict=True):
        element = move @ element @ move + move  # X_{k+1} = s_k X_k s_k + s_k
        inside = space.T @ element @ space
        values, vectors = torch.linalg.eigh((inside + inside.T) / 2)
        space = space @ vectors[:, (values - content).abs() < _APART]
    return space
