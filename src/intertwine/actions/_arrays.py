"""Arrays whose axes are index sets that may be renumbered: sets, matrices, graphs, weights of networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.actions._action import Action, Part
from intertwine.actions._irreps import irrep_parts
from intertwine.actions._linear import LinearAction, rotate
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep

_STAYS = "."


@dataclass(frozen=True)
class Array(Action):
    """Axes are index sets: ``Array("rows columns")`` permutes rows and columns, each by its own permutation.

        Y[i, j, ...] = X[p(i), q(j), ...]

    Axes of one name move together: ``Array("nodes nodes")`` is the adjacency matrix of a graph. "." is an axis that
    stays, axes beyond the named ones stay as well, and a representation, if given, acts on the last axis.

    Attributes:
        axes: The names, one for each of the first axes.
        rep: The representation on the last axis, if any.

    Example:
        >>> import torch
        >>> from intertwine.auditing import audit
        >>> matrix = Array("rows columns")
        >>> audit(lambda x: x - x.mean(0) + x.sum(), matrix, matrix).passed
        True
        >>> audit(lambda x: x.mean(1), matrix, Array("rows")).passed
        True
        >>> audit(lambda x: x.tril(), matrix, matrix).passed
        False
    """

    axes: str
    rep: Rep | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.axes, str) or (self.rep is None and not self._sets):
            raise ValueError(f'axes are names such as "rows columns", "." for an axis that stays; got {self.axes!r}')

    @property
    def group(self) -> Group | None:
        """The representation's group, if any."""
        return None if self.rep is None else self.rep.group

    @property
    def laws(self) -> Mapping[str, str]:
        """The group, if any, and a symmetric group for each name."""
        laws = {} if self.rep is None else {"rotation": self.rep.group.name}
        return laws | {name: f"S_{name}" for name in self._sets}

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """A uniform permutation for each name, and a Haar element."""
        sizes = self._sizes(data)
        linear = None if self.rep is None else self.rep.group.sample(generator=generator)
        orders = {name: torch.randperm(size, generator=generator) for name, size in sizes.items()}
        return Transform(linear, permutations=orders)

    def __call__(self, motion: Transform, data: Tensor) -> Tensor:
        """Permute the axes."""
        sizes = self._sizes(data)
        for axis, name in enumerate(self._names):
            if name != _STAYS and motion.permutations:
                order = _order(motion, name, sizes[name])
                data = data.index_select(axis, order.to(data.device))
        return data if self.rep is None else rotate(self.rep, motion, data)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """A standard normal array: 5 to 9 indices in a set, told by its name, 3 on an axis that stays."""
        sizes = {name: 5 + sum(name.encode()) % 5 for name in self._sets} | {_STAYS: 3}
        shape = [sizes[name] for name in self._names] + ([] if self.rep is None else [self.rep.dim])
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    def feature_action(self, rep: Rep, features: Tensor, data: Tensor) -> Action | None:
        """The same axes where features have the same sizes; pooled over all where they have none; else who knows."""
        if features.ndim == 0 or features.shape[-1] != rep.dim:
            return None
        named = len(self._names)
        if features.ndim > named and features.shape[:named] == data.shape[:named]:
            return Array(self.axes, rep)
        return LinearAction(rep) if features.ndim == 1 else None

    def parts(self, data: Tensor) -> Iterator[Part]:
        """The irreps on the last axis, if any."""
        return iter(()) if self.rep is None else irrep_parts(self.rep, data)

    @property
    def _names(self) -> list[str]:
        return self.axes.split()

    @property
    def _sets(self) -> list[str]:
        return [name for name in dict.fromkeys(self._names) if name != _STAYS]

    def _sizes(self, data: Tensor) -> dict[str, int]:
        least = len(self._names) + (self.rep is not None)
        if not isinstance(data, Tensor) or data.ndim < least:
            got = tuple(data.shape) if isinstance(data, Tensor) else type(data).__name__
            raise ValueError(f'expected a tensor with the axes "{self.axes}", {least} at least, got {got}')
        sizes: dict[str, int] = {}
        for name, size in zip(self._names, data.shape, strict=False):
            if name != _STAYS and sizes.setdefault(name, size) != size:
                raise ValueError(
                    f'axes of one name have one size: "{name}" has {sizes[name]} and {size} in a tensor '
                    f"{tuple(data.shape)}; give the axes two names"
                )
        return sizes


@dataclass(frozen=True)
class Indices(Action):
    """Integers that point into an index set: renumbered when the set is permuted, so that they point to the same thing.

    ``TupleAction(Array("nodes"), Indices("nodes"))`` is a graph with features ``(N, C)`` and edges ``(2, E)``. Negative
    integers point nowhere and stay.

    Attributes:
        of: The name of the set.

    Example:
        >>> import torch
        >>> edges = torch.tensor([[0, 1], [1, 2]])
        >>> Indices("nodes")(Transform(permutations={"nodes": torch.tensor([2, 0, 1])}), edges).tolist()
        [[1, 2], [2, 0]]
    """

    of: str

    @property
    def laws(self) -> Mapping[str, str]:
        """The symmetric group of the set."""
        return {self.of: f"S_{self.of}"}

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """Nothing: how many there are to point at, only the array knows."""
        return Transform()

    def __call__(self, motion: Transform, data: Tensor) -> Tensor:
        """Renumber."""
        if not isinstance(data, Tensor) or data.is_floating_point() or data.dtype == torch.bool:
            got = data.dtype if isinstance(data, Tensor) else type(data).__name__
            raise ValueError(f'expected a tensor of whole numbers that point into "{self.of}", got {got}')
        if not motion.permutations or data.numel() == 0:
            return data
        largest = int(data.max())
        place = torch.argsort(_order(motion, self.of, None)).to(data.device)
        if largest >= len(place):
            raise ValueError(f'index {largest} points outside of "{self.of}", which has {len(place)}')
        return torch.where(data < 0, data, place[data.clamp_min(0)].to(data.dtype))


def _order(motion: Transform, name: str, size: int | None) -> Tensor:
    """The permutation of a set."""
    order = motion.permutations.get(name)
    if order is None:
        raise ValueError(f'the motion permutes {", ".join(motion.permutations)}, but not "{name}"')
    if size is not None and len(order) != size:
        raise ValueError(f'the motion permutes {len(order)} "{name}", the tensor has {size}')
    return order
