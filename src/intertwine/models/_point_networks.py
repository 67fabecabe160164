"""PointNet and DGCNN on plain numbers: the twins of the networks of vectors, which rotations upset."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.models._head import SLOPE, BatchNorm, Head, Neighborhood, Neighbors, PointNetwork, Pooled, read
from intertwine.ops import Graph
from intertwine.reps import Rep


class PointNet(PointNetwork):
    """PointNet: a plain network on each point alone, the largest over each structure, a plain network on that.

    Args:
        rep_in: Representation of each point's features, of which only the dimension counts; text is of O(3). The
            positions from the center should be among them.
        rep_out: Of the output: scalars.
        widths: Widths of the hidden layers on each point.
        embedding: Width of the last of them.
        head: Widths of the network at the end.
        dropout: Share of its hidden numbers that are left out in training.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If the output is not invariant; in ``forward`` if shapes do not fit.

    Law: equivariant under permutations; NOT under rotations, which an audit shows.

    Reference: Qi et al., PointNet, CVPR 2017, without its transforms.

    Example:
        >>> PointNet("1x1o", "10x0e", widths=(8,), embedding=16, head=(16,))(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (64, 64, 64, 128),
        embedding: int = 1024,
        head: Sequence[int] = (512, 256),
        dropout: float = 0.3,
        pool: Pooled | None = "max",
    ) -> None:
        rep_in, rep_out = read(rep_in), read(rep_out)
        super().__init__(rep_in, rep_out, pool)
        layers: list[nn.Module] = []
        for before, after in pairwise([rep_in.dim, *widths, embedding]):
            layers += [nn.Linear(before, after, bias=False, dtype=torch.float32), BatchNorm(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = Head(embedding, rep_out.dim, head, pool, dropout)

    def classify(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The network itself."""
        output: Tensor = self.head(self.layers(features), batch, structures)
        return output


class DGCNN(PointNetwork):
    """DGCNN: edge convolutions on graphs that are drawn anew in the space of features.

        x_1 = max_j LeakyReLU(W [r_ij, x_i]);   x_l+1 = max_j LeakyReLU(W [x_j - x_i, x_i]);
        y = MLP(pool MLP(x_1, x_2 ...))

    Args:
        rep_in: Representation of each point's features, of which only the dimension counts; text is of O(3).
        rep_out: Of the output: scalars.
        widths: Widths of the edge convolutions.
        embedding: Width of what is made of all of them at each point.
        neighbors: How many neighbors each point has, itself among them.
        near: Near in the ``"features"`` of each layer, or in ``"positions"``.
        head: Widths of the network at the end.
        dropout: Share of its hidden numbers that are left out in training.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If the output is not invariant or a name not known; in ``forward`` if shapes do not fit.

    Law: equivariant under permutations; NOT under rotations, which an audit shows.

    Reference: Wang et al., Dynamic graph CNN for learning on point clouds, ACM TOG 2019.

    Example:
        >>> network = DGCNN("1x1o", "10x0e", widths=(8, 8), embedding=16, neighbors=4, head=(16,))
        >>> network(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (64, 64, 128, 256),
        embedding: int = 1024,
        neighbors: int = 20,
        near: Neighborhood = "features",
        head: Sequence[int] = (512, 256),
        dropout: float = 0.5,
        pool: Pooled | None = "both",
    ) -> None:
        rep_in, rep_out = read(rep_in), read(rep_out)
        super().__init__(rep_in, rep_out, pool)
        self.neighbors = Neighbors(neighbors, near)
        first, *_ = widths
        self.embed = EdgeConv(rep_in.group.dimension, rep_in.dim, first)
        self.layers = nn.ModuleList(EdgeConv(before, before, after) for before, after in pairwise(widths))
        self.gather = nn.Sequential(
            nn.Linear(sum(widths), embedding, bias=False, dtype=torch.float32),
            BatchNorm(embedding),
            nn.LeakyReLU(SLOPE),
        )
        self.head = Head(embedding, rep_out.dim, head, pool, dropout)

    def classify(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The network itself."""
        graph = self.neighbors.first(positions, batch)
        hidden = [self.embed(positions, features, graph)]
        for layer in self.layers:
            graph = self.neighbors.next(graph, hidden[-1], batch)
            hidden.append(layer(hidden[-1], hidden[-1], graph))
        output: Tensor = self.head(self.gather(torch.cat(hidden, 1)), batch, structures)
        return output


class EdgeConv(nn.Module):
    """max_j LeakyReLU(BN(W (x_j - x_i) + V y_i)) on a graph in which all points have equally many neighbors."""

    def __init__(self, differing: int, own: int, width: int) -> None:
        super().__init__()
        self.difference = nn.Linear(differing, width, bias=False, dtype=torch.float32)
        self.own = nn.Linear(own, width, bias=False, dtype=torch.float32)
        self.norm = BatchNorm(width)

    def forward(self, differing: Tensor, own: Tensor, graph: Graph) -> Tensor:
        """Map x ``(N, differing)`` and y ``(N, own)`` to ``(N, width)``."""
        near = self.difference(differing)
        messages = near.index_select(0, graph.source) + (self.own(own) - near).index_select(0, graph.target)
        messages = functional.leaky_relu(self.norm(messages), SLOPE)
        width = messages.shape[0] // graph.num_nodes if graph.num_nodes else 1
        return messages.view(graph.num_nodes, width, messages.shape[1]).max(1).values
