"""Characters of finite groups: the table over the complex numbers, and the irreducible characters over the reals.

Burnside: the class sums commute, so they have common eigenvectors, and these are the characters. A Hermitian
combination of the class sums with fixed coefficients that no character cancels separates them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._on_cpu import on_cpu
from intertwine.groups import FiniteGroup, Kind, Rep

DIGITS = 6
"""Decimals of a character that tell two of them apart, for sorting."""


class CharacterTable(NamedTuple):
    """The irreducible characters of a finite group over the complex numbers."""

    characters: Tensor
    """``(k, k)``, complex128: a character a row, by degree, then by value; a class a column."""
    sizes: Tensor
    """How many elements each conjugacy class has, ``(k,)``, int64."""


class RealCharacter(NamedTuple):
    """The character of a representation that is irreducible over the reals."""

    values: Tensor
    """On each conjugacy class, ``(k,)``, float64."""
    dim: int
    kind: Kind


def character_table(group: FiniteGroup) -> CharacterTable:
    """The character table, numerically exact, in the order of ``group.conjugacy_classes``.

    Orthogonality: sum_c sizes[c] chi_i[c] conj(chi_j[c]) = order delta_ij.

    Args:
        group: A finite group.

    Example:
        >>> from intertwine.groups import Tetrahedral
        >>> character_table(Tetrahedral()).characters[:, 0].real.round().tolist()
        [1.0, 1.0, 1.0, 3.0]
    """
    characters, sizes = _character_table(group)
    return CharacterTable(characters.clone(), sizes.clone())


@lru_cache(maxsize=64)
def _character_table(group: FiniteGroup) -> CharacterTable:
    with on_cpu(), torch.inference_mode(False):
        classes = group.class_of
        sizes = classes.bincount()
        structure = _structure_constants(group)
        place = torch.arange(len(sizes), dtype=torch.float64)
        weights = torch.complex((1 + place.square()).cos(), (2 + place.square()).sin())
        root = sizes.to(torch.float64).sqrt()
        mixed = torch.einsum("r,rst->st", weights, structure.to(weights.dtype) * root / root[:, None])
        vectors = torch.linalg.eigh(mixed + mixed.mH).eigenvectors.T
        # A row is proportional to sqrt(|C|) chi(C), conjugated or not: the set of characters is closed under it.
        characters = vectors / root
        characters = characters / characters[:, :1]
        degrees = (group.order / (characters.abs().square() * sizes).sum(1)).sqrt()
        rounded = degrees.round()
        assert float((degrees - rounded).abs().max()) < 1e-6, f"degrees of {group} are whole numbers"
        characters = _exact(group, characters * rounded[:, None])
        order = sorted(range(len(sizes)), key=lambda i: (float(rounded[i]), _descending(characters[i])))
        return CharacterTable(characters[order], sizes)


def _exact(group: FiniteGroup, characters: Tensor) -> Tensor:
    """The characters free of the rounding of eigenvectors: chi(g) sums roots of unity, each a whole number of times.

    For g of order n, the root e^(2 pi i j / n) is an eigenvalue of rho(g) mean_k chi(g^k) e^(-2 pi i j k / n) times.
    """
    table, classes = group.multiplication_table, group.class_of
    exact = torch.empty_like(characters)
    for column, members in enumerate(group.conjugacy_classes):
        powers = [0]
        while (following := int(table[powers[-1], members[0]])) != 0:
            powers.append(following)
        counts = torch.fft.fft(characters[:, classes[powers]]).real / len(powers)
        assert float((counts - counts.round()).abs().max()) < 1e-3, (
            f"eigenvalues in {group} occur whole numbers of times"
        )
        exact[:, column] = torch.fft.ifft(counts.round())[:, 1 % len(powers)] * len(powers)
    return exact


def _structure_constants(group: FiniteGroup) -> Tensor:
    """a[r, s, t]: how many x in class r have x^-1 z in class s, for one z in class t; ``(k, k, k)``."""
    classes = group.class_of
    count = int(classes.max()) + 1
    first = torch.stack([each[0] for each in group.conjugacy_classes])
    partner = classes[group.multiplication_table[group.inverses][:, first]]
    flat = (classes[:, None] * count + partner) * count + torch.arange(count)
    return flat.flatten().bincount(minlength=count**3).reshape(count, count, count).to(torch.float64)


def _descending(values: Tensor) -> list[float]:
    return (-torch.view_as_real(values).flatten().mul(10**DIGITS).round()).tolist()


@lru_cache(maxsize=64)
def real_characters(group: FiniteGroup) -> tuple[RealCharacter, ...]:
    """The irreducible characters over the reals, by dimension and then by value, the trivial one first.

    By the indicator of Frobenius and Schur, nu = mean chi(g^2): a character with nu = 1 is that of a real irrep, one
    with nu = 0 joins its conjugate (complex kind), one with nu = -1 joins itself (quaternionic kind).
    """
    table, _ = _character_table(group)
    elements = torch.arange(group.order)
    squares = group.class_of[group.multiplication_table[elements, elements]]
    indicators = table[:, squares].mean(1).real.round().int().tolist()
    found: dict[tuple[float, ...], RealCharacter] = {}
    kinds: dict[int, Kind] = {1: "real", 0: "complex", -1: "quaternionic"}
    for chi, indicator in zip(table, indicators, strict=True):
        values = chi.real if indicator == 1 else 2 * chi.real
        key = tuple(values.mul(10**DIGITS).round().neg().tolist())
        found.setdefault(key, RealCharacter(values, round(float(values[0])), kinds[indicator]))
    return tuple(found[key] for key in sorted(found, key=lambda key: (found[key].dim, key)))


def frobenius_schur(rep: Rep) -> float:
    """The indicator mean chi(g^2) of a rep of a finite group: the invariants of S^2, less those of A^2.

    Of an irrep over the reals it is 1 for the real kind, 0 for the complex and -2 for the quaternionic.

    Args:
        rep: A representation of a finite group.

    Raises:
        ValueError: If the group is infinite; there the ``kind`` of each irrep says the same.
    """
    group = rep.group
    if not isinstance(group, FiniteGroup):
        raise ValueError(f"{group} is infinite; decompose() the rep and look at the kind of its irreps")
    g = group.elements
    return float(rep.character(g @ g).mean())
