"""Integer linear algebra of lattices: echelon form, equations modulo integers, torsion, determinant, inverse."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import gcd

Row = list[Fraction]


def echelon(rows: Sequence[Sequence[int | Fraction]], columns: int) -> list[Row]:
    """Row echelon form by unimodular row operations, pivots positive, in the first ``columns`` columns.

    Args:
        rows: The matrix. Entries in the first ``columns`` columns are multiples of one common unit; further columns are
            carried along.
        columns: Number of leading columns to reduce.

    Returns:
        As many rows, those without a pivot last.

    >>> [[int(entry) for entry in row] for row in echelon([[4, 1], [6, 2]], 2)]
    [[2, 1], [0, 1]]
    """
    matrix = [[Fraction(entry) for entry in row] for row in rows]
    top = 0
    for column in range(columns):
        while True:
            below = [index for index in range(top, len(matrix)) if matrix[index][column] != 0]
            if not below:
                break
            best = min(below, key=lambda index: abs(matrix[index][column]))
            matrix[top], matrix[best] = matrix[best], matrix[top]
            for index in range(top + 1, len(matrix)):
                times = matrix[index][column] // matrix[top][column]
                matrix[index] = [a - times * b for a, b in zip(matrix[index], matrix[top], strict=True)]
            if len(below) == 1:
                if matrix[top][column] < 0:
                    matrix[top] = [-entry for entry in matrix[top]]
                top += 1
                break
        if top == len(matrix):
            break
    return matrix


def solve_modulo_integers(
    matrix: Sequence[Sequence[int]], right: Sequence[int | Fraction]
) -> tuple[Fraction, ...] | None:
    """One solution x of ``matrix x = right`` modulo integers, or None if there is none.

    Unimodular row operations change neither side's class modulo the integers. In echelon form the rows with a pivot can
    always be solved, exactly; the others must have an integer on the right.

    >>> solve_modulo_integers([[2]], [Fraction(1, 2)])
    (Fraction(1, 4),)
    >>> solve_modulo_integers([[0]], [Fraction(1, 2)]) is None
    True
    """
    columns = len(matrix[0])
    rows = echelon([[*row, value] for row, value in zip(matrix, right, strict=True)], columns)
    x = [Fraction(0)] * columns
    for row in reversed(rows):
        pivot = next((column for column in range(columns) if row[column] != 0), None)
        if pivot is None:
            if row[columns].denominator != 1:
                return None
            continue
        known = sum((row[column] * x[column] for column in range(pivot + 1, columns)), Fraction(0))
        x[pivot] = (row[columns] - known) / row[pivot]
    return tuple(x)


def torsion(vectors: Sequence[Sequence[int]]) -> int:
    """The order of the torsion subgroup of Z^d modulo the span of the vectors: the gcd of the minors of largest rank.

    >>> torsion([[2, 0], [0, 2]]), torsion([[1, -1], [2, 0]]), torsion([[2, 0]])
    (4, 2, 2)
    """
    columns = len(vectors[0])
    rows = [row for row in echelon(vectors, columns) if any(row)]
    result = 0
    for pivots in combinations(range(columns), len(rows)):
        result = gcd(result, int(determinant([[row[column] for column in pivots] for row in rows])))
    return abs(result)


def determinant(matrix: Sequence[Sequence[int | Fraction]]) -> int | Fraction:
    """The determinant, exactly, by expansion along the first row; of no rows it is 1."""
    if not matrix:
        return 1
    total: int | Fraction = 0
    for column, entry in enumerate(matrix[0]):
        if entry:
            minor = [[*row[:column], *row[column + 1 :]] for row in matrix[1:]]
            total += (-1) ** column * entry * determinant(minor)
    return total


def inverse(matrix: Sequence[Sequence[int | Fraction]]) -> tuple[tuple[Fraction, ...], ...]:
    """The inverse of a small matrix, exactly, by cofactors.

    Raises:
        ValueError: If the determinant is zero.
    """
    scale = Fraction(determinant(matrix))
    if scale == 0:
        raise ValueError("a singular matrix has no inverse")
    size = len(matrix)

    def cofactor(i: int, j: int) -> Fraction:
        minor = [[*row[:i], *row[i + 1 :]] for k, row in enumerate(matrix) if k != j]
        sign = -1 if (i + j) % 2 else 1
        return sign * determinant(minor) / scale

    return tuple(tuple(cofactor(i, j) for j in range(size)) for i in range(size))
