"""Permutation actions on arrays and indices: sets, matrices, graphs, weights of networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat

import torch
from torch import Tensor

from intertwine.actions._action import Action, LinearAction
from intertwine.actions._apply_rep import apply_rep
from intertwine.actions._component import Component
from intertwine.actions._irreps import irrep_components
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep

_FIXED_AXIS = "."


@dataclass(frozen=True)
class Array(Action):
    """Permutations of the axes of an array: ``Array("rows columns")`` permutes rows and columns independently.

        Y[i, j, ...] = X[p(i), q(j), ...]

    Axes of the same name share a permutation: ``Array("nodes nodes")`` is the adjacency matrix of a graph. "." is an
    axis that is not permuted, nor are axes beyond the named ones; a representation, if given, acts on the last axis.

    Attributes:
        axes: The names, one for each of the first axes.
        rep: The representation on the last axis, if any.
        fixed_sizes: The sizes of the axes "." in examples, 3 each where not given.

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
    fixed_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.axes, str) or (self.rep is None and not self._index_sets):
            raise ValueError(
                f'axes are names such as "rows columns", "." for an axis without permutation; got {self.axes!r}'
            )

    @property
    def group(self) -> Group | None:
        """The representation's group, if any."""
        return None if self.rep is None else self.rep.group

    @property
    def laws(self) -> Mapping[str, str]:
        """The group, if any, and a symmetric group for each name."""
        laws = {} if self.rep is None else {"rotation": self.rep.group.name}
        return laws | {name: f"S_{name}" for name in self._index_sets}

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """A uniform permutation for each name, and a Haar element."""
        sizes = self._sizes(data)
        linear = None if self.rep is None else self.rep.group.sample(generator=generator)
        orders = {name: torch.randperm(size, generator=generator) for name, size in sizes.items()}
        return Transform(linear, permutations=orders)

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """Permute the axes."""
        sizes = self._sizes(data)
        for axis, name in enumerate(self._axis_names):
            if name != _FIXED_AXIS and transform.permutations:
                permutation = _permutation(transform, name, sizes[name])
                data = data.index_select(axis, permutation.to(data.device))
        return data if self.rep is None else apply_rep(self.rep, transform, data)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """A standard normal array: 5 to 9 indices in a set, by its name, and 3 on an axis that is not permuted."""
        sizes = {name: 5 + sum(name.encode()) % 5 for name in self._index_sets}
        fixed = chain(self.fixed_sizes, repeat(3))
        shape = [next(fixed) if name == _FIXED_AXIS else sizes[name] for name in self._axis_names]
        shape += [] if self.rep is None else [self.rep.dim]
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    def feature_action(self, rep: Rep, features: Tensor, data: Tensor) -> Action | None:
        """The same axes where the sizes agree, linear where all axes were pooled, else None."""
        if features.ndim == 0 or features.shape[-1] != rep.dim:
            return None
        named = len(self._axis_names)
        if features.ndim > named and features.shape[:named] == data.shape[:named]:
            return Array(self.axes, rep)
        return LinearAction(rep) if features.ndim == 1 else None

    def components(self, data: Tensor) -> Iterator[Component]:
        """The irreps on the last axis, if any."""
        return iter(()) if self.rep is None else irrep_components(self.rep, data)

    @property
    def _axis_names(self) -> list[str]:
        return self.axes.split()

    @property
    def _index_sets(self) -> list[str]:
        return [name for name in dict.fromkeys(self._axis_names) if name != _FIXED_AXIS]

    def _sizes(self, data: Tensor) -> dict[str, int]:
        least = len(self._axis_names) + (self.rep is not None)
        if not isinstance(data, Tensor) or data.ndim < least:
            got = tuple(data.shape) if isinstance(data, Tensor) else type(data).__name__
            raise ValueError(f'expected a tensor with the axes "{self.axes}", {least} at least, got {got}')
        sizes: dict[str, int] = {}
        for name, size in zip(self._axis_names, data.shape, strict=False):
            if name != _FIXED_AXIS and sizes.setdefault(name, size) != size:
                raise ValueError(
                    f'axes of one name have one size: "{name}" has {sizes[name]} and {size} in a tensor '
                    f"{tuple(data.shape)}; give the axes two names"
                )
        return sizes


@dataclass(frozen=True)
class Indices(Action):
    """Integer indices into an index set, renumbered when the set is permuted.

    ``TupleAction(Array("nodes"), Indices("nodes"))`` is a graph with features ``(N, C)`` and edges ``(2, E)``. Negative
    integers (padding) are left as they are.

    Attributes:
        axis: The name of the index set.

    Example:
        >>> import torch
        >>> edges = torch.tensor([[0, 1], [1, 2]])
        >>> Indices("nodes")(Transform(permutations={"nodes": torch.tensor([2, 0, 1])}), edges).tolist()
        [[1, 2], [2, 0]]
    """

    axis: str

    @property
    def laws(self) -> Mapping[str, str]:
        """The symmetric group of the set."""
        return {self.axis: f"S_{self.axis}"}

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """The identity: the size of the index set is known to the array only."""
        return Transform()

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """Renumber."""
        if not isinstance(data, Tensor) or data.is_floating_point() or data.dtype == torch.bool:
            got = data.dtype if isinstance(data, Tensor) else type(data).__name__
            raise ValueError(f'expected a tensor of integers that index "{self.axis}", got {got}')
        if not transform.permutations or data.numel() == 0:
            return data
        largest = int(data.max())
        new_index = torch.argsort(_permutation(transform, self.axis, None)).to(data.device)
        if largest >= len(new_index):
            raise ValueError(f'index {largest} is out of range for "{self.axis}", which has {len(new_index)} elements')
        return torch.where(data < 0, data, new_index[data.clamp_min(0)].to(data.dtype))


@dataclass(frozen=True)
class TrivialAction(Action):
    """Data that no group element changes, such as the invariants of an array.

    Attributes:
        shape: The shape of examples.

    Example:
        >>> import torch
        >>> from intertwine.auditing import audit
        >>> audit(lambda x: x.sort(0).values, Array("items"), TrivialAction()).passed
        True
    """

    shape: tuple[int, ...] = (4,)

    @property
    def laws(self) -> Mapping[str, str]:
        """None."""
        return {}

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """The identity."""
        return Transform()

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """The data themselves."""
        return data

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """A standard normal tensor."""
        return torch.randn(self.shape, generator=generator, dtype=torch.float64).to(dtype)


def _permutation(transform: Transform, name: str, size: int | None) -> Tensor:
    """The permutation of a set."""
    permutation = transform.permutations.get(name)
    if permutation is None:
        raise ValueError(f'the transform permutes {", ".join(transform.permutations)}, but not "{name}"')
    if size is not None and len(permutation) != size:
        raise ValueError(f'the transform permutes {len(permutation)} "{name}", the tensor has {size}')
    return permutation
