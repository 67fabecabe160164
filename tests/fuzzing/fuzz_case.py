"""One input of the command line, what is known about it, and the random numbers that it is made of."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WRONG, RIGHT, EITHER = "wrong", "right", "either"
"""The input must be refused (exit code 2), must be accepted (0 or, of a check that fails, 1), or may be either."""


def as_it_is(folder: Path) -> None:
    """Change nothing."""


def no_fault() -> None:
    """Plant nothing."""


@dataclass(frozen=True)
class Case:
    """A command line, run in a copy of the folder of `write_base`.

    Attributes:
        kind: The generator that made it.
        arguments: The words after `intertwine`.
        known: One of WRONG, RIGHT, EITHER.
        prepare: Changes the copy before the command runs.
        plant: Changes the program, in the process of this input alone.
    """

    kind: str
    arguments: tuple[str, ...]
    known: str
    prepare: Callable[[Path], None] = as_it_is
    plant: Callable[[], None] = no_fault

    def __str__(self) -> str:
        return f"[{self.kind}, {self.known}] intertwine {' '.join(repr(word)[:120] for word in self.arguments)}"


class Draw(random.Random):
    """Random choices of one case, the same for the same seed."""

    def pick(self, known: str, *values: str) -> tuple[str, str]:
        """One of some values of which the same is known."""
        return self.choice(values), known

    def one_of(self, *weighted: tuple[str, tuple[str, ...]]) -> tuple[str, str]:
        """A value and what is known of it, from groups of values; every group is as likely."""
        known, values = self.choice([(known, values) for known, values in weighted if values])
        return self.choice(values), known
