"""Conjugacy classes of the symmetric group, by the partitions of n, without its n! elements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import factorial, prod

import torch
from torch import Tensor


def partitions(n: int, largest: int | None = None) -> Iterator[tuple[int, ...]]:
    """The ways to write n as a sum of positive whole numbers, largest first.

    Example:
        >>> list(partitions(4))
        [(4,), (3, 1), (2, 2), (2, 1, 1), (1, 1, 1, 1)]
    """
    if n == 0:
        yield ()
    for part in range(min(n, largest or n), 0, -1):
        for rest in partitions(n - part, part):
            yield (part, *rest)


def partition_count(n: int) -> int:
    """The number of partitions of n, which is that of the conjugacy classes of S_n, by Euler's recurrence.

    Example:
        >>> partition_count(4), partition_count(99)
        (5, 169229875)
    """
    ways = [1] + [0] * n
    for part in range(1, n + 1):
        for total in range(part, n + 1):
            ways[total] += ways[total - part]
    return ways[n]


def class_size(cycles: tuple[int, ...]) -> int:
    """How many permutations have these cycle lengths: n! / prod (length^count count!)."""
    counts = Counter(cycles)
    symmetries: int = prod(length**count * factorial(count) for length, count in counts.items())
    return factorial(sum(cycles)) // symmetries


def symmetric_classes(n: int) -> tuple[Tensor, Tensor]:
    """One permutation matrix for each class of S_n, and the share of the group that the class has.

    Returns:
        ``(classes, n, n)`` and ``(classes,)``, float64; the shares add up to one.
    """
    types = list(partitions(n))
    matrices = torch.zeros(len(types), n, n, dtype=torch.float64)
    for k, cycles in enumerate(types):
        start = 0
        for length in cycles:
            here = torch.arange(length)
            matrices[k, start + (here + 1) % length, start + here] = 1
            start += length
    shares = torch.tensor([class_size(cycles) / factorial(n) for cycles in types], dtype=torch.float64)
    return matrices, shares
