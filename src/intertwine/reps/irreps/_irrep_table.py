"""Table of the irreducible representations of a group: its irreps, their labels, and the grammar that reads them.

A group class gets its own table by ``irrep_table.register(GroupClass, IrrepTableClass)``; subclasses inherit it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import singledispatch

from torch import Tensor

from intertwine._bounds import check_digits, check_entries
from intertwine._errors import UsageError
from intertwine._terms import read_terms
from intertwine.groups import FiniteGroup, Group, Irrep, Rep
from intertwine.reps._composite import direct_sum
from intertwine.reps._elementary import Adjoint, DefiningRep, Regular, Trivial
from intertwine.reps.solve import solve_constraints

LARGEST_ORDER = 1000
"""The most elements of a finite group whose irreps are found."""


class IrrepTable(ABC):
    """The irreps of one group. A subclass states the grammar of its labels and how to read, list and bound them."""

    pattern: str
    """A regular expression of one label."""
    example: str
    """A sum of irreps, to show in messages."""
    complete: bool = True
    """Whether all irreps over the reals are known."""

    def __init__(self, group: Group) -> None:
        self.group = group

    @property
    @abstractmethod
    def trivial(self) -> Irrep:
        """The trivial irrep."""

    @property
    def vector(self) -> Rep:
        """The defining rep; a subclass returns the equal sum of irreps where there is one."""
        return DefiningRep(self.group)

    @property
    def regular(self) -> Rep:
        """The regular rep of a finite group."""
        if not isinstance(self.group, FiniteGroup):
            raise ValueError(f"{self.group} is infinite and has no regular representation of finite dimension")
        return Regular(self.group)

    @property
    def adjoint(self) -> Rep:
        """The adjoint rep on the Lie algebra."""
        return Adjoint(self.group)

    @abstractmethod
    def read(self, *label: object) -> Irrep | None:
        """The irrep of this label, or None when there is none."""

    @abstractmethod
    def describe_labels(self) -> str:
        """What ``irrep`` accepts, for messages."""

    @abstractmethod
    def __iter__(self) -> Iterator[Irrep]:
        """All irreps by increasing degree."""

    def candidates(self, rep: Rep) -> Iterator[Irrep]:
        """The irreps, finitely many and in order, that can occur in a rep."""
        return iter(self)

    def maps(self, irrep: Irrep, rep: Rep) -> Tensor:
        """An orthonormal basis ``(k, rep.dim, irrep.dim)`` of Hom_G(irrep, rep)."""
        return solve_constraints(irrep, rep)

    def product(self, left: Irrep, right: Irrep) -> tuple[Tensor, Rep] | None:
        """Clebsch-Gordan in closed form: Q and irreps with kron(left, right) = Q irreps Q^T; None where unknown."""
        return None

    def irrep(self, *label: object) -> Irrep:
        """One irrep by its label.

        Raises:
            UsageError: If there is no such irrep.
        """
        if len(label) == 1 and isinstance(label[0], Irrep):
            if label[0].group != self.group:
                raise ValueError(f"{label[0]!r} is an irrep of {label[0].group}, not of {self.group}")
            return label[0]
        for item in label:
            check_digits(str(item)) if isinstance(item, str) else None
        plain = [item if isinstance(item, int) and not isinstance(item, bool) else str(item).strip() for item in label]
        found = self.read(*plain)
        if found is None:
            shown = ", ".join(repr(item) for item in plain)
            raise UsageError(f"{self.group} has no irrep ({shown}); it has {self.describe_labels()}")
        check_entries(found.dim**2, f"the matrices of the irrep {found} of {self.group}")
        return found

    def rep(self, text: object) -> Rep:
        """Read a sum of irreps such as "8x0e + 4x1o"; see ``Group.rep``."""
        if isinstance(text, Rep):
            if text.group != self.group:
                raise ValueError(f"{text!r} is a rep of {text.group}, not of {self.group}")
            return text
        if not isinstance(text, str) and not hasattr(text, "dim"):
            raise TypeError(f'a rep is text such as "{self.example}", got {type(text).__name__}')
        return direct_sum(self.group, self._terms(str(text)))

    def _terms(self, text: str) -> Iterator[tuple[int, Irrep]]:
        terms = read_terms(text, self.pattern, self._example_term())
        return ((copies, self.irrep(name)) for copies, name in terms)

    def _example_term(self) -> str:
        return self.example.split(" + ")[-1]


class UnknownIrreps(IrrepTable):
    """Table of a group whose irreps are not known: the trivial one, the defining rep, and what is built of them."""

    pattern = "trivial"
    example = "2xtrivial"
    complete = False

    @property
    def trivial(self) -> Irrep:
        """The trivial irrep."""
        return Trivial(self.group)

    def read(self, *label: object) -> Irrep | None:
        """The trivial irrep by the label "trivial"."""
        return self.trivial if label == ("trivial",) else None

    def describe_labels(self) -> str:
        """The one label that is known."""
        return 'no known irreps but "trivial"'

    def __iter__(self) -> Iterator[Irrep]:
        yield self.trivial


@singledispatch
def irrep_table(group: Group) -> IrrepTable:
    """The table of the irreps of a group."""
    return UnknownIrreps(group)
