"""Targets: `polarizability`, `dipole:1o`, `stress:0e+2e`, `quadrupole:ij=ji@debye*angstrom`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from intertwine._errors import UsageError
from intertwine._terms import read_spherical_terms
from intertwine.data import QM9_TARGETS
from intertwine.tasks._suggestions import unknown

SYMMETRIC = "ij=ji"
"""A symmetric 3x3 matrix as files have it: nine numbers, learned as 0e+2e and written as nine numbers again."""

CARTESIAN = {SYMMETRIC: "0e+2e", "ij": "0e+1e+2e"}
"""3x3 matrices, symmetric or not, and the irreps in which they are learned."""

PUBLIC = ("qm9",)
"""The public sets that have targets."""

_AXES = "xyz"


@dataclass(frozen=True)
class Target:
    """One quantity of a structure, or of each atom.

    Attributes:
        name: Its key in the file.
        rep: How it rotates with the structure: irreps of O(3), "0e" for a scalar.
        unit: For people; empty when nobody said.
        cartesian: Whether files hold it as a 3x3 matrix: a symmetric one for 0e+2e, any for 0e+1e+2e.
        per_atom: Whether each atom has its own.
    """

    name: str
    rep: str = "0e"
    unit: str = ""
    cartesian: bool = False
    per_atom: bool = False

    @property
    def irreps(self) -> tuple[tuple[int, int, str], ...]:
        """The blocks as (copies, degree, parity).

        >>> Target("stress", "0e+2e").irreps
        ((1, 0, 'e'), (1, 2, 'e'))
        """
        return tuple(parse_irreps(self.rep, self.name))

    @property
    def dim(self) -> int:
        """How many numbers the model learns for it."""
        return sum(copies * (2 * degree + 1) for copies, degree, _ in self.irreps)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its numbers in a CSV file.

        >>> Target("dipole", "1o").columns
        ('dipole_x', 'dipole_y', 'dipole_z')
        """
        if self.cartesian:
            return tuple(f"{self.name}_{i}{j}" for i in _AXES for j in _AXES)
        if self.dim == 1:
            return (self.name,)
        if len(self.irreps) == 1 and self.irreps[0][:2] == (1, 1):
            return tuple(f"{self.name}_{axis}" for axis in _AXES)
        return tuple(f"{self.name}_{index}" for index in range(self.dim))

    @property
    def is_scalar(self) -> bool:
        """Whether all of it is invariant."""
        return all((degree, parity) == (0, "e") for _, degree, parity in self.irreps)

    def to_json(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "name": self.name,
            "rep": self.rep,
            "unit": self.unit,
            "cartesian": self.cartesian,
            "per_atom": self.per_atom,
        }

    @staticmethod
    def from_json(content: dict[str, Any]) -> Target:
        """Back from `to_json`."""
        per_atom = content.get("per_atom", False)  # absent from checkpoints of versions that had none
        return Target(content["name"], content["rep"], content["unit"], content["cartesian"], per_atom)


def parse_irreps(rep: str, name: str) -> list[tuple[int, int, str]]:
    """The terms of a sum of irreps of O(3) as (copies, degree, parity).

    Args:
        rep: Such as "0e + 2x1o".
        name: Whose representation it is, for the error.

    Raises:
        UsageError: It does not parse.
    """
    try:
        blocks = list(read_spherical_terms(rep))
    except UsageError:
        blocks = []
    if not blocks or any(copies == 0 for copies, _, _ in blocks):
        raise UsageError(
            f'{name}: "{rep}" is not a representation; expected irreps such as 0e (scalar), 1o (vector), '
            f"0e+2e, or {SYMMETRIC} (symmetric 3x3 matrix)"
        )
    return blocks


def parse_target(text: str) -> Target:
    """One target as `NAME[:REP][@UNIT]`.

    Args:
        text: What the user typed.

    Returns:
        The target; a scalar when no representation was given.

    Raises:
        UsageError: The name is missing or the representation is none.

    >>> parse_target("dipole:1o@debye")
    Target(name='dipole', rep='1o', unit='debye', cartesian=False, per_atom=False)
    >>> parse_target("inertia:ij=ji").rep
    '0e+2e'
    """
    rest, _, unit = text.partition("@")
    name, colon, rep = rest.partition(":")
    if not name or (colon and not rep):
        raise UsageError(f'"{text}" is not a target; expected NAME, NAME:REP or NAME:REP@UNIT, such as dipole:1o@debye')
    matrix = CARTESIAN.get(rep.replace(" ", ""))
    if matrix is not None:
        return Target(name, matrix, unit, cartesian=True)
    target = Target(name, rep.replace(" ", "") or "0e", unit)
    target.irreps  # noqa: B018  an unreadable representation is found here, not in the middle of the work
    return target


def names_representation(text: str) -> bool:
    """Whether a target was typed with its representation.

    >>> names_representation("q@e"), names_representation("moments:1e@muB")
    (False, True)
    """
    return ":" in text.partition("@")[0]


def parse_targets(texts: Sequence[str]) -> tuple[Target, ...]:
    """All targets of a run.

    Args:
        texts: What the user typed, one target each.

    Returns:
        The targets in that order.

    Raises:
        UsageError: There is none, or one is named twice.
    """
    targets = tuple(map(parse_target, texts))
    if not targets:
        raise UsageError(
            "nothing to learn: pass --target NAME for a scalar or --target NAME:REP, such as --target dipole:1o"
        )
    seen = [target.name for target in targets]
    for name in seen:
        if seen.count(name) > 1:
            raise UsageError(f'target "{name}" is given twice')
    return targets


def public_targets(data: str, targets: Sequence[Target]) -> tuple[Target, ...]:
    """Targets of a public set, with their units.

    Args:
        data: The name of the set.
        targets: The targets.

    Returns:
        The same with units.

    Raises:
        UsageError: The set has none of that name, or has it as a scalar only.

    >>> public_targets("qm9", [Target("gap")])[0].unit
    'hartree'
    """
    for target in targets:
        if target.name not in QM9_TARGETS:
            raise unknown(f"target of {data}", target.name, QM9_TARGETS)
        if target.rep != "0e":
            raise UsageError(f'"{target.name}" of {data} is a scalar, 0e; got {target.rep}')
    return tuple(replace(target, unit=target.unit or QM9_TARGETS[target.name].unit) for target in targets)
