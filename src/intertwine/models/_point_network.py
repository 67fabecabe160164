"""Common parts of the PointNet and DGCNN architectures: input, k-nearest-neighbor graphs, pooling and MLP head."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from intertwine.actions import LinearAction, PointCloud, PointFeatures
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.ops import Graph, knn_table, resolve_batch, segment_max, segment_mean
from intertwine.reps import Rep, as_rep

PointPooling = Literal["max", "mean", "both"]
NeighborSpace = Literal["features", "positions"]
NEGATIVE_SLOPE = 0.2


class PointNetwork(nn.Module):
    """Base class of networks with invariant outputs that build their graphs themselves.

    Args:
        rep_in: Representation of each point's features, or text in the grammar of the group of ``rep_out`` (by
            default of O(3)).
        rep_out: Representation of the output, scalars only; likewise.
        pool: Pooling over the points of a structure; ``None`` for one output per point.

    Raises:
        ValueError: If the output is not invariant, or a name is not known.
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, pool: PointPooling | None) -> None:
        super().__init__()
        rep_in, rep_out = as_rep(rep_in, rep_out), as_rep(rep_out, rep_in)
        if rep_out != rep_out.dim * rep_out.group.trivial:
            raise ValueError(
                f'{type(self).__name__} gives invariants, got rep_out "{rep_out}"; a PointEncoder gives vectors too'
            )
        if pool is not None and pool not in get_args(PointPooling):
            raise ValueError(f'pool must be "max", "mean", "both" or None, got {pool!r}')
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
            features: ``(N, rep_in.dim)``; ``None`` for the positions relative to the center of their structure.
            positions: ``(N, n)``.
            edges: Ignored: the network builds its graphs itself.
            batch: ``(N,)`` structure of each point; ``None`` for a single structure.
            structures: Number of structures; derived from ``batch`` by default.

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
        return self.logits(features, positions, batch, structures)

    def logits(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The output for checked arguments; a subclass defines it."""
        raise NotImplementedError


class KNNGraph:
    """Builder of the k-nearest-neighbor graph of each layer.

    Args:
        k: Nearest neighbors of each point, itself included.
        neighbor_space: ``"features"``: nearest in the features of each layer (dynamic graph). ``"positions"``: nearest
            in space, one graph for all layers.

    Raises:
        ValueError: If k is not positive or the name not known.
    """

    def __init__(self, k: int, neighbor_space: NeighborSpace) -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        if neighbor_space not in get_args(NeighborSpace):
            raise ValueError(f'neighbor_space must be "features" or "positions", got {neighbor_space!r}')
        self.k, self.neighbor_space = k, neighbor_space

    def first(self, positions: Tensor, batch: Tensor) -> Graph:
        """The graph of the first layer."""
        return Graph.from_neighbor_table(knn_table(positions, self.k, batch))

    def next(self, previous: Graph, features: Tensor, batch: Tensor) -> Graph:
        """The graph of a later layer."""
        if self.neighbor_space == "positions":
            return previous
        return Graph.from_neighbor_table(knn_table(features, self.k, batch))


class PoolingHead(nn.Module):
    """Pooling over each structure and an MLP on top; per point, the MLP sees the point and the pooled maximum.

    Args:
        fan_in: Channels of each point.
        fan_out: Number of outputs.
        hidden: Widths of the hidden layers.
        pool: Pooling over the points; ``None`` for one output per point.
        dropout: Dropout probability of the hidden layers.
    """

    def __init__(
        self, fan_in: int, fan_out: int, hidden: Sequence[int], pool: PointPooling | None, dropout: float
    ) -> None:
        super().__init__()
        self.pool = pool
        widths = [fan_in * (2 if pool in ("both", None) else 1), *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after, bias=False, dtype=torch.float32), ScalarBatchNorm(after)]
            layers += [nn.LeakyReLU(NEGATIVE_SLOPE), nn.Dropout(dropout)]
        self.network = nn.Sequential(*layers, nn.Linear(widths[-1], fan_out, dtype=torch.float32))

    def forward(self, features: Tensor, batch: Tensor, structures: int) -> Tensor:
        """Map ``(N, fan_in)`` to ``(structures, fan_out)`` or ``(N, fan_out)``."""
        pooled = []
        if self.pool != "mean":
            pooled.append(segment_max(features, batch, structures))
        if self.pool in ("mean", "both"):
            pooled.append(segment_mean(features, batch, structures))
        inputs = torch.cat(pooled, 1)
        if self.pool is None:
            inputs = torch.cat([features, inputs.index_select(0, batch)], 1)
        output: Tensor = self.network(inputs)
        return output
