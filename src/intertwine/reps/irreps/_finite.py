"""Irreps of any finite group, by a numerical construction that gives the same on every machine.

The characters come first. Each irrep is then cut out of the first of some natural reps that contains it once: of a
group of space, the irreps of O(3) by degree; else the defining rep. What is in none of them is cut out of the regular
rep, by a fixed symmetric operator that commutes with it. The basis is the echelon form of the subspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, singledispatch
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import O3, FiniteGroup, Inclusion, Irrep, Kind, PolyhedralGroup, Rep
from intertwine.reps._elementary import DefiningRep
from intertwine.reps._pullback import Pullback
from intertwine.reps.irreps._irrep_table import LARGEST_ORDER, IrrepTable, UnknownIrreps, irrep_table
from intertwine.reps.solve import RealCharacter, canonical_basis, real_characters

_SOURCES = 14
"""How many irreps of O(3) are looked at: degrees up to 6."""
_ENDOMORPHISMS: dict[Kind, int] = {"real": 1, "complex": 2, "quaternionic": 4}


class _Named(NamedTuple):
    label: str
    character: RealCharacter


@dataclass(frozen=True, repr=False)
class FiniteIrrep(Irrep):
    """An irrep of a finite group, by a table of its matrices.

    Args:
        group: A finite group of at most 1000 elements.
        index: Its position in ``group.irreps()``.
    """

    index: int

    @property
    def _finite(self) -> FiniteGroup:
        assert isinstance(self.group, FiniteGroup), "a finite irrep has a finite group"
        return self.group

    @property
    def _named(self) -> _Named:
        return _named(self._finite)[self.index]

    @property
    def dim(self) -> int:
        """The dimension over the reals."""
        return self._named.character.dim

    @property
    def label(self) -> str:
        """Mulliken's symbol for the groups of the regular solids; else the dimension and a letter, "1a", "3b"."""
        return self._named.label

    @property
    def key(self) -> tuple[int, ...]:
        """The position."""
        return (self.index,)

    @property
    def kind(self) -> Kind:
        """The division algebra of endomorphisms."""
        return self._named.character.kind

    @property
    def generators(self) -> Tensor:
        """None: ``(0, dim, dim)``."""
        return torch.zeros(0, self.dim, self.dim, dtype=torch.float64)

    @property
    def endomorphisms(self) -> Tensor:
        """The identity, then antisymmetric E with E^2 = -1: ``(e, dim, dim)``."""
        return super().endomorphisms if self.kind == "real" else _endomorphisms(self._finite, self.index)

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices, ``(..., dim, dim)``, of the dtype and device of g.

        Raises:
            ValueError: If a matrix is not an element of the group.
        """
        return _matrices(self._finite, self.index).to(g)[self._finite.index(g)]

    def character(self, g: Tensor) -> Tensor:
        """The trace: ``(...)``."""
        return self._named.character.values.to(g)[self._finite.class_of.to(g.device)[self._finite.index(g)]]


class FiniteIrrepTable(IrrepTable):
    """All irreps of a finite group, by increasing dimension."""

    pattern = r"\d+[a-z]+|[A-Z]\d?[gu]?"

    def __init__(self, group: FiniteGroup) -> None:
        super().__init__(group)
        self._finite = group

    @property
    def example(self) -> str:  # type: ignore[override]
        """A sum of two irreps."""
        labels = [named.label for named in _named(self._finite)]
        return f"8x{labels[0]} + 4x{labels[-1]}"

    @property
    def trivial(self) -> Irrep:
        """The first."""
        return FiniteIrrep(self.group, 0)

    @property
    def vector(self) -> Rep:
        """The irrep that it is, if it is one."""
        if self.group.orthogonal:
            for index, named in enumerate(_named(self._finite)):
                if named.character.dim == self.group.dimension and _is_source(self._finite, index):
                    return FiniteIrrep(self.group, index)
        return DefiningRep(self.group)

    def read(self, *label: object) -> Irrep | None:
        """One of the labels."""
        labels = [named.label for named in _named(self._finite)]
        return FiniteIrrep(self.group, labels.index(str(label[0]))) if len(label) == 1 and label[0] in labels else None

    def describe_labels(self) -> str:
        """The labels."""
        return ", ".join(named.label for named in _named(self._finite))

    def __iter__(self) -> Iterator[Irrep]:
        return (FiniteIrrep(self.group, index) for index in range(len(_named(self._finite))))

    def candidates(self, rep: Rep) -> Iterator[Irrep]:
        """Those whose character is in that of the rep."""
        character = rep.character(self.group.elements)
        for irrep in self:
            if float((character * irrep.character(self.group.elements)).mean()) > 0.5:
                yield irrep


@irrep_table.register
def finite_irrep_table(group: FiniteGroup) -> IrrepTable:
    """The irreps of a finite group of at most 1000 elements; of a larger one, what is known of any group."""
    return FiniteIrrepTable(group) if group.order <= LARGEST_ORDER else UnknownIrreps(group)


@singledispatch
def irrep_labels(group: FiniteGroup, characters: tuple[RealCharacter, ...]) -> list[str]:
    """A label for each irreducible character: its dimension, and a letter that counts."""
    seen: dict[int, int] = {}
    labels = []
    for character in characters:
        index = seen[character.dim] = seen.get(character.dim, -1) + 1
        letters = "" if index < 26 else chr(96 + index // 26)
        labels.append(f"{character.dim}{letters}{chr(97 + index % 26)}")
    return labels


@irrep_labels.register
def mulliken(group: PolyhedralGroup, characters: tuple[RealCharacter, ...]) -> list[str]:
    """Mulliken's symbols: A, E, T, G, H by dimension; g and u by the inversion; 1 for what has an invariant or turns.

    A1 is trivial but for the inversion, T1 transforms like infinitesimal rotations but for the inversion.
    """
    first = group.elements[[int(each[0]) for each in group.conjugacy_classes]]
    proper = torch.linalg.det(first) > 0
    inverted = bool(group.contains(-group.identity))
    looked = proper if inverted else torch.ones_like(proper)
    axial = first.diagonal(dim1=-2, dim2=-1).sum(-1) * torch.where(proper, 1.0, -1.0)
    alike = {"A": torch.ones_like(axial), "T": axial}
    labels = []
    for values, dim, _ in characters:
        letter = {1: "A", 2: "E", 3: "T", 4: "G", 5: "H"}[dim]
        number = ""
        if letter in alike and _several(letter, characters, inverted):
            number = "1" if bool(((values - alike[letter]).abs() < 1e-6)[looked].all()) else "2"
        parity = ""
        if inverted:
            center = int((first + group.identity).flatten(1).abs().sum(1).argmin())
            parity = "g" if values[center] > 0 else "u"
        labels.append(letter + number + parity)
    return labels


def _several(letter: str, characters: tuple[RealCharacter, ...], inverted: bool) -> bool:
    """Whether more than one irrep of a parity has this letter."""
    return sum(character.dim == {"A": 1, "T": 3}[letter] for character in characters) > 1 + inverted


@lru_cache(maxsize=64)
def _named(group: FiniteGroup) -> tuple[_Named, ...]:
    characters = real_characters(group)
    named = [_Named(*pair) for pair in zip(irrep_labels(group, characters), characters, strict=True)]
    return tuple(sorted(named, key=lambda each: (each.character.dim, len(each.label), each.label)))


def _sources(group: FiniteGroup) -> Iterator[Rep]:
    """Natural reps, to cut irreps out of."""
    if group.orthogonal and group.dimension == 3:
        inside = Inclusion(group, O3())
        for irrep in islice(O3().irreps(), _SOURCES):
            yield Pullback(group, irrep, (inside,))
    elif group.orthogonal:
        yield DefiningRep(group)


def _copies(group: FiniteGroup, index: int, character: Tensor) -> int:
    """How often an irrep is in a rep of which the character on all elements is given."""
    values, _, kind = _named(group)[index].character
    return round(float((values[group.class_of] * character).mean())) // _ENDOMORPHISMS[kind]


def _is_source(group: FiniteGroup, index: int) -> bool:
    return torch.equal(_matrices(group, index), group.elements)


@cached_constant
def _matrices(group: FiniteGroup, index: int) -> Tensor:
    """All matrices of an irrep, ``(order, dim, dim)``, in the order of the elements."""
    values, dim, kind = _named(group)[index].character
    elements, spread = group.elements, values[group.class_of]
    if dim == 1:  # a sign
        return spread.round()[:, None, None]
    for source in _sources(group):
        if _copies(group, index, source.character(elements)) == 1:
            matrices = source.matrix(elements)
            if source.dim == dim:
                return matrices
            weight = dim / (_ENDOMORPHISMS[kind] * len(elements))
            projection = weight * torch.einsum("g,gij->ij", spread, matrices)
            basis = _range(projection, dim)
            return basis.T @ matrices @ basis
    return _from_regular(group, spread, dim, kind)


def _from_regular(group: FiniteGroup, spread: Tensor, dim: int, kind: Kind) -> Tensor:
    """One copy inside the regular rep: the highest eigenspace of an operator that multiplies from the right."""
    table, inverse = group.multiplication_table, group.inverses
    quotients = table[:, inverse]  # [h, k]: h k^-1
    projection = dim / (_ENDOMORPHISMS[kind] * group.order) * spread[quotients]
    index = torch.arange(group.order, dtype=torch.float64)
    weights = (1 + index.square()).cos()
    right = (weights + weights[inverse])[table[inverse]]  # [h, k]: h^-1 k
    isotypic = _range(projection, round(float(projection.trace())))
    values, vectors = torch.linalg.eigh(isotypic.T @ right @ isotypic)
    if len(values) > dim:
        gap = float(values[-dim] - values[-dim - 1])
        assert gap > 1e-6 * float(values.abs().max()), f"the copies of an irrep of {group} do not come apart"
    basis = canonical_basis((isotypic @ vectors[:, -dim:]).T).T
    # (B^T rho(g) B)[a, b] = sum_h B[g h, a] B[h, b]
    return torch.stack([basis[row].T @ basis for row in table])


def _range(projection: Tensor, rank: int) -> Tensor:
    """The canonical orthonormal basis ``(n, rank)`` of the range of an orthogonal projection."""
    return canonical_basis(torch.linalg.eigh((projection + projection.T) / 2).eigenvectors[:, -rank:].T).T


@cached_constant
def _endomorphisms(group: FiniteGroup, index: int) -> Tensor:
    """The identity, and the canonical basis, of norm sqrt(dim), of the antisymmetric matrices that commute."""
    matrices = _matrices(group, index)
    dim = matrices.shape[-1]
    units = torch.eye(dim * dim, dtype=torch.float64).reshape(-1, dim, dim)
    antisymmetric = (units - units.mT) / 2
    averaged = torch.einsum("gij,ujk,glk->uil", matrices, antisymmetric, matrices) / len(matrices)
    count = _ENDOMORPHISMS[_named(group)[index].character.kind] - 1
    rows = torch.linalg.svd(averaged.flatten(1)).Vh[:count]
    imaginary = canonical_basis(rows).reshape(count, dim, dim) * dim**0.5
    return torch.cat([torch.eye(dim, dtype=torch.float64)[None], imaginary])
