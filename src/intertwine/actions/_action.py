"""An element that moves data, and what it means to act."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from intertwine.groups import Group
from intertwine.reps import Rep


@dataclass(frozen=True, eq=False)
class Motion:
    """One element (g, t, p) of G x T x S_n: x_i -> g x_{p(i)} + t.

    Motions multiply as they act, ``(a @ b)`` moves by b first:

        (g, t, p) (h, s, q) = (g h, g s + t, q p)

    Attributes:
        linear: ``(n, n)`` float64, the element g in the group's defining matrices.
        translation: ``(n,)`` float64, in the unit of the positions, or None when nothing is translated.
        permutation: ``(N,)`` int64, new row i is old row ``permutation[i]``, or None when rows keep their places.
    """

    linear: Tensor
    translation: Tensor | None = None
    permutation: Tensor | None = None

    def __matmul__(self, other: Motion) -> Motion:
        translation = self.translation
        if other.translation is not None:
            moved = self.linear @ other.translation
            translation = moved if translation is None else moved + translation
        permutation = self.permutation if other.permutation is None else other.permutation
        if self.permutation is not None and other.permutation is not None:
            permutation = other.permutation[self.permutation]
        return Motion(self.linear @ other.linear, translation, permutation)

    @property
    def inverse(self) -> Motion:
        """The motion that undoes this one."""
        linear = torch.linalg.inv(self.linear)
        return Motion(
            linear,
            None if self.translation is None else -(linear @ self.translation),
            None if self.permutation is None else torch.argsort(self.permutation),
        )

    def only(self, law: str) -> Motion:
        """The factor of this motion that one law speaks of; the others become the identity.

        Args:
            law: ``"rotation"`` (the group's element), ``"translation"``, ``"permutation"`` or ``"all"``.

        Returns:
            The motion with that factor alone.

        Raises:
            ValueError: If there is no such law.
        """
        identity = torch.eye(self.linear.shape[-1], dtype=self.linear.dtype, device=self.linear.device)
        match law:
            case "rotation":
                return Motion(self.linear)
            case "translation":
                return Motion(identity, translation=self.translation)
            case "permutation":
                return Motion(identity, permutation=self.permutation)
            case "all":
                return self
        raise ValueError(f'no law "{law}"; known: rotation, translation, permutation, all')

    def describe(self, group: Group) -> str:
        """This motion in words, with the group's own words for its element.

        Args:
            group: The group that ``linear`` belongs to.

        Returns:
            One line such as "rotation 171.2 deg about (0.11, -0.87, 0.48), translation 2.31".
        """
        words = []
        n = self.linear.shape[-1]
        identity = torch.eye(n, dtype=self.linear.dtype, device=self.linear.device)
        if not torch.equal(self.linear, identity):
            words.append(group.describe(self.linear))
        if self.translation is not None:
            words.append(f"translation {float(self.translation.norm()):.2f}")
        if self.permutation is not None:
            rows = self.permutation.shape[0]
            moved = int((self.permutation != torch.arange(rows, device=self.permutation.device)).sum())
            words.append(f"{moved} of {rows} rows permuted")
        return ", ".join(words) or "identity"


class Action(ABC):
    """How a group moves data of one kind.

    Law: ``action(a @ b, x) == action(a, action(b, x))`` and the identity moves nothing.

    A subclass is a value (frozen dataclass) that says how to draw a motion, how to apply it, and what typical data
    look like.
    """

    @property
    @abstractmethod
    def group(self) -> Group:
        """The group whose elements are the linear parts of the motions."""

    @property
    def laws(self) -> Mapping[str, str]:
        """The claimed factors of the motions with their symbols, ``{"rotation": "O(3)", "translation": "T"}``."""
        return {"rotation": self.group.name}

    @abstractmethod
    def sample(self, data: Any, generator: torch.Generator | None = None) -> Motion:
        """Draw a random motion that fits these data (their number of points, their size).

        Args:
            data: What will be moved.
            generator: Makes the draw reproducible.

        Returns:
            A motion with the claimed factors: Haar in the group, normal translations, uniform permutations.
        """

    @abstractmethod
    def __call__(self, motion: Motion, data: Any) -> Any:
        """Move the data; the dtype and the device are theirs."""

    @abstractmethod
    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Any:
        """Draw typical data.

        Args:
            generator: Makes the draw reproducible.
            dtype: The floating dtype of the data.

        Returns:
            Data that this action can move.
        """

    def feature_action(self, rep: Rep, features: Tensor, data: Any) -> Action | None:
        """How features inside a network move when its input is moved by this action.

        Args:
            rep: The representation that the layer declares.
            features: What it returned, ``(..., rep.dim)``.
            data: The input of the whole network.

        Returns:
            The action, or None when it cannot be told.
        """
        from intertwine.actions._linear import LinearAction

        return LinearAction(rep)
