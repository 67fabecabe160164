"""Crystallographic groups: generators, elements modulo the lattice, orbits, site symmetry and point group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm

import torch
from torch import Tensor

from intertwine.groups import FiniteGroup
from intertwine.patterns.crystal._crystal_classes import crystal_class
from intertwine.patterns.crystal._integers import echelon, inverse, solve_modulo_integers
from intertwine.patterns.crystal._operation import Operation

_POINT_TOLERANCE = 1e-6
_MAX_ELEMENTS = 4096

_IntegerOperation = tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]


@dataclass(frozen=True, repr=False)
class PointGroup(FiniteGroup):
    """Point group: the linear parts W of a crystallographic group, integer matrices in the basis of the lattice.

    Args:
        matrices: The elements as rows of integers, the identity first.
    """

    matrices: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def name(self) -> str:
        """The crystal class as a Hermann-Mauguin symbol, such as "4mm" or "m-3m"."""
        return crystal_class(self.matrices)

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return len(self.matrices[0])

    @property
    def discrete_generators(self) -> Tensor:
        """All elements but the identity."""
        return self._list_elements()[1:]

    def _list_elements(self) -> Tensor:
        return torch.tensor(self.matrices, dtype=torch.float64)

    def __repr__(self) -> str:
        return f"PointGroup({self.matrices})"


@dataclass(frozen=True, repr=False)
class CrystalGroup:
    """Crystallographic group: a frieze, wallpaper or space group, as a frozen value.

    The lattice is Z^p, the integer translations along the first p coordinates. It is a normal subgroup of finite index.

    Args:
        name: Hermann-Mauguin symbol.
        generators: Operations that together with the lattice generate the group.
        lattice_rank: The rank p of the lattice; less than d for subperiodic groups such as friezes.
        dimension: The number d of coordinates.

    Example:
        >>> from intertwine.patterns import wallpaper
        >>> G = wallpaper("p4g")
        >>> G.order, G.symmorphic, G.point_group.name, G.multiplicity((0, Fraction(1, 2)))
        (8, False, '4mm', 2)
    """

    name: str
    generators: tuple[Operation, ...]
    lattice_rank: int
    dimension: int

    def __post_init__(self) -> None:
        if not 0 < self.lattice_rank <= self.dimension:
            raise ValueError(f"the lattice has rank 1 .. {self.dimension}, got {self.lattice_rank}")
        for operation in self.generators:
            if operation.dimension != self.dimension:
                raise ValueError(
                    f"{self.name} acts on {self.dimension} coordinates, but its generator {operation} does not"
                )

    @cached_property
    def elements(self) -> tuple[Operation, ...]:
        """Coset representatives of the lattice, with w in [0, 1), the identity first.

        Raises:
            ValueError: If the generators generate no discrete group with this lattice.
        """
        return tuple(_closure(self.generators, self.lattice_rank, self.dimension, self.name))

    @property
    def order(self) -> int:
        """The number of elements modulo the lattice."""
        return len(self.elements)

    @property
    def lattice_generators(self) -> tuple[Operation, ...]:
        """The unit translations along the periodic coordinates."""
        return tuple(
            Operation.from_translation([int(i == axis) for i in range(self.dimension)])
            for axis in range(self.lattice_rank)
        )

    @property
    def matrices(self) -> Tensor:
        """The elements as augmented matrices ``(order, d + 1, d + 1)``, float64."""
        return torch.stack([operation.matrix for operation in self.elements])

    @cached_property
    def _index_of(self) -> dict[Operation, int]:
        return {operation: index for index, operation in enumerate(self.elements)}

    def index(self, operation: Operation) -> int:
        """The index in ``elements`` of an operation, up to a lattice translation.

        Raises:
            ValueError: If it does not belong to the group.
        """
        if operation not in self:
            raise ValueError(f"{operation} is no symmetry operation of {self.name}")
        return self._index_of[operation.modulo(self.lattice_rank)]

    def __contains__(self, operation: object) -> bool:
        return isinstance(operation, Operation) and operation.modulo(self.lattice_rank) in self._index_of

    @cached_property
    def multiplication_table(self) -> Tensor:
        """Cayley table ``(order, order)``, int64, modulo the lattice: entry (i, j) is element i times element j."""
        return torch.tensor([[self.index(g @ h) for h in self.elements] for g in self.elements])

    @cached_property
    def point_group(self) -> PointGroup:
        """The point group, formed by the linear parts."""
        return PointGroup(tuple(dict.fromkeys(operation.linear for operation in self.elements)))

    @property
    def centering(self) -> tuple[Operation, ...]:
        """The centering translations among the elements: the identity alone for a primitive cell."""
        unit = Operation.identity(self.dimension).linear
        return tuple(operation for operation in self.elements if operation.linear == unit)

    @cached_property
    def symmorphic(self) -> bool:
        """Whether the group is symmorphic, the semidirect product of its lattice and its point group.

        Equivalently, some site has the full point group as its site symmetry: ``(1 - W) x = w`` modulo the lattice.
        """
        return self.primitive()._common_fixed_point() is not None

    def _common_fixed_point(self) -> tuple[Fraction, ...] | None:
        periodic = range(self.lattice_rank)
        rows = [[int(i == j) - g.linear[i][j] for j in periodic] for g in self.generators for i in periodic]
        right = [g.translation[i] for g in self.generators for i in periodic]
        return solve_modulo_integers(rows, right) if rows else (Fraction(0),) * self.lattice_rank

    def primitive(self) -> CrystalGroup:
        """The group in a primitive cell, whose lattice contains all translations; itself if the cell is primitive."""
        if len(self.centering) == 1:
            return self
        vectors = [list(operation.translation) for operation in self.centering]
        vectors += [list(operation.translation) for operation in self.lattice_generators]
        basis = echelon(vectors, self.dimension)[: self.dimension]
        columns = [list(column) for column in zip(*basis, strict=True)]
        return self.transformed(columns)

    def transformed(
        self, basis: Sequence[Sequence[int | Fraction]], origin: Sequence[int | Fraction] | None = None
    ) -> CrystalGroup:
        """The group after a change of basis and origin, ``x = P x' + origin``.

        Args:
            basis: The d x d matrix P, whose columns are the new lattice vectors in the old coordinates.
            origin: The new origin in the old coordinates; zero by default.

        Returns:
            The group of the operations ``(P^-1 W P | P^-1 (w + (W - 1) origin))``.

        Raises:
            ValueError: If a linear part is not an integer matrix in the new basis.
        """
        back = inverse(basis)
        start = tuple(map(Fraction, origin if origin is not None else [0] * self.dimension))
        transformed = []
        for operation in self.generators:
            linear = _product(_product(back, operation.linear), basis)
            if any(entry.denominator != 1 for row in linear for entry in row):
                raise ValueError(f"{operation} does not map the new lattice onto itself")
            rotated = [sum((a * b for a, b in zip(row, start, strict=True)), Fraction(0)) for row in operation.linear]
            shift = [w + t - s for w, t, s in zip(operation.translation, rotated, start, strict=True)]
            translation = tuple(sum((a * b for a, b in zip(row, shift, strict=True)), Fraction(0)) for row in back)
            rows = tuple(tuple(int(entry) for entry in row) for row in linear)
            transformed.append(Operation(rows, translation).modulo(self.lattice_rank))
        unit = Operation.identity(self.dimension)
        generators = tuple(operation for operation in dict.fromkeys(transformed) if operation != unit)
        return CrystalGroup(self.name, generators, self.lattice_rank, self.dimension)

    def orbit(self, point: Sequence[float | Fraction]) -> Tensor:
        """The symmetry-equivalent points of a point in one cell.

        Args:
            point: d fractional coordinates.

        Returns:
            ``(multiplicity, d)``, float64, periodic coordinates in [0, 1); first the point itself.
        """
        images = self._images(point)
        images[:, : self.lattice_rank] %= 1.0
        distinct: list[Tensor] = []
        for image in images:
            if not any(self._equal(image, other) for other in distinct):
                distinct.append(image)
        return torch.stack(distinct)

    def multiplicity(self, point: Sequence[float | Fraction]) -> int:
        """The number of equivalent points in one cell: the multiplicity of the Wyckoff position."""
        return len(self.orbit(point))

    def stabilizer(self, point: Sequence[float | Fraction]) -> tuple[Operation, ...]:
        """The site-symmetry group: the operations, each with its lattice translation, that fix a point.

        Orbit-stabilizer theorem: ``multiplicity(x) * len(stabilizer(x)) == order``.
        """
        start = torch.tensor([float(entry) for entry in point], dtype=torch.float64)
        fixing = []
        for operation, image in zip(self.elements, self._images(point), strict=True):
            if self._equal(image, start):
                shift = [int(entry) for entry in (start - image).round().tolist()]
                fixing.append(Operation.from_translation(shift) @ operation)
        return tuple(fixing)

    def _images(self, point: Sequence[float | Fraction]) -> Tensor:
        if len(point) != self.dimension:
            raise ValueError(f"a point of {self.name} has {self.dimension} coordinates, got {len(point)}")
        start = torch.tensor([float(entry) for entry in point], dtype=torch.float64)
        return torch.stack([operation(start) for operation in self.elements])

    def _equal(self, one: Tensor, other: Tensor) -> bool:
        difference = one - other
        difference[: self.lattice_rank] -= difference[: self.lattice_rank].round()
        return bool(difference.abs().max() < _POINT_TOLERANCE)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<{self.name}: {'; '.join(map(str, self.generators)) or 'translations only'}>"


def group_from_elements(elements: Iterable[Operation], lattice_rank: int, dimension: int, name: str) -> CrystalGroup:
    """The group with given elements, and a small generating set chosen among them.

    Args:
        elements: Coset representatives of the lattice.
        lattice_rank: The rank of the lattice.
        dimension: The number of coordinates.
        name: The symbol of the group.
    """
    group = CrystalGroup(name, (), lattice_rank, dimension)
    for operation in sorted(elements, key=lambda g: (-g.order, g.linear, g.translation)):
        if operation not in group:
            group = CrystalGroup(name, (*group.generators, operation), lattice_rank, dimension)
    return group


def _closure(generators: Sequence[Operation], lattice_rank: int, dimension: int, name: str) -> list[Operation]:
    """All products modulo the lattice, in integer arithmetic: every w is a multiple of 1 / unit."""
    unit = lcm(*(entry.denominator for g in generators for entry in g.translation))
    axes = range(dimension)

    def to_integers(g: Operation) -> _IntegerOperation:
        return g.linear, tuple(
            int(w * unit) % unit if i < lattice_rank else int(w * unit) for i, w in enumerate(g.translation)
        )

    def times(g: _IntegerOperation, h: _IntegerOperation) -> _IntegerOperation:
        (W, w), (V, v) = g, h
        linear = tuple(tuple(sum(row[k] * V[k][j] for k in axes) for j in axes) for row in W)
        shifted = [sum(W[i][k] * v[k] for k in axes) + w[i] for i in axes]
        return linear, tuple(entry % unit if i < lattice_rank else entry for i, entry in enumerate(shifted))

    start = [to_integers(g) for g in generators]
    found = {to_integers(Operation.identity(dimension)): None}
    frontier = list(found)
    while frontier:
        products = dict.fromkeys(times(g, h) for h in frontier for g in start)
        frontier = [g for g in products if g not in found]
        found.update(dict.fromkeys(frontier))
        if len(found) > _MAX_ELEMENTS:
            raise ValueError(f"the generators of {name} do not generate a discrete group with this lattice")
    return [Operation(linear, tuple(Fraction(entry, unit) for entry in w)) for linear, w in found]


def _product(
    left: Sequence[Sequence[int | Fraction]], right: Sequence[Sequence[int | Fraction]]
) -> list[list[Fraction]]:
    columns = list(zip(*right, strict=True))
    return [
        [sum((Fraction(a) * b for a, b in zip(row, column, strict=True)), Fraction(0)) for column in columns]
        for row in left
    ]
