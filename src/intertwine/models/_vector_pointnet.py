"""VN-PointNet and VN-DGCNN: PointNet and DGCNN of vector neurons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from intertwine.models._point_network import (
    NEGATIVE_SLOPE,
    KNNGraph,
    NeighborSpace,
    PointNetwork,
    PointPooling,
    PoolingHead,
)
from intertwine.models.families import VectorEmbedding
from intertwine.nn import (
    ComponentFirst,
    Geometry,
    VectorBatchNorm,
    VectorEdgeConv,
    VectorInvariant,
    VectorLeakyReLU,
    VectorReLU,
)
from intertwine.reps import Rep


class VectorPointNet(PointNetwork):
    """VN-PointNet: lift of each point's neighborhood to vectors, vector neurons on each point, invariants, pooling.

        v <- lift(x, p);   v <- VN-ReLU(v) ...;   y = MLP(pool VN-In(v))

    The feature transform of the original is left out; the paper does not report that it helps.

    Args:
        rep_in: Representation of each point's features, scalars and vectors, or text in the grammar of O(3).
        rep_out: Representation of the output, scalars only; likewise.
        widths: Vectors in each hidden layer, that of the lift first.
        embedding_dim: Vectors in the last layer.
        k: Nearest neighbors of each point in the lift, itself included.
        invariant_hidden: Vectors in the two hidden layers of VN-In; by default ``embedding_dim`` and half of it, as in
            the paper.
        head: Widths of the hidden layers of the head.
        dropout: Dropout probability in the head.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If a representation or a name will not do; in ``forward`` if shapes do not fit.

    Law: ``f(rho_in(g) x, g p + t) = f(x, p)``, and all points may be renumbered; in training as well, except
    for dropout per point.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1.

    Example:
        >>> network = VectorPointNet("1x1o", "10x0e", widths=(4, 4), embedding_dim=8, k=4, head=(16,))
        >>> network(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (21, 21, 42),
        embedding_dim: int = 341,
        k: int = 20,
        invariant_hidden: Sequence[int] | None = None,
        head: Sequence[int] = (512, 256),
        dropout: float = 0.3,
        pool: PointPooling | None = "max",
    ) -> None:
        super().__init__(rep_in, rep_out, pool)
        vector = self.rep_in.group.vector
        first, *rest = [width * vector for width in (*widths, embedding_dim)]
        self.knn_graph = KNNGraph(k, "positions")
        self.embed = VectorEmbedding(self.rep_in, first, negative_slope=0.0, norm=VectorBatchNorm)
        self.layers = nn.Sequential(
            *(VectorReLU(before, after, norm=VectorBatchNorm(after)) for before, after in pairwise([first, *rest]))
        )
        self.invariant = VectorInvariant(embedding_dim * vector, hidden=invariant_hidden)
        self.head = PoolingHead(self.invariant.rep_out.dim, self.rep_out.dim, head, pool, dropout)

    def logits(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The output for checked arguments."""
        graph = self.knn_graph.first(positions, batch)
        hidden = self.layers(self.embed(features, Geometry.from_graph(positions, graph)))
        output: Tensor = self.head(self.invariant(hidden, batch, structures), batch, structures)
        return output


class VectorDGCNN(PointNetwork):
    """VN-DGCNN: edge convolutions of vector neurons on a graph that each layer rebuilds in feature space.

        v_1 = lift(x, p);   v_l+1 = edge convolution(v_l);   v = VN([v_1, v_2 ...]);   y = MLP(pool VN-In(v))

    Args:
        rep_in: Representation of each point's features, scalars and vectors, or text in the grammar of O(3).
        rep_out: Representation of the output, scalars only; likewise.
        widths: Vectors in each edge convolution, that of the lift first.
        embedding_dim: Vectors of a point that those of all layers are fused into.
        k: Nearest neighbors of each point, itself included.
        neighbor_space: Nearest in the ``"features"`` of each layer, or in ``"positions"``.
        invariant_hidden: Vectors in the two hidden layers of VN-In; by default ``embedding_dim`` and half of it, as in
            the paper.
        head: Widths of the hidden layers of the head.
        dropout: Dropout probability in the head.
        pool: ``"max"``, ``"mean"`` or ``"both"`` over each structure, or ``None`` for one output per point.

    Raises:
        ValueError: If a representation or a name will not do; in ``forward`` if shapes do not fit.

    Law: ``f(rho_in(g) x, g p + t) = f(x, p)``, and all points may be renumbered; in training as well, except
    for dropout per point.
    It jumps where two distances are equal that decide which neighbor is nearest.

    Cost: for each layer that of :func:`intertwine.ops.vn_relu_mean` and of :func:`intertwine.ops.knn_table`.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1; Wang et al., Dynamic graph CNN, ACM TOG 2019.

    Example:
        >>> network = VectorDGCNN("1x1o", "10x0e", widths=(4, 4), embedding_dim=8, k=4, head=(16,))
        >>> network(None, torch.randn(12, 3)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (21, 21, 42, 85),
        embedding_dim: int = 341,
        k: int = 20,
        neighbor_space: NeighborSpace = "features",
        invariant_hidden: Sequence[int] | None = None,
        head: Sequence[int] = (512, 256),
        dropout: float = 0.5,
        pool: PointPooling | None = "both",
    ) -> None:
        super().__init__(rep_in, rep_out, pool)
        vector = self.rep_in.group.vector
        reps = [width * vector for width in widths]
        self.knn_graph = KNNGraph(k, neighbor_space)
        self.embed = VectorEmbedding(self.rep_in, reps[0], negative_slope=NEGATIVE_SLOPE, norm=VectorBatchNorm)
        self.layers = nn.ModuleList(
            VectorEdgeConv(before, after, negative_slope=NEGATIVE_SLOPE, norm=VectorBatchNorm(after))
            for before, after in pairwise(reps)
        )
        concatenated, fused = sum(widths) * vector, embedding_dim * vector
        self.fuse = VectorLeakyReLU(
            concatenated, fused, negative_slope=NEGATIVE_SLOPE, directions="shared", norm=VectorBatchNorm(fused)
        )
        self._layout = ComponentFirst.of(concatenated, "VectorDGCNN")
        self.invariant = VectorInvariant(fused, hidden=invariant_hidden)
        self.head = PoolingHead(self.invariant.rep_out.dim, self.rep_out.dim, head, pool, dropout)

    def logits(self, features: Tensor, positions: Tensor, batch: Tensor, structures: int) -> Tensor:
        """The output for checked arguments."""
        graph = self.knn_graph.first(positions, batch)
        hidden = [self.embed(features, Geometry.from_graph(positions, graph))]
        for layer in self.layers:
            graph = self.knn_graph.next(graph, hidden[-1], batch)
            hidden.append(layer(hidden[-1], graph))
        components = self.fuse.forward_components(self._layout.split(torch.cat(hidden, 1), "VectorDGCNN"))
        output: Tensor = self.head(self.invariant.forward_components(components, batch, structures), batch, structures)
        return output
