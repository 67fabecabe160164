"""The networks of the vector neurons' paper: VN-PointNet and VN-DGCNN."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from intertwine.models._head import SLOPE, Head, Neighborhood, Neighbors, PointNetwork, Pooled, read
from intertwine.models._vector import VectorEmbedding
from intertwine.nn import VectorBatchNorm, VectorEdgeConv, VectorInvariant, VectorLeakyReLU, VectorReLU
from intertwine.nn.conv._geometry import graph_geometry
from intertwine.nn.vector._component_first import ComponentFirst
from intertwine.reps import Rep


class VectorPointNet(PointNetwork):
    """VN-PointNet: lift each point's neighborhood, vector neurons on each point alone, invariants, pool.

        v <- lift(x, p);   v <- VN-ReLU(v) ...;   y = MLP(pool VN-In(v))

    Without the transform of features by a second network, of which the paper does not say that it helps.

    Args:
        rep_in: Representation of each point's features, scalars and vectors; text is of O(3).
        rep_out: Of the output: scalars.
        widths: Vectors in each hidden layer, that of the lift first.
        embedding: Vectors in the last layer.
        neighbors: How many points the lift sees around each, itself among them.
        frame: Vectors in the two hidden layers of VN-In; ``None`` for ``embedding`` and half of it, as in the paper.
        head: Widths of the plain network at the end.
        dropout: Share of its hidden numbers that are left out in training.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If a representation or a name will not do; in ``forward`` if shapes do not fit.

    Law: ``f(rho_in(g) x, g p + t) = f(x, p)``, points permuted alike; in training as well, but for dropout by point.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1.

    Example:
        >>> network = VectorPointNet("1x1o", "10x0e", widths=(4, 4), embedding=8, neighbors=4, head=(16,))
        >>> network(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (21, 21, 42),
        embedding: int = 341,
        neighbors: int = 20,
        frame: Sequence[int] | None = None,
        head: Sequence[int] = (512, 256),
        dropout: float = 0.3,
        pool: Pooled | None = "max",
    ) -> None:
        rep_in, rep_out = read(rep_in), read(rep_out)
        super().__init__(rep_in, rep_out, pool)
        vector = rep_in.group.vector
        first, *rest = [width * vector for width in (*widths, embedding)]
        self.neighbors = Neighbors(neighbors, "positions")
        self.embed = VectorEmbedding(rep_in, first, slope=0.0, norm=VectorBatchNorm)
        self.layers = nn.Sequential(
            *(VectorReLU(before, after, norm=VectorBatchNorm(after)) for before, after in pairwise([first, *rest]))
        )
        self.invariant = VectorInvariant(embedding * vector, hidden=frame)
        self.head = Head(self.invariant.rep_out.dim, rep_out.dim, head, pool, dropout)

    def classify(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The network itself."""
        graph = self.neighbors.first(positions, batch)
        hidden = self.layers(self.embed(features, graph_geometry(positions, graph)))
        output: Tensor = self.head(self.invariant(hidden, batch, structures), batch, structures)
        return output


class VectorDGCNN(PointNetwork):
    """VN-DGCNN: edge convolutions of vector neurons on graphs that are drawn anew in the space of features.

        v_1 = lift(x, p);   v_l+1 = edge convolution(v_l);   v = VN([v_1, v_2 ...]);   y = MLP(pool VN-In(v))

    Args:
        rep_in: Representation of each point's features, scalars and vectors; text is of O(3).
        rep_out: Of the output: scalars.
        widths: Vectors in each edge convolution, that of the lift first.
        embedding: Vectors of each point made of those of all layers.
        neighbors: How many neighbors each point has, itself among them.
        near: Near in the ``"features"`` of each layer, or in ``"positions"``.
        frame: Vectors in the two hidden layers of VN-In; ``None`` for ``embedding`` and half of it, as in the paper.
        head: Widths of the plain network at the end.
        dropout: Share of its hidden numbers that are left out in training.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If a representation or a name will not do; in ``forward`` if shapes do not fit.

    Law: ``f(rho_in(g) x, g p + t) = f(x, p)``, points permuted alike; in training as well, but for dropout by point.
    Where two distances are equal that decide which neighbor is chosen, f jumps.

    Cost: for each layer that of :func:`intertwine.ops.vn_relu_mean` and of :func:`intertwine.ops.knn_table`.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1; Wang et al., Dynamic graph CNN, ACM TOG 2019.

    Example:
        >>> network = VectorDGCNN("1x1o", "10x0e", widths=(4, 4), embedding=8, neighbors=4, head=(16,))
        >>> network(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (21, 21, 42, 85),
        embedding: int = 341,
        neighbors: int = 20,
        near: Neighborhood = "features",
        frame: Sequence[int] | None = None,
        head: Sequence[int] = (512, 256),
        dropout: float = 0.5,
        pool: Pooled | None = "both",
    ) -> None:
        rep_in, rep_out = read(rep_in), read(rep_out)
        super().__init__(rep_in, rep_out, pool)
        vector = rep_in.group.vector
        reps = [width * vector for width in widths]
        self.neighbors = Neighbors(neighbors, near)
        self.embed = VectorEmbedding(rep_in, reps[0], slope=SLOPE, norm=VectorBatchNorm)
        self.layers = nn.ModuleList(
            VectorEdgeConv(before, after, slope=SLOPE, norm=VectorBatchNorm(after)) for before, after in pairwise(reps)
        )
        together, wide = sum(widths) * vector, embedding * vector
        self.gather = VectorLeakyReLU(together, wide, slope=SLOPE, directions="shared", norm=VectorBatchNorm(wide))
        self._together = ComponentFirst.of(together, "VectorDGCNN")
        self.invariant = VectorInvariant(wide, hidden=frame)
        self.head = Head(self.invariant.rep_out.dim, rep_out.dim, head, pool, dropout)

    def classify(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The network itself."""
        graph = self.neighbors.first(positions, batch)
        hidden = [self.embed(features, graph_geometry(positions, graph))]
        for layer in self.layers:
            graph = self.neighbors.next(graph, hidden[-1], batch)
            hidden.append(layer(hidden[-1], graph))
        planes = self.gather.planes(self._together.split(torch.cat(hidden, 1), "VectorDGCNN"))
        output: Tensor = self.head(self.invariant.planes(planes, batch, structures), batch, structures)
        return output
