"""Hidden features of an atom: those that a target needs."""

from __future__ import annotations

from collections.abc import Sequence

from intertwine._errors import UsageError
from intertwine.tasks.properties._targets import Target, parse_irreps

DEFAULT = "32x0e + 16x1o + 8x2e"
_COPIES = 8

Irreps = frozenset[tuple[int, int]]
"""(degree, parity) with parity +1 or -1."""


def _kinds(rep: str, name: str) -> Irreps:
    return frozenset((degree, 1 if parity == "e" else -1) for _, degree, parity in parse_irreps(rep, name))


def needed(targets: Sequence[Target]) -> Irreps:
    """The irreps that the targets are made of."""
    return frozenset().union(*(_kinds(target.rep, target.name) for target in targets))


def reachable(hidden: Irreps, lmax: int) -> Irreps:
    """What a steerable encoder can fill, starting from scalars, by products with harmonics of degree up to `lmax`.

    One layer takes (l, p) to every (k, p (-1)^J) with |l - J| <= k <= l + J that is among the hidden ones.

    >>> sorted(reachable(frozenset({(0, 1), (1, -1), (1, 1)}), lmax=0))
    [(0, 1)]
    """
    filled = {(0, 1)} & hidden
    while True:
        new = {
            (k, parity)
            for k, parity in hidden - filled
            for l, p in filled
            for J in range(lmax + 1)
            if abs(l - J) <= k <= l + J and parity == p * (-1) ** J
        }
        if not new:
            return frozenset(filled)
        filled |= new


def degree_of(hidden: str) -> int:
    """The degree of the harmonics: that of the largest hidden feature, at least 2."""
    return max(2, *(degree for degree, _ in _kinds(hidden, "--hidden")))


def hidden_for(targets: Sequence[Target]) -> str:
    """Features from which every target can be read: the default, and what it lacks.

    >>> hidden_for([Target("dipole", "1o")])
    '32x0e + 16x1o + 8x2e'
    >>> hidden_for([Target("chirality", "0o")])
    '32x0e + 16x1o + 8x2e + 8x1e + 8x0o'
    """
    terms, have, wanted = [DEFAULT], set(_kinds(DEFAULT, "--hidden")), needed(targets)
    if (0, -1) in wanted:
        wanted |= {(1, 1)}  # a pseudoscalar is a vector times an axial vector
    for degree, parity in sorted(wanted - have, reverse=True):
        terms.append(f"{_COPIES}x{degree}{'e' if parity > 0 else 'o'}")
    return " + ".join(terms)


def check_hidden(hidden: str | None, targets: Sequence[Target]) -> None:
    """Whether the targets can be read from the features that the user chose.

    Args:
        hidden: What the user chose; None for the default.
        targets: What is to be learned.

    Raises:
        UsageError: An irrep of a target is missing from them, or no layer ever fills it: the output would be zero.
    """
    if hidden is None:
        return
    filled = reachable(_kinds(hidden, "--hidden"), degree_of(hidden))
    for degree, parity in sorted(needed(targets) - filled):
        missing = f"{degree}{'e' if parity > 0 else 'o'}"
        raise UsageError(f'--hidden "{hidden}" cannot produce {missing}; try "{hidden_for(targets)}"')
