"""PointNet and DGCNN, which are not equivariant under rotations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.models._point_network import (
    NEGATIVE_SLOPE,
    KNNGraph,
    NeighborSpace,
    PointNetwork,
    PointPooling,
    PoolingHead,
)
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.ops import Graph
from intertwine.reps import Rep


class PointNet(PointNetwork):
    """PointNet: an MLP on each point, pooling over each structure, an MLP head.

        y = MLP(pool_i MLP(x_i))

    Args:
        rep_in: Representation of each point's features, of which only the dimension matters, or text in the grammar of
            O(3). The features should include the positions relative to the center.
        rep_out: Representation of the output, scalars only; likewise.
        widths: Widths of the hidden layers on each point.
        embedding_dim: Width of the last of them.
        head: Widths of the hidden layers of the head.
        dropout: Dropout probability in the head.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If the output is not invariant; in ``forward`` if shapes do not fit.

    Law: equivariant under permutations; NOT under rotations, which an audit shows.

    Reference: Qi et al., PointNet, CVPR 2017, without its transforms.

    Example:
        >>> PointNet("1x1o", "10x0e", widths=(8,), embedding_dim=16, head=(16,))(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (64, 64, 64, 128),
        embedding_dim: int = 1024,
        head: Sequence[int] = (512, 256),
        dropout: float = 0.3,
        pool: PointPooling | None = "max",
    ) -> None:
        super().__init__(rep_in, rep_out, pool)
        layers: list[nn.Module] = []
        for before, after in pairwise([self.rep_in.dim, *widths, embedding_dim]):
            layers += [nn.Linear(before, after, bias=False, dtype=torch.float32), ScalarBatchNorm(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = PoolingHead(embedding_dim, self.rep_out.dim, head, pool, dropout)

    def logits(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The output for checked arguments."""
        output: Tensor = self.head(self.layers(features), batch, structures)
        return output


class DGCNN(PointNetwork):
    """DGCNN: edge convolutions on a k-nearest-neighbor graph that each layer rebuilds in feature space.

        x_1 = max_j LeakyReLU(W [r_ij, x_i]);   x_l+1 = max_j LeakyReLU(W [x_j - x_i, x_i]);
        y = MLP(pool MLP(x_1, x_2 ...))

    Args:
        rep_in: Representation of each point's features, of which only the dimension matters, or text in the grammar of
            O(3).
        rep_out: Representation of the output, scalars only; likewise.
        widths: Widths of the edge convolutions.
        embedding_dim: Width of the features of a point that all of them are fused into.
        k: Nearest neighbors of each point, itself included.
        neighbor_space: Nearest in the ``"features"`` of each layer, or in ``"positions"``.
        head: Widths of the hidden layers of the head.
        dropout: Dropout probability in the head.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If the output is not invariant or a name not known; in ``forward`` if shapes do not fit.

    Law: equivariant under permutations; NOT under rotations, which an audit shows.

    Reference: Wang et al., Dynamic graph CNN for learning on point clouds, ACM TOG 2019.

    Example:
        >>> network = DGCNN("1x1o", "10x0e", widths=(8, 8), embedding_dim=16, k=4, head=(16,))
        >>> network(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (64, 64, 128, 256),
        embedding_dim: int = 1024,
        k: int = 20,
        neighbor_space: NeighborSpace = "features",
        head: Sequence[int] = (512, 256),
        dropout: float = 0.5,
        pool: PointPooling | None = "both",
    ) -> None:
        super().__init__(rep_in, rep_out, pool)
        self.knn_graph = KNNGraph(k, neighbor_space)
        first, *_ = widths
        self.embed = EdgeConv(self.rep_in.group.dimension, self.rep_in.dim, first)
        self.layers = nn.ModuleList(EdgeConv(before, before, after) for before, after in pairwise(widths))
        self.fuse = nn.Sequential(
            nn.Linear(sum(widths), embedding_dim, bias=False, dtype=torch.float32),
            ScalarBatchNorm(embedding_dim),
            nn.LeakyReLU(NEGATIVE_SLOPE),
        )
        self.head = PoolingHead(embedding_dim, self.rep_out.dim, head, pool, dropout)

    def logits(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The output for checked arguments."""
        graph = self.knn_graph.first(positions, batch)
        hidden = [self.embed(positions, features, graph)]
        for layer in self.layers:
            graph = self.knn_graph.next(graph, hidden[-1], batch)
            hidden.append(layer(hidden[-1], hidden[-1], graph))
        output: Tensor = self.head(self.fuse(torch.cat(hidden, 1)), batch, structures)
        return output


class EdgeConv(nn.Module):
    """Edge convolution ``max_j LeakyReLU(BN(W (x_j - x_i) + V y_i))`` on a k-nearest-neighbor graph.

    Args:
        difference_dim: Channels of x, which enters by differences.
        center_dim: Channels of y, which enters at the target.
        width: Channels of the output.
    """

    def __init__(self, difference_dim: int, center_dim: int, width: int) -> None:
        super().__init__()
        self.difference = nn.Linear(difference_dim, width, bias=False, dtype=torch.float32)
        self.center = nn.Linear(center_dim, width, bias=False, dtype=torch.float32)
        self.norm = ScalarBatchNorm(width)

    def forward(self, x: Tensor, y: Tensor, graph: Graph) -> Tensor:
        """Map x ``(N, difference_dim)`` and y ``(N, center_dim)`` to ``(N, width)``."""
        projected = self.difference(x)
        sources = projected.index_select(0, graph.source)
        targets = (self.center(y) - projected).index_select(0, graph.target)
        messages = functional.leaky_relu(self.norm(sources + targets), NEGATIVE_SLOPE)
        k = messages.shape[0] // graph.num_nodes if graph.num_nodes else 1
        return messages.view(graph.num_nodes, k, messages.shape[1]).max(1).values
