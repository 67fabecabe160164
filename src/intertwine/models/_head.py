"""What the classification networks on points have in common: their input, their neighbors, and their last layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.groups import O3
from intertwine.ops import Graph, knn_table, resolve_batch, segment_max, segment_mean
from intertwine.reps import Rep

Pooled = Literal["max", "mean", "both"]
Neighborhood = Literal["features", "positions"]
SLOPE = 0.2


class PointNetwork(nn.Module):
    """The input and the output of a network that finds its neighbors itself.

    Args:
        rep_in: Representation of each point's features.
        rep_out: Representation of the output, which is invariant.
        pool: How the points of a structure come together; ``None`` for one output per point.

    Raises:
        ValueError: If the output is not invariant, or a name is not known.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, pool: Pooled | None) -> None:
        super().__init__()
        name = type(self).__name__
        if rep_out != rep_out.dim * rep_out.group.trivial:
            raise ValueError(f'{name} gives invariants, got rep_out "{rep_out}"; a PointEncoder gives vectors as well')
        if pool is not None and pool not in get_args(Pooled):
            raise ValueError(f'pool is "max", "mean", "both" or None, got {pool!r}')
        self.rep_in, self.rep_out, self.pool = rep_in, rep_out, pool
        self.action_in = PointCloud(rep_in)
        self.action_out = PointFeatures(rep_out) if pool is None else LinearAction(rep_out)

    def forward(
        self,
        features: Tensor | None,
        positions: Tensor,
        edges: Tensor | None = None,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """Classify clouds, or their points.

        Args:
            features: ``(N, rep_in.dim)``; ``None`` for the positions from the center of their structure.
            positions: ``(N, n)``.
            edges: Not looked at: the network finds the neighbors itself.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: How many structures; read off ``batch`` where it is not given.

        Returns:
            ``(structures, rep_out.dim)``, or ``(N, rep_out.dim)`` without pooling.
        """
        size = positions.shape[0]
        batch, structures = resolve_batch(positions, batch, structures)
        if features is None:
            features = positions - segment_mean(positions, batch, structures).index_select(0, batch)
        if features.shape != (size, self.rep_in.dim):
            raise ValueError(
                f"features must be ({size}, {self.rep_in.dim}), one row for each position, got {tuple(features.shape)}"
            )
        return self.classify(features, positions, batch, structures)

    def classify(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The network itself."""
        raise NotImplementedError


class Neighbors:
    """Where the neighbors of each layer come from.

    Args:
        count: How many neighbors each point has, itself among them.
        near: Near in the ``"features"`` of each layer, anew each time; or in ``"positions"``, once for all.

    Raises:
        ValueError: If the count is not positive or the name not known.
    """

    def __init__(self, count: int, near: Neighborhood) -> None:
        if count < 1:
            raise ValueError(f"neighbors must be at least 1, got {count}")
        if near not in get_args(Neighborhood):
            raise ValueError(f'near is "features" or "positions", got {near!r}')
        self.count, self.near = count, near

    def first(self, positions: Tensor, batch: Tensor) -> Graph:
        """The graph of the first layer."""
        return Graph.from_neighbor_table(knn_table(positions, self.count, batch))

    def next(self, before: Graph, features: Tensor, batch: Tensor) -> Graph:
        """The graph of a later layer."""
        return before if self.near == "positions" else Graph.from_neighbor_table(knn_table(features, self.count, batch))


class Head(nn.Module):
    """Pool numbers over each structure, or add what is pooled to each point's, and a plain network on top.

    Args:
        fan_in: How many numbers each point has.
        fan_out: How many outputs.
        hidden: Widths of the hidden layers.
        pool: How points come together; ``None`` for one output per point, which sees the largest of its structure.
        dropout: Share of hidden numbers that are left out in training.
    """

    def __init__(self, fan_in: int, fan_out: int, hidden: Sequence[int], pool: Pooled | None, dropout: float) -> None:
        super().__init__()
        self.pool = pool
        sizes = [fan_in * (2 if pool in ("both", None) else 1), *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after, bias=False, dtype=torch.float32), BatchNorm(after)]
            layers += [nn.LeakyReLU(SLOPE), nn.Dropout(dropout)]
        self.network = nn.Sequential(*layers, nn.Linear(sizes[-1], fan_out, dtype=torch.float32))

    def forward(self, values: Tensor, batch: Tensor, structures: int) -> Tensor:
        """``(N, fan_in)`` to ``(structures, fan_out)`` or ``(N, fan_out)``."""
        pooled = []
        if self.pool != "mean":
            pooled.append(segment_max(values, batch, structures))
        if self.pool in ("mean", "both"):
            pooled.append(segment_mean(values, batch, structures))
        seen = torch.cat(pooled, 1)
        result: Tensor = self.network(seen if self.pool else torch.cat([values, seen.index_select(0, batch)], 1))
        return result


class BatchNorm(nn.BatchNorm1d):
    """Torch's, which also takes a single row: having nothing to compare it with, it goes by the running averages."""

    def __init__(self, width: int) -> None:
        super().__init__(width, dtype=torch.float32)

    def forward(self, values: Tensor) -> Tensor:
        """Normalize ``(N, width)``."""
        if self.training and values.shape[0] < 2:
            return functional.batch_norm(
                values, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(values)


def read(rep: Rep | str) -> Rep:
    """A representation; text is read in the grammar of O(3)."""
    return O3().rep(rep) if isinstance(rep, str) else rep
