"""Actions of O(3) x T x S_n and its subgroups on point clouds and their features."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from intertwine.actions._action import Action, LinearAction
from intertwine.actions._apply_rep import apply_rep
from intertwine.actions._component import Component
from intertwine.actions._irreps import irrep_components
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep

_POINTS = 24
_RADIUS = 2.0
_SHIFTS = 5
"""The place of the shifts of edges in the data of a periodic structure."""
_SAME_ROW = 1e-6
"""Difference of two rows, relative to the largest number, up to which they are taken for the same point's."""


@dataclass(frozen=True)
class PointFeatures(Action):
    """f_i -> rho(g) f_{p(i)} on features of points ``(N, ..., rep.dim)``; translations act trivially.

    Attributes:
        rep: The representation rho.

    Example:
        >>> import torch
        >>> from intertwine.groups import O3
        >>> swap = Transform(torch.eye(3, dtype=torch.float64), permutation=torch.tensor([1, 0]))
        >>> PointFeatures(O3().rep("1x0e"))(swap, torch.tensor([[1.0], [2.0]])).tolist()
        [[2.0], [1.0]]
    """

    rep: Rep

    @property
    def group(self) -> Group:
        """The representation's group."""
        return self.rep.group

    @property
    def laws(self) -> Mapping[str, str]:
        """The group and the permutations."""
        return {"rotation": self.group.name, "permutation": "S_n"}

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """A Haar element and a uniform permutation of the rows."""
        permutation = torch.randperm(len(data), generator=generator)
        return Transform(self.group.sample(generator=generator), permutation=permutation)

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """rho(g) f, rows permuted."""
        return _permute(transform, apply_rep(self.rep, transform, data))

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Standard normal features, ``(24, rep.dim)``."""
        return torch.randn(_POINTS, self.rep.dim, generator=generator, dtype=torch.float64).to(dtype)

    def components(self, data: Tensor) -> Iterator[Component]:
        """The irreps."""
        return irrep_components(self.rep, data)


@dataclass(frozen=True)
class PointSubset(LinearAction):
    """f_i -> rho(g) f_i on features ``(M, rep.dim)`` of points that a network selected, compared as a set.

    The order of selection means nothing, and rounding may change it where two points are equally far: rows are matched
    to the rows that they are nearest to, one to one. A row that has no partner is an error.

    Attributes:
        rep: The representation rho.

    Example:
        >>> import torch
        >>> from intertwine.groups import O3
        >>> rows = torch.tensor([[1.0], [2.0], [4.0]])
        >>> PointSubset(O3().rep("1x0e")).matched(rows.flip(0), rows).tolist()
        [[1.0], [2.0], [4.0]]
    """

    def matched(self, actual: Tensor, expected: Tensor) -> Tensor:
        """The rows of ``actual``, each at the place of the row of ``expected`` that it belongs to."""
        if not isinstance(actual, Tensor) or actual.shape != expected.shape or actual.ndim != 2:
            return actual
        moved = ((actual - expected).abs().amax(1) > _SAME_ROW * expected.abs().amax()).nonzero().flatten()
        if len(moved) < 2:
            return actual
        gaps = torch.cdist(actual[moved], expected[moved], compute_mode="donot_use_mm_for_euclid_dist")
        order = gaps.argmin(0)
        mutual = gaps.argmin(1)[order] == torch.arange(len(moved), device=order.device)
        free = torch.ones_like(mutual).index_fill(0, order[mutual], value=False)
        order[~mutual] = free.nonzero().flatten()
        return actual.index_copy(0, moved, actual[moved[order]])


@dataclass(frozen=True)
class PointCloud(Action):
    """f_i -> rho(g) f_{p(i)}, x_i -> g x_{p(i)} + t on tuples ``(features, positions, edges, batch, ...)``.

    Only features and positions are required. The entries:

    - features ``(N, ..., rep.dim)``; integers are labels, which are permuted, never rotated; None for no features;
    - positions ``(N, n)``;
    - edges ``(2, E)`` int64, or None: the endpoints are renumbered, the order of the edges stays;
    - further entries: a tensor with N rows (the batch index, masses) is permuted as well; anything else (the number of
      structures, a value for each edge) is invariant.

    Attributes:
        rep: The representation rho of the features; its group acts on the positions by its defining matrices.
        translations: Whether all points are translated together.
        permutations: Whether points are permuted.
    """

    rep: Rep
    translations: bool = True
    permutations: bool = True

    @property
    def group(self) -> Group:
        """The group of the features, which acts on space as well."""
        return self.rep.group

    @property
    def laws(self) -> Mapping[str, str]:
        """The group, translations and permutations, the last two if enabled."""
        laws = {"rotation": self.group.name}
        if self.translations:
            laws["translation"] = "T"
        if self.permutations:
            laws["permutation"] = "S_n"
        return laws

    def sample(self, data: tuple[Any, ...], generator: torch.Generator | None = None) -> Transform:
        """A Haar element, a normal translation in units of the width of the cloud, a uniform permutation."""
        positions = self._positions(data)
        linear = self.group.sample(generator=generator)
        translation = permutation = None
        if self.translations:
            width = _width(positions)
            translation = width * torch.randn(self.group.dimension, generator=generator, dtype=torch.float64)
        if self.permutations:
            permutation = torch.randperm(len(positions), generator=generator)
        return Transform(linear, translation, permutation)

    def __call__(self, transform: Transform, data: tuple[Any, ...]) -> tuple[Any, ...]:
        """Transform features and positions, permute the rest."""
        positions = self._positions(data)
        features, _, *rest = data
        if isinstance(features, Tensor):
            if features.is_floating_point() or features.is_complex():
                features = apply_rep(self.rep, transform, features)
            features = _permute(transform, features)
        transformed = positions if transform.linear is None else positions @ transform.linear.to(positions).mT
        if transform.translation is not None:
            transformed = transformed + transform.translation.to(positions)
        if rest and transform.permutation is not None:
            permuted = (_permute(transform, entry) if _has_rows(entry, len(positions)) else entry for entry in rest[1:])
            rest = [_renumber(transform.permutation, rest[0]), *permuted]
        return (features, _permute(transform, transformed), *rest)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> tuple[Any, ...]:
        """24 normal points with normal features, and edges between points closer than 2, sorted by target."""
        features = torch.randn(_POINTS, self.rep.dim, generator=generator, dtype=torch.float64)
        positions = torch.randn(_POINTS, self.group.dimension, generator=generator, dtype=torch.float64)
        adjacent = torch.cdist(positions, positions) < _RADIUS
        target, source = adjacent.fill_diagonal_(False).nonzero(as_tuple=True)
        return features.to(dtype), positions.to(dtype), torch.stack([source, target])

    def feature_action(self, rep: Rep, features: Tensor, data: tuple[Any, ...]) -> Action | None:
        """Point features where there is a row for each point, else linear (pooled features, edge features).

        In a batch, fewer rows than points but more than structures are those of selected points, compared as a set.
        """
        points = len(self._positions(data))
        if features.ndim == 0 or features.shape[-1] != rep.dim:
            return None
        if features.ndim < 2 or len(features) != points:
            selected = features.ndim == 2 and _structures(data) < len(features) < points
            return PointSubset(rep) if selected else LinearAction(rep)
        batch = data[3] if len(data) > 3 else None
        if isinstance(batch, Tensor) and len(set(batch.tolist())) == points:
            return None  # every structure is a single point: the shape is the same before and after pooling
        return PointFeatures(rep)

    def components(self, data: tuple[Any, ...]) -> Iterator[Component]:
        """The irreps of the features; the positions."""
        features, positions = data[:2]
        if isinstance(features, Tensor) and features.is_floating_point():
            yield from irrep_components(self.rep, features)
        yield Component("positions", positions, positions)

    def _positions(self, data: tuple[Any, ...]) -> Tensor:
        n = self.group.dimension
        if not isinstance(data, tuple) or len(data) < 2:
            raise TypeError(f"expected a tuple (features, positions, edges, ...), got {type(data).__name__}")
        features, positions = data[:2]
        if not isinstance(positions, Tensor) or positions.ndim != 2 or positions.shape[-1] != n:
            got = tuple(positions.shape) if isinstance(positions, Tensor) else type(positions).__name__
            raise ValueError(f"expected positions (N, {n}), on which {self.group.name} acts, got {got}")
        if isinstance(features, Tensor) and len(features) != len(positions):
            raise ValueError(f"expected one row of features for each of {len(positions)} points, got {len(features)}")
        return positions


@dataclass(frozen=True)
class PeriodicPointCloud(PointCloud):
    """`PointCloud` on tuples ``(features, positions, edges, batch, structures, shifts, ...)`` of periodic structures.

    The sixth entry, shifts ``(E, n)`` or None, holds the lattice vector that is added to the position of the source of
    each edge: it rotates, ``s_e -> g s_e``, and is neither translated nor permuted. Without it this is `PointCloud`.
    """

    def __call__(self, transform: Transform, data: tuple[Any, ...]) -> tuple[Any, ...]:
        """Transform features, positions and shifts, permute the rest."""
        if len(data) <= _SHIFTS or data[_SHIFTS] is None:
            return super().__call__(transform, data)
        shifts = data[_SHIFTS]
        moved = super().__call__(transform, (*data[:_SHIFTS], *data[_SHIFTS + 1 :]))
        rotated = shifts if transform.linear is None else shifts @ transform.linear.to(shifts).mT
        return (*moved[:_SHIFTS], rotated, *moved[_SHIFTS:])


def _structures(data: tuple[Any, ...]) -> float:
    """The number of structures that the batch index, the fourth entry, tells apart; infinite, unknown, without one."""
    batch = data[3] if len(data) > 3 else None
    if not isinstance(batch, Tensor) or len(batch) == 0:
        return math.inf
    stated = data[4] if len(data) > 4 and isinstance(data[4], int) else 0
    return max(stated, int(batch.max()) + 1)


def _width(positions: Tensor) -> float:
    """Root mean square deviation along one axis; 1 for a single point."""
    if len(positions) == 0:
        return 1.0
    width = float((positions - positions.mean(0)).square().mean().sqrt())
    return width if width > 0 else 1.0


def _has_rows(entry: Any, rows: int) -> bool:
    return isinstance(entry, Tensor) and entry.ndim > 0 and len(entry) == rows


def _permute(transform: Transform, rows: Tensor) -> Tensor:
    if transform.permutation is None:
        return rows
    if len(rows) != len(transform.permutation):
        raise ValueError(
            f"a permutation of {len(transform.permutation)} rows does not fit a tensor {tuple(rows.shape)}"
        )
    return rows[transform.permutation.to(rows.device)]


def _renumber(permutation: Tensor, edges: Any) -> Any:
    if edges is None:
        return None
    if not isinstance(edges, Tensor) or edges.ndim != 2 or len(edges) != 2 or edges.dtype != torch.int64:
        got = f"{edges.dtype} {tuple(edges.shape)}" if isinstance(edges, Tensor) else type(edges).__name__
        raise ValueError(f"expected edges (2, E) int64, source row over target row, as the third entry, got {got}")
    return torch.argsort(permutation).to(edges.device)[edges]
