"""What it means to act on data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep


class Part(NamedTuple):
    """A piece of data that is judged by itself: one irrep, one entry of a dict.

    Attributes:
        name: Such as "1o" or "forces 1o".
        values: The piece.
        whole: The tensor that it is a piece of, whose rounding it shares.
    """

    name: str
    values: Tensor
    whole: Tensor


class Action(ABC):
    """How a group moves data of one kind.

    Law: ``action(a @ b, x) == action(a, action(b, x))`` and the identity moves nothing.

    A subclass says how to draw an element and how to apply it: two methods. Everything else has a default. An element
    is a :class:`Transform`, or any object that both methods understand. Input and output of a function may move by two
    different actions; the output action receives the elements that the input action drew.

    Example:
        Periodic signals, shifted. The element is a whole number:

        >>> import torch
        >>> from intertwine.auditing import audit
        >>> class Shift(Action):
        ...     def sample(self, data, generator=None):
        ...         return int(torch.randint(1, data.shape[-1], (), generator=generator))
        ...     def __call__(self, motion, data):
        ...         return data.roll(motion, -1)
        >>> signal = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
        >>> audit(lambda x: x * x.roll(1, -1), Shift(), Shift(), inputs=signal).passed
        True
        >>> audit(lambda x: x.cumsum(-1), Shift(), Shift(), inputs=signal).passed
        False
    """

    @abstractmethod
    def sample(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Draw a random element that fits these data (their number of points, their size).

        Args:
            data: What will be moved.
            generator: Makes the draw reproducible.

        Returns:
            A motion with the claimed factors: Haar in the group, normal translations, uniform permutations.
        """

    @abstractmethod
    def __call__(self, motion: Any, data: Any) -> Any:
        """Move the data; the dtype and the device are theirs."""

    @property
    def group(self) -> Group | None:
        """The group whose elements are the linear parts of the motions; None where there is no such matrix."""
        return None

    @property
    def laws(self) -> Mapping[str, str]:
        """The claimed factors of the motions with their symbols, ``{"rotation": "O(3)", "translation": "T"}``."""
        return {"motion": type(self).__name__} if self.group is None else {"rotation": self.group.name}

    @property
    def exact(self) -> bool:
        """Whether data move without loss; where not (interpolation), the audit measures the loss and subtracts it."""
        return True

    def factor(self, motion: Any, law: str) -> Any:
        """The factor of an element that one of the laws speaks of."""
        return motion if len(self.laws) == 1 or not isinstance(motion, Transform) else motion.only(law)

    def describe(self, motion: Any) -> str:
        """An element in words."""
        return motion.describe(self.group) if isinstance(motion, Transform) else str(motion)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Any:
        """Draw typical data.

        Args:
            generator: Makes the draw reproducible.
            dtype: The floating dtype of the data.

        Returns:
            Data that this action can move.

        Raises:
            TypeError: If the action has no idea what typical data are.
        """
        raise TypeError(f"{type(self).__name__} draws no examples: give inputs=, or write its method example")

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

        return LinearAction(rep) if features.ndim > 0 and features.shape[-1] == rep.dim else None

    def movable(self, data: Any) -> Any:
        """The part of the data that moves without loss, all of them where the action is exact."""
        return data

    def visible(self, data: Any) -> Any:
        """What of the data is compared; images leave out their border, where interpolation ends."""
        return data

    def parts(self, data: Any) -> Iterator[Part]:
        """The pieces that are judged one by one, lest a small one hide in a large one."""
        yield from ()
