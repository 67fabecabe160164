"""Finite groups by a list of their elements: classes, cosets, orbits, stabilizers, subgroups."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from intertwine._bounds import check_entries, show_count
from intertwine._cached_constant import cached_constant
from intertwine._late_binding import implementation
from intertwine.groups import _cayley
from intertwine.groups._group import Group, Rep

LARGEST = 50_000
"""The most elements that are listed."""


@dataclass(frozen=True, repr=False)
class FiniteGroup(Group):
    """A group given by its elements. A subclass lists them once, in ``_list_elements``, the identity first.

    Where a method speaks of indices, they are places in ``elements``.
    """

    @abstractmethod
    def _list_elements(self) -> Tensor:
        """All elements ``(order, n, n)``, float64, the identity first."""

    @property
    def order(self) -> int:
        """How many elements there are."""
        return len(_elements(self))

    @property
    def elements(self) -> Tensor:
        """All elements ``(order, n, n)``, float64, the identity first."""
        return _elements(self)

    @property
    def discrete_generators(self) -> Tensor:
        """Elements ``(k, n, n)`` that generate the group: each is the first that those before it do not reach."""
        return _elements(self)[_generators(self)]

    @property
    def multiplication_table(self) -> Tensor:
        """The Cayley table ``(order, order)``, int64: element i times element j is element ``table[i, j]``."""
        return _table(self)

    @property
    def inverses(self) -> Tensor:
        """The index of the inverse of each element, ``(order,)``, int64."""
        return _inverses(self)

    @property
    def abelian(self) -> bool:
        """Whether all elements commute."""
        table = _table(self)
        return torch.equal(table, table.T)

    @property
    def class_of(self) -> Tensor:
        """The number of the conjugacy class of each element, ``(order,)``, int64; the identity is class 0."""
        return _class_of(self)

    @property
    def conjugacy_classes(self) -> tuple[Tensor, ...]:
        """The classes {h g h^-1} as indices, by their first elements.

        Example:
            >>> from intertwine.groups import Icosahedral
            >>> sorted(len(each) for each in Icosahedral().conjugacy_classes)
            [1, 12, 12, 15, 20]
        """
        classes = _class_of(self)
        return tuple((classes == c).nonzero().flatten() for c in range(int(classes.max()) + 1))

    def index(self, g: Tensor, tolerance: float = 1e-3) -> Tensor:
        """The position of each element in ``elements``.

        Args:
            g: ``(..., n, n)`` elements.
            tolerance: The largest distance of an entry that is still rounding.

        Returns:
            ``(...)``, int64.

        Raises:
            ValueError: If a matrix is not an element.
        """
        distance, position = self._nearest(g)
        if not bool((distance <= tolerance).all()):
            outside = int((~(distance <= tolerance)).sum())
            raise ValueError(f"{outside} of {distance.numel()} matrices are not elements of {self.name}")
        return position

    def _nearest(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The largest deviation of an entry from the nearest element, and the position of that element."""
        self.check_shape(g)
        elements = _elements(self).to(g.device)
        g = g.detach().to(torch.float64)
        # ||g - e||^2 = ||g||^2 + ||e||^2 - 2 <g, e>, and the first term is the same for all e.
        flat = elements.flatten(1)
        position = (flat.square().sum(-1) - 2 * g.flatten(-2) @ flat.T).argmin(-1)
        distance = (g - elements[position]).flatten(-2).abs().amax(-1)
        return distance, position

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        return _elements(self)[torch.randint(self.order, (count,), generator=generator)]

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` is an element, up to the tolerance on its entries: ``(...)``, bool."""
        return self._nearest(g)[0] <= tolerance

    def describe(self, g: Tensor) -> str:
        """One element ``(n, n)`` in words."""
        return f"element {int(self.index(g))} of {self.order}"

    def cosets(self, subgroup: FiniteGroup) -> Tensor:
        """The left cosets g H as indices, ``(order / |H|, |H|)``, int64: H itself first, then by the first element.

        The first of each row is its representative; the others are that times the elements of H, in the order of H.

        Raises:
            ValueError: If H is not a subgroup.
        """
        return _cayley.cosets(_table(self), self.index(subgroup.elements))

    def subgroup(self, generators: Tensor) -> FiniteGroup:
        """The subgroup that elements ``(k, n, n)`` generate.

        Raises:
            ValueError: If a generator is not an element.
        """
        return self._generated_by(
            _cayley.cayley_closure(_table(self).tolist(), self.index(generators).flatten().tolist())
        )

    def subgroups(self) -> list[FiniteGroup]:
        """All subgroups, from the trivial one to the whole, by their order: 59 for the rotations of the icosahedron.

        Cost: one join of every subgroup with every cyclic subgroup of prime-power order; seconds for the order 120.
        """
        return [self._generated_by(members) for members in _cayley.subgroups(_table(self))]

    def quotient(self, subgroup: FiniteGroup) -> Rep:
        """The quotient representation on functions on the cosets g H, which it permutes: induced from the trivial one.

        Raises:
            ValueError: If H is not a subgroup.
        """
        return subgroup.trivial.induce(self)

    @property
    def center(self) -> FiniteGroup:
        """The subgroup of the elements that commute with all."""
        table = _table(self)
        return self._generated_by(frozenset((table == table.T).all(1).nonzero().flatten().tolist()))

    def orbit(self, point: Tensor, rep: Rep | None = None, tolerance: float = 1e-9) -> Tensor:
        """The distinct points rho(g) x, in the order in which the elements reach them.

        Args:
            point: ``(dim,)``.
            rep: How the group acts; its own matrices by default.
            tolerance: The largest distance of coordinates that are the same.

        Returns:
            ``(|orbit|, dim)``, float64; ``|orbit| |stabilizer| = order``.
        """
        moved, same = self._images(point, rep, tolerance)
        return moved[(same.to(torch.int8).argmax(1) == torch.arange(len(moved)))]

    def stabilizer(self, point: Tensor, rep: Rep | None = None, tolerance: float = 1e-9) -> FiniteGroup:
        """The subgroup of the elements with rho(g) x = x; arguments as for ``orbit``."""
        _, same = self._images(point, rep, tolerance)
        return self._generated_by(frozenset(same[0].nonzero().flatten().tolist()))

    def _images(self, point: Tensor, rep: Rep | None, tolerance: float) -> tuple[Tensor, Tensor]:
        """All rho(g) x, and which of them are the same point."""
        matrices = self.elements if rep is None else rep.matrix(self.elements)
        if point.shape != matrices.shape[-1:]:
            raise ValueError(f"a point has shape ({matrices.shape[-1]},), got {tuple(point.shape)}")
        moved = matrices @ point.detach().to("cpu", torch.float64)
        scale = max(1.0, float(moved.abs().max()))
        return moved, (moved[:, None] - moved).abs().amax(-1) <= tolerance * scale

    def _generated_by(self, members: frozenset[int]) -> FiniteGroup:
        generators = _cayley.generators(_table(self), sorted(members)) or [0]
        return cast("FiniteGroup", implementation("groups").FiniteMatrixGroup(_elements(self)[generators]))


def check_listable(name: str, order: int) -> None:
    """Refuse to list a group that is too large for it.

    Raises:
        ValueError: If there are more than 50,000 elements.
    """
    if order > LARGEST:
        shown = order if order < 10**9 else show_count(order)
        raise ValueError(
            f"{name} has {shown} elements, of which at most {LARGEST} are listed; draw some with sample(n)"
        )


@cached_constant
def _elements(group: FiniteGroup) -> Tensor:
    return group._list_elements()


@cached_constant
def _table(group: FiniteGroup) -> Tensor:
    check_entries(group.order**2, f"the multiplication table and the regular representation of {group.name}")
    elements = group.elements
    found = _table_by_projection(elements)
    return torch.stack([group.index(g @ elements) for g in elements]) if found is None else found


def _table_by_projection(elements: Tensor) -> Tensor | None:
    """The Cayley table from one random linear functional, which tells elements apart; None where rounding is too near.

    Tr(r^T g h) for all pairs is one product of matrices; the place of each among the sorted Tr(r^T g) names g h.
    """
    r = torch.randn(elements.shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flat = elements.flatten(1)
    keys, order = (flat @ r.flatten()).sort()
    scale = max(1.0, float(keys.abs().max()))
    gap = float(keys.diff().min()) if len(keys) > 1 else scale
    if not gap > 1e-8 * scale:
        return None
    rows = []
    for part in torch.split(elements, max(1, 2**22 // len(elements))):
        products = (part.mT @ r).flatten(1) @ flat.T
        place = torch.searchsorted(keys, products - gap / 2).clamp_max(len(keys) - 1)
        if not float((keys[place] - products).abs().max()) < 1e-3 * gap:
            return None
        rows.append(order[place])
    return torch.cat(rows)


@cached_constant
def _inverses(group: FiniteGroup) -> Tensor:
    return (_table(group) == 0).to(torch.int8).argmax(1)


@cached_constant
def _class_of(group: FiniteGroup) -> Tensor:
    return _cayley.classes(_table(group))


@cached_constant
def _generators(group: FiniteGroup) -> Tensor:
    table = _table(group)
    return torch.tensor(_cayley.generators(table, range(len(table))), dtype=torch.int64)
