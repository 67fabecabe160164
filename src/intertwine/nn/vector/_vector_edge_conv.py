"""Edge convolutions of vector neurons: the nonlinearity on pairs of points, and the mean over neighbors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.actions import PointCloud, PointFeatures
from intertwine.groups import SO3
from intertwine.nn._linear import Linear
from intertwine.nn._same_group import same_group
from intertwine.nn.conv import Geometry
from intertwine.nn.vector._component_first import ComponentFirst, mix
from intertwine.nn.vector._vector_batch_norm import VectorBatchNorm
from intertwine.nn.vector._vector_relu import check_norm, one_copy
from intertwine.ops import EdgeVectors, Graph, vn_relu_mean
from intertwine.reps import Rep


class VectorEdgeConv(nn.Module):
    """Vector neurons on the difference to each neighbor and the point itself, and the mean over neighbors.

        y_i = mean_j VN-ReLU(W [x_j - x_i, x_i])

    The linear map is applied to points, being a sum over both; only the nonlinearity is computed on edges.

    Args:
        rep_in: Copies of a vector, or its text.
        rep_out: Copies of the same vector.
        negative_slope: Factor of the part of a vector that points against its direction.
        norm: Normalizes over all edges before the nonlinearity; ``None`` for nothing.

    Raises:
        ValueError: If a rep is not copies of one vector; in ``forward`` if the shapes do not fit.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``, rows permuted alike.

    Cost: that of :func:`intertwine.ops.vn_relu_mean`.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1; Wang et al., Dynamic graph CNN, 2019, eq. 8.

    Example:
        >>> conv = VectorEdgeConv("2x1o", "5x1o")
        >>> conv(torch.ones(2, 6), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 15])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        negative_slope: float = 0.2,
        norm: VectorBatchNorm | None = None,
    ) -> None:
        super().__init__()
        rep_in, rep_out = same_group(type(self).__name__, rep_in=rep_in, rep_out=rep_out)
        self.rep_in, self.rep_out, self.negative_slope = rep_in, rep_out, float(negative_slope)
        self.action_in, self.action_out = PointCloud(rep_in), PointFeatures(rep_out)
        self._in, self._out = ComponentFirst.both(rep_in, rep_out, type(self).__name__)
        check_norm(norm, rep_out)
        self.values, self.directions = Linear(rep_in, rep_out), Linear(rep_in, rep_out)
        difference = self._edge_rep()
        self.difference_values, self.difference_directions = Linear(difference, rep_out), Linear(difference, rep_out)
        self.norm = norm

    def _edge_rep(self) -> Rep:
        """The representation of the vectors of an edge, beside those of its target."""
        return self.rep_in

    def forward(self, features: Tensor, positions: Tensor | Geometry | Graph, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, n)``, with ``edges``; or a graph or geometry, which brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point without neighbors.
        """
        components = self._in.split(features, type(self).__name__)
        graph = resolve_graph(positions, edges, features.shape[0])
        values = self._sum(self.values, self.difference_values, components)
        directions = self._sum(self.directions, self.difference_directions, components)
        return self._out.join(self._rectified(values, directions, graph), features)

    @staticmethod
    def _sum(target: Linear, difference: Linear, components: Tensor) -> EdgeVectors:
        """difference(x_j - x_i) + target(x_i)."""
        source = mix(difference, components)
        return EdgeVectors(mix(target, components) - source, source)

    def _rectified(
        self, values: EdgeVectors, directions: EdgeVectors, graph: Graph, edges: Tensor | None = None
    ) -> Tensor:
        affine = None if self.norm is None else self.norm.affine(values, graph, edges)
        return vn_relu_mean(
            values, directions, graph, edge_attr=edges, affine=affine, negative_slope=self.negative_slope
        )

    def extra_repr(self) -> str:
        """The two representations and the slope."""
        return f"{self.rep_in} -> {self.rep_out}, negative_slope={self.negative_slope}"


class VectorPositionConv(VectorEdgeConv):
    """Edge convolution from positions, the first layer: vector neurons on offsets and a point's own vectors.

        y_i = mean_j VN-ReLU(W [r_ij, x_i, r_ij x x_i]),      r_ij = position_j - position_i

    From one vector alone all channels of a point would be parallel; offsets to several neighbors are not. The cross
    product is included for SO(3), under which it is a vector; under O(3) it is none, and in the plane there is none.

    Args:
        rep_in: Copies of the vector of the group, such as the position relative to the center of the cloud; or zero
            copies.
        rep_out: Copies of it.
        negative_slope: As in :class:`VectorEdgeConv`.
        norm: Likewise.

    Raises:
        ValueError: If a rep is not copies of the vector of the group; in ``forward`` if the shapes do not fit.

    Law: for g in the group, t a translation, ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)``, rows permuted alike.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1.

    Example:
        >>> from intertwine.groups import SO3
        >>> conv = VectorPositionConv(SO3().rep("1x1"), SO3().rep("5x1"))
        >>> conv(torch.ones(2, 3), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 15])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        negative_slope: float = 0.2,
        norm: VectorBatchNorm | None = None,
    ) -> None:
        rep_in, rep_out = same_group("VectorPositionConv", rep_in=rep_in, rep_out=rep_out)
        vector = rep_out.group.vector
        for rep in (rep_in, rep_out):
            if rep.dim > 0 and ComponentFirst.of(rep, "VectorPositionConv") and one_copy(rep) != vector:
                raise ValueError(f'VectorPositionConv needs copies of the vector of the group, "{vector}", got "{rep}"')
        if rep_out.dim == 0:
            raise ValueError("VectorPositionConv needs at least one vector in rep_out")
        super().__init__(rep_in, rep_out, negative_slope=negative_slope, norm=norm)

    def _edge_rep(self) -> Rep:
        self._crosses = self._in.copies > 0 and self.rep_out.group == SO3()
        return (1 + (self._in.copies if self._crosses else 0)) * self.rep_out.group.vector

    def forward(self, features: Tensor, positions: Tensor | Geometry | Graph, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, n)``, with ``edges``; or the geometry, which brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point without neighbors.
        """
        components = self._in.split(features, "VectorPositionConv")
        if isinstance(positions, Geometry):
            graph, offsets = positions.graph, positions.vectors
        elif isinstance(positions, Graph):
            raise ValueError("VectorPositionConv needs positions or a Geometry; a graph alone has no positions")
        else:
            graph = resolve_graph(positions, edges, features.shape[0])
            offsets = graph.vectors(positions)
        if offsets.shape[1] != self._in.width:
            raise ValueError(f"positions must have shape (N, {self._in.width}), got (N, {offsets.shape[1]})")
        vectors = self._edge_vectors(offsets, components, graph)
        endomorphisms = self.difference_values.bases[0]()
        mapped = torch.cat([torch.tensordot(endomorphism, vectors, 1) for endomorphism in endomorphisms], 2)
        values = EdgeVectors(mix(self.values, components), mixing=self.difference_values.weights[0].flatten(0, 1))
        directions = EdgeVectors(
            mix(self.directions, components), mixing=self.difference_directions.weights[0].flatten(0, 1)
        )
        return self._out.join(self._rectified(values, directions, graph, mapped), features)

    def _edge_vectors(self, offsets: Tensor, components: Tensor, graph: Graph) -> Tensor:
        """``(n, E, m)``: the offset of each edge, and where the group allows its cross products with the target's."""
        vectors = offsets.T[:, :, None]
        if not self._crosses:
            return vectors
        targets = components.index_select(1, graph.target)
        return torch.cat([vectors, torch.linalg.cross(vectors.expand_as(targets), targets, dim=0)], 2)


def resolve_graph(positions: Tensor | Geometry | Graph, edges: Tensor | None, size: int) -> Graph:
    """The graph that a layer was given, or that of the edges it was given.

    Raises:
        ValueError: If positions come without edges.
    """
    if isinstance(positions, Graph):
        return positions
    if isinstance(positions, Geometry):
        return positions.graph
    if edges is None:
        raise ValueError("edges (2, E) are needed with positions; a Graph or a Geometry brings its own")
    return Graph.from_edges(edges, size)
