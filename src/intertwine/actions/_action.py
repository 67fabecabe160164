"""Group actions on data: the base class, and a representation as a linear action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from intertwine.actions._apply_rep import apply_rep
from intertwine.actions._component import Component
from intertwine.actions._irreps import irrep_components
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep


class Action(ABC):
    """Action of a group on data of one kind.

    Law: ``action(a @ b, x) == action(a, action(b, x))``, and the identity leaves x unchanged.

    A subclass implements :meth:`sample` and ``__call__``; everything else has a default. An element is a
    :class:`Transform`, or any object that both methods accept. The input and the output of a function may have two
    different actions; the output action receives the elements that the input action sampled.

    Example:
        Circular shifts of periodic signals. The element is an integer:

        >>> import torch
        >>> from intertwine.auditing import audit
        >>> class Shift(Action):
        ...     def sample(self, data, generator=None):
        ...         return int(torch.randint(1, data.shape[-1], (), generator=generator))
        ...     def __call__(self, transform, data):
        ...         return data.roll(transform, -1)
        >>> signal = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
        >>> audit(lambda x: x * x.roll(1, -1), Shift(), Shift(), inputs=signal).passed
        True
        >>> audit(lambda x: x.cumsum(-1), Shift(), Shift(), inputs=signal).passed
        False
    """

    @abstractmethod
    def sample(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Sample a random element for these data (their number of points, their size).

        Args:
            data: The data that will be transformed.
            generator: Random generator, for reproducible samples.

        Returns:
            A transform: Haar element of the group, normal translation, uniform permutation, as far as :attr:`laws` go.
        """

    @abstractmethod
    def __call__(self, transform: Any, data: Any) -> Any:
        """Apply the element to the data; dtype and device of the data stay."""

    @property
    def group(self) -> Group | None:
        """The group of the linear parts of the transforms; None where the elements have no matrix."""
        return None

    @property
    def laws(self) -> Mapping[str, str]:
        """The factors of the group by name, with their symbols: ``{"rotation": "O(3)", "translation": "T"}``."""
        return {"transform": type(self).__name__} if self.group is None else {"rotation": self.group.name}

    @property
    def exact(self) -> bool:
        """Whether the action is exact; where it interpolates, the audit measures that error and subtracts it."""
        return True

    def factor(self, transform: Any, law: str) -> Any:
        """The factor of an element that belongs to one of the laws; the others become the identity."""
        return transform if len(self.laws) == 1 or not isinstance(transform, Transform) else transform.only(law)

    def describe(self, transform: Any) -> str:
        """A description of an element in words."""
        return transform.describe(self.group) if isinstance(transform, Transform) else str(transform)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Any:
        """Sample typical data.

        Args:
            generator: Random generator, for reproducible samples.
            dtype: The floating dtype of the data.

        Returns:
            Data that this action applies to.

        Raises:
            TypeError: If the action defines no example.
        """
        raise TypeError(f"{type(self).__name__} has no example: give inputs=, or write its method example")

    def feature_action(self, rep: Rep, features: Tensor, data: Any) -> Action | None:
        """The action on intermediate features of a network whose input has this action.

        Args:
            rep: The representation that the layer declares.
            features: The output of the layer, ``(..., rep.dim)``.
            data: The input of the whole network.

        Returns:
            The action, or None where it is ambiguous.
        """
        return LinearAction(rep) if features.ndim > 0 and features.shape[-1] == rep.dim else None

    def lossless_part(self, data: Any) -> Any:
        """The band-limited part of the data, on which the action is exact; all of the data where it is exact on all."""
        return data

    def compared_region(self, data: Any) -> Any:
        """The region of the data that is compared; images leave out their border, where interpolation ends."""
        return data

    def matched(self, actual: Any, expected: Any) -> Any:
        """``actual`` in the order of ``expected``, where the order carries no meaning; else unchanged."""
        return actual

    def components(self, data: Any) -> Iterator[Component]:
        """The components whose errors are measured separately, each by its own norm."""
        yield from ()


@dataclass(frozen=True)
class LinearAction(Action):
    """x -> rho(g) x on tensors ``(..., rep.dim)``; translations and permutations act trivially.

    This is also the action on features that were pooled over points.

    Attributes:
        rep: The representation rho.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> action = LinearAction(SO3().vector)
        >>> x = action.example(torch.Generator().manual_seed(0))
        >>> g = action.sample(x, torch.Generator().manual_seed(1))
        >>> torch.allclose(action(g.inverse, action(g, x)), x)
        True
    """

    rep: Rep

    @property
    def group(self) -> Group:
        """The representation's group."""
        return self.rep.group

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """A Haar element of the group."""
        return Transform(self.group.sample(generator=generator))

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """rho(g) x."""
        return apply_rep(self.rep, transform, data)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Standard normal vectors, ``(16, rep.dim)``."""
        return torch.randn(16, self.rep.dim, generator=generator, dtype=torch.float64).to(dtype)

    def components(self, data: Tensor) -> Iterator[Component]:
        """The irreps."""
        return irrep_components(self.rep, data)


def as_action(what: Action | Rep) -> Action:
    """Convert a representation to its linear action; an action is returned as it is.

    Args:
        what: An action or a representation.

    Returns:
        The action.

    Raises:
        TypeError: If it is neither.
    """
    if isinstance(what, Action):
        return what
    if isinstance(what, Rep):
        return LinearAction(what)
    raise TypeError(f'expected an Action or a Rep such as O3().rep("1x0e + 1x1o"), got {type(what).__name__}')
