"""Cayley tables: subgroups, classes and cosets; ``table[i, j]`` is element i times element j, 0 the identity."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

Rows = list[list[int]]
"""The table as nested lists: what single steps read fastest."""


def cayley_closure(rows: Rows, seeds: Iterable[int]) -> frozenset[int]:
    """The subgroup that the seeds generate: multiply by them until nothing is new."""
    steps = set(seeds)
    reached, frontier = {0}, [0]
    while frontier:
        frontier = list({rows[g][step] for g in frontier for step in steps} - reached)
        reached.update(frontier)
    return frozenset(reached)


def generators(table: Tensor, members: Iterable[int]) -> list[int]:
    """Members that generate the subgroup that they all are: each is the first that those before do not reach."""
    rows: Rows = table.tolist()
    found: list[int] = []
    reached = frozenset([0])
    for member in members:
        if member not in reached:
            found.append(member)
            reached = cayley_closure(rows, found)
    return found


def classes(table: Tensor) -> Tensor:
    """The number of the conjugacy class of each element, by the first element of each class."""
    inverse = (table == 0).to(torch.int8).argmax(1)
    number = torch.full((len(table),), -1, dtype=torch.int64)
    count = 0
    for g in range(len(table)):
        if number[g] < 0:
            number[table[table[:, g], inverse]] = count
            count += 1
    return number


def cosets(table: Tensor, subgroup: Tensor) -> Tensor:
    """The left cosets ``(index, |H|)`` of the subgroup whose indices are given, the identity first."""
    rows, seen = [], torch.zeros(len(table), dtype=torch.bool)
    for g in range(len(table)):
        if not seen[g]:
            row = table[g, subgroup]
            seen[row] = True
            rows.append(row)
    return torch.stack(rows)


def subgroups(table: Tensor) -> list[frozenset[int]]:
    """All subgroups, by order and then by members: the joins of cyclic subgroups of prime-power order."""
    rows: Rows = table.tolist()
    cyclic = {cayley_closure(rows, [g]) for g in range(len(rows))}
    zuppos = sorted((c for c in cyclic if _is_prime_power(len(c))), key=_size_and_members)
    seeds = [next(g for g in sorted(c) if cayley_closure(rows, [g]) == c) for c in zuppos]
    found: dict[frozenset[int], tuple[int, ...]] = {frozenset([0]): ()}
    frontier: dict[frozenset[int], tuple[int, ...]] = {frozenset([0]): ()}
    while frontier:
        joins: dict[frozenset[int], tuple[int, ...]] = {}
        for members, steps in frontier.items():
            for seed in seeds:
                if seed not in members:
                    joins.setdefault(cayley_closure(rows, (*steps, seed)), (*steps, seed))
        frontier = {members: steps for members, steps in joins.items() if members not in found}
        found |= frontier
    return sorted(found, key=_size_and_members)


def _size_and_members(members: frozenset[int]) -> tuple[int, list[int]]:
    return len(members), sorted(members)


def _is_prime_power(n: int) -> bool:
    if n < 2:
        return False
    prime = next(p for p in range(2, n + 1) if n % p == 0)
    while n % prime == 0:
        n //= prime
    return n == 1
