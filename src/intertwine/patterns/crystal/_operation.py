"""Symmetry operation ``(W|w)`` of a crystallographic group in fractional coordinates, in exact arithmetic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.patterns.crystal._integers import determinant, inverse

_AXES = "xyz"
_TERM = re.compile(r"([+-]?)(?:(\d+)(?:/(\d+))?|([xyz]))")
_HIGHEST_ORDER = 6


@dataclass(frozen=True, repr=False)
class Operation:
    """Symmetry operation ``(W|w): x -> W x + w`` in fractional coordinates, with integer W and rational w.

    The product is ``(W|w)(V|v) = (W V | W v + w)``. Operations that differ by a lattice translation are different here,
    and the same element of a :class:`CrystalGroup`.

    Args:
        linear: The d rows of W, integers with determinant 1 or -1.
        translation: The d entries of w.

    Example:
        >>> glide = Operation.parse("-x, y+1/2")
        >>> str(glide @ glide), glide.order
        ('x, y+1', 2)
    """

    linear: tuple[tuple[int, ...], ...]
    translation: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.translation) for row in self.linear) or len(self.linear) != len(self.translation):
            raise ValueError(f"W must be d x d and w have d entries, got {self.linear} and {self.translation}")
        if abs(determinant(self.linear)) != 1:
            raise ValueError(f"W must have determinant 1 or -1 to map a lattice onto itself, got {self.linear}")

    @staticmethod
    def parse(text: str) -> Operation:
        """The operation of a coordinate triplet or pair, such as "x+1/2, y+1/2, -z" or "-y, x-y".

        Raises:
            UsageError: If the text is something else.
        """
        parts = [part.replace(" ", "") for part in text.lower().split(",")]
        rows, shifts = [], []
        for part in parts:
            terms = list(_TERM.finditer(part))
            if not part or len(parts) not in (2, 3) or "".join(term.group() for term in terms) != part:
                raise UsageError(f'expected an operation such as "-y, x-y" or "x+1/2, -y, z", got "{text}"')
            row, shift = [0] * len(parts), Fraction(0)
            for sign, numerator, denominator, axis in (term.groups() for term in terms):
                times = -1 if sign == "-" else 1
                if not axis:
                    shift += times * Fraction(int(numerator), int(denominator or 1))
                elif _AXES.index(axis) < len(parts):
                    row[_AXES.index(axis)] += times
                else:
                    raise UsageError(f'"{text}" contains {axis} but has only {len(parts)} coordinates')
            rows.append(tuple(row))
            shifts.append(shift)
        if abs(determinant(rows)) != 1:
            raise UsageError(f'"{text}" does not map a lattice onto itself: its determinant is not 1 or -1')
        return Operation(tuple(rows), tuple(shifts))

    @staticmethod
    def identity(dimension: int) -> Operation:
        """The identity ``x -> x``."""
        return Operation.from_translation([0] * dimension)

    @staticmethod
    def from_translation(vector: Sequence[int | Fraction]) -> Operation:
        """The translation ``x -> x + vector``."""
        size = range(len(vector))
        return Operation(tuple(tuple(int(i == j) for j in size) for i in size), tuple(map(Fraction, vector)))

    @property
    def dimension(self) -> int:
        """The number d of coordinates."""
        return len(self.translation)

    @cached_property
    def determinant(self) -> int:
        """1 for operations of the first kind, -1 for those of the second kind, which reverse handedness."""
        return int(determinant(self.linear))

    @property
    def trace(self) -> int:
        """The trace of W, which does not depend on the basis."""
        return sum(self.linear[i][i] for i in range(self.dimension))

    @cached_property
    def order(self) -> int:
        """The least n with W^n = 1, at most 6 by the crystallographic restriction.

        Raises:
            ValueError: If W is not of finite order.
        """
        unit = Operation.identity(self.dimension).linear
        power = self
        for n in range(1, _HIGHEST_ORDER + 1):
            if power.linear == unit:
                return n
            power = power @ self
        raise ValueError(f"W = {self.linear} has no order up to 6: no lattice has this symmetry")

    @property
    def intrinsic_translation(self) -> tuple[Fraction, ...]:
        """The intrinsic translation of a glide or screw, ``(1/n) sum_i W^i w``, which no choice of origin removes."""
        power = self
        for _ in range(self.order - 1):
            power = power @ self
        return tuple(entry / self.order for entry in power.translation)

    @property
    def inverse(self) -> Operation:
        """The inverse ``(W^-1 | -W^-1 w)``."""
        rows = tuple(tuple(int(entry) for entry in row) for row in inverse(self.linear))
        return Operation(rows, tuple(-entry for entry in _apply(rows, self.translation)))

    @property
    def matrix(self) -> Tensor:
        """The augmented matrix ``(d + 1, d + 1)``, float64: W and w above the row 0 .. 0 1."""
        d = self.dimension
        rows = [[*map(float, row), float(shift)] for row, shift in zip(self.linear, self.translation, strict=True)]
        return torch.tensor([*rows, [0.0] * d + [1.0]], dtype=torch.float64)

    def __matmul__(self, other: Operation) -> Operation:
        columns = tuple(zip(*other.linear, strict=True))
        linear = tuple(
            tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns) for row in self.linear
        )
        moved = _apply(self.linear, other.translation)
        return Operation(linear, tuple(a + b for a, b in zip(moved, self.translation, strict=True)))

    def __call__(self, points: Tensor) -> Tensor:
        """The images of points ``(..., d)`` in fractional coordinates, of the same dtype and device."""
        matrix = self.matrix.to(points)
        return points @ matrix[:-1, :-1].mT + matrix[:-1, -1]

    def modulo(self, lattice_rank: int) -> Operation:
        """The operation with the first ``lattice_rank`` entries of w reduced to [0, 1)."""
        reduced = tuple(entry % 1 if i < lattice_rank else entry for i, entry in enumerate(self.translation))
        return Operation(self.linear, reduced)

    def describe(self) -> str:
        """A description such as "rotation by 90 degrees", "glide by (0, 1/2)", "screw of order 3 by (0, 0, 1/3)"."""
        screw = self.intrinsic_translation
        by = f" by ({', '.join(map(str, screw))})" if any(screw) else ""
        kind = _describe_type(self.determinant, self.order, self.trace, self.dimension)
        if not by:
            return kind
        if self.order == 1:
            return f"translation{by}"
        return ("glide" if self.determinant < 0 else f"screw of order {self.order}") + by

    def __str__(self) -> str:
        return ", ".join(_coordinate(row, shift) for row, shift in zip(self.linear, self.translation, strict=True))

    def __repr__(self) -> str:
        return f'Operation.parse("{self}")'


def _apply(rows: Sequence[Sequence[int]], vector: Sequence[Fraction]) -> tuple[Fraction, ...]:
    return tuple(sum((a * b for a, b in zip(row, vector, strict=True)), Fraction(0)) for row in rows)


def _describe_type(sign: int, order: int, trace: int, dimension: int) -> str:
    if order == 1:
        return "identity"
    if sign > 0:
        return f"rotation by {360 // order} degrees" if dimension == 2 else f"rotation of order {order}"
    if trace == -3:
        return "inversion"
    if dimension == 2 or trace == 1:
        return "mirror"
    return f"rotoinversion of order {3 if trace == 0 else order}"


def _coordinate(row: Sequence[int], shift: Fraction) -> str:
    signs = [
        ("-" if times < 0 else "+") + axis for axis, times in zip(_AXES, row, strict=False) for _ in range(abs(times))
    ]
    if shift:
        signs.append(f"{'+' if shift > 0 else '-'}{abs(shift)}")
    return "".join(signs).removeprefix("+") or "0"
