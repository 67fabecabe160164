"""Actions of G x H on two inputs, each transformed by its own element, and the exchange of the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from intertwine.actions._action import Action, as_action
from intertwine.actions._component import Component
from intertwine.actions._transform import Transform
from intertwine.groups import Group, direct_product
from intertwine.reps import Rep


@dataclass(frozen=True, eq=False)
class PairTransform(Transform):
    """An element of G x H, and whether the two inputs are exchanged afterwards.

    ``linear`` is the element of the product group, so that its representations act as well.

    Attributes:
        first: Applied to the first input.
        second: Applied to the second input.
        swapped: Whether the two are exchanged then.
    """

    first: Transform = field(default_factory=Transform)
    second: Transform = field(default_factory=Transform)
    swapped: bool = False

    @classmethod
    def of(cls, first: Transform, second: Transform, *, swapped: bool = False) -> PairTransform:
        """The element with these two parts."""
        linear = None
        if first.linear is not None and second.linear is not None:
            linear = torch.block_diag(first.linear, second.linear)
        return cls(linear, first=first, second=second, swapped=swapped)

    def __matmul__(self, other: Transform) -> PairTransform:
        if not isinstance(other, PairTransform):
            raise TypeError(f"a transform of pairs is multiplied by one of pairs, got {type(other).__name__}")
        after = (self.second, self.first) if other.swapped else (self.first, self.second)
        return PairTransform.of(after[0] @ other.first, after[1] @ other.second, swapped=self.swapped != other.swapped)

    @property
    def inverse(self) -> PairTransform:
        """The inverse transform."""
        parts = self.first.inverse, self.second.inverse
        return PairTransform.of(*(parts[::-1] if self.swapped else parts), swapped=self.swapped)

    def only(self, law: str) -> PairTransform:
        """The factor that belongs to one law, "first", "second" or "swap"; the others become the identity."""
        if law == "all":
            return self
        if law not in ("first", "second", "swap"):
            raise ValueError(f'no law "{law}"; known: first, second, swap, all')
        first = self.first if law == "first" else _identity(self.first)
        second = self.second if law == "second" else _identity(self.second)
        return PairTransform.of(first, second, swapped=self.swapped and law == "swap")

    def describe(self, group: Group | None = None) -> str:
        """Both elements in words."""
        groups = (getattr(group, "left", None), getattr(group, "right", None))
        words = " | ".join(part.describe(g) for part, g in zip((self.first, self.second), groups, strict=True))
        return f"{words}, exchanged" if self.swapped else words


def _identity(transform: Transform) -> Transform:
    linear = transform.linear
    return Transform(None if linear is None else torch.eye(len(linear), dtype=linear.dtype, device=linear.device))


class _OnPairs(Action):
    """What actions on pairs and on results of pairs have in common: the laws come from the input."""

    @property
    def laws(self) -> Mapping[str, str]:
        """The two elements and the exchange."""
        return {"first": "G", "second": "H", "swap": "Z_2"}

    def sample(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Elements are sampled by the action on the inputs."""
        raise TypeError(f"{type(self).__name__} acts on results of pairs; PairAction samples the elements")

    def factor(self, transform: Any, law: str) -> Any:
        """The factor of an element that belongs to one law."""
        return transform.only(law)


@dataclass(frozen=True, init=False)
class PairAction(_OnPairs):
    """(x, y) -> (g x, h y) with independent elements, then exchanged at random if ``swap`` is set.

    Attributes:
        first: The action on the first input.
        second: The action on the second input.
        swap: Whether the inputs are exchanged as well; for two inputs of one kind.

    Example:
        A covariance is bi-equivariant, M(g x, h y) = g M h^T, and transposed when the inputs are exchanged:

        >>> from intertwine.auditing import audit
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> audit(lambda x, y: x.mT @ y, PairAction(V, V, swap=True), BilinearForms(V, V)).passed
        True
    """

    first: Action
    second: Action
    swap: bool

    def __init__(self, first: Action | Rep, second: Action | Rep, *, swap: bool = False) -> None:
        object.__setattr__(self, "first", as_action(first))
        object.__setattr__(self, "second", as_action(second))
        object.__setattr__(self, "swap", swap)

    @property
    def group(self) -> Group | None:
        """The direct product of the two groups."""
        left, right = self.first.group, self.second.group
        return None if left is None or right is None else direct_product(left, right)

    @property
    def laws(self) -> Mapping[str, str]:
        """The two elements, and the exchange if it is enabled."""
        symbols = (" x ".join(action.laws.values()) for action in (self.first, self.second))
        laws = dict(zip(("first", "second"), symbols, strict=True))
        return {**laws, "swap": "Z_2"} if self.swap else laws

    @property
    def exact(self) -> bool:
        """Whether both actions are."""
        return self.first.exact and self.second.exact

    def sample(self, data: Any, generator: torch.Generator | None = None) -> PairTransform:
        """Two independent elements, and the exchange if it is enabled."""
        first, second = self.first.sample(data[0], generator), self.second.sample(data[1], generator)
        return PairTransform.of(first, second, swapped=self.swap)

    def __call__(self, transform: PairTransform, data: Any) -> Any:
        """(g x, h y), exchanged if the element says so."""
        pair = self.first(transform.first, data[0]), self.second(transform.second, data[1])
        return pair[::-1] if transform.swapped else pair

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Any:
        """The examples of both."""
        return self.first.example(generator, dtype), self.second.example(generator, dtype)

    def feature_action(self, rep: Rep, features: Tensor, data: Any) -> Action | None:
        """None: which of the inputs a layer inside a network of pairs has seen is not known."""
        return None

    def components(self, data: Any) -> Iterator[Component]:
        """Those of each input."""
        for name, action, value in zip(("first", "second"), (self.first, self.second), data, strict=True):
            if isinstance(value, Tensor):
                yield Component(name, value, value)
            for component in action.components(value):
                yield component._replace(name=f"{name} {component.name}")


@dataclass(frozen=True)
class BilinearForms(_OnPairs):
    """M -> rho(g) M sigma(h)^T on bi-equivariant features ``(..., rho.dim, sigma.dim)``; transposed by an exchange.

    Attributes:
        left: rho.
        right: sigma.
    """

    left: Rep
    right: Rep

    @property
    def group(self) -> Group:
        """The product of their groups."""
        return direct_product(self.left.group, self.right.group)

    def __call__(self, transform: PairTransform, data: Tensor) -> Tensor:
        """rho(g) M sigma(h)^T, transposed if the element exchanges the inputs."""
        left, right = transform.first.matrix(self.left).to(data), transform.second.matrix(self.right).to(data)
        moved = left @ data @ right.mT
        return moved.mT if transform.swapped else moved


@dataclass(frozen=True)
class Maps(_OnPairs):
    """T -> sigma(h) T rho(g)^-1 on maps from the first to the second object, inverted by an exchange.

    ``(..., sigma.dim, rho.dim)``. With ``translations`` the maps are motions ``(..., 4, 4)`` and the elements include
    the translations of the two inputs.

    Attributes:
        source: rho.
        target: sigma.
        translations: Whether maps and elements are motions in homogeneous coordinates.

    Example:
        >>> from intertwine.auditing import audit
        >>> from intertwine.groups import SO3
        >>> from intertwine.ops import procrustes
        >>> V = SO3().vector
        >>> audit(procrustes, PairAction(V, V, swap=True), Maps(V, V)).passed
        True
    """

    source: Rep
    target: Rep
    translations: bool = False

    @property
    def group(self) -> Group:
        """The product of their groups."""
        return direct_product(self.source.group, self.target.group)

    def __call__(self, transform: PairTransform, data: Tensor) -> Tensor:
        """sigma(h) T rho(g)^-1, inverted if the element exchanges the inputs."""
        source, target = self._matrix(transform.first, self.source), self._matrix(transform.second, self.target)
        moved = target.to(data) @ data @ torch.linalg.inv(source).to(data)
        result: Tensor = torch.linalg.inv(moved) if transform.swapped else moved
        return result

    def _matrix(self, transform: Transform, rep: Rep) -> Tensor:
        matrix = transform.matrix(rep)
        if not self.translations:
            return matrix
        motion = torch.eye(len(matrix) + 1, dtype=matrix.dtype, device=matrix.device)
        motion[:-1, :-1] = matrix
        if transform.translation is not None:
            motion[:-1, -1] = transform.translation
        return motion
