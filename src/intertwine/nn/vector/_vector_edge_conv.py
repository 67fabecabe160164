"""Edge convolutions of vector neurons: their nonlinearity on pairs of points, and the mean over neighbors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intertwine.actions import PointCloud, PointFeatures
from intertwine.groups import SO3
from intertwine.nn._linear import Linear
from intertwine.nn.conv._geometry import Geometry
from intertwine.nn.vector._component_first import ComponentFirst, mix
from intertwine.nn.vector._vector_batch_norm import VectorBatchNorm
from intertwine.nn.vector._vector_relu import check_norm, one_copy
from intertwine.ops import EdgeVectors, Graph, vn_relu_mean
from intertwine.reps import Rep


class VectorEdgeConv(nn.Module):
    """Vector neurons on the difference to each neighbor and the point itself, and the mean of what they say.

        y_i = mean_j VN-ReLU(W [x_j - x_i, x_i])

    The linear map is applied to points, for it takes sums apart; only what is not linear is done on edges.

    Args:
        rep_in: Copies of a vector.
        rep_out: Copies of the same vector.
        slope: What is left of the part of a vector that points against its direction.
        norm: Normalizes over all edges before they are rectified; ``None`` for nothing.

    Raises:
        ValueError: If a rep is not copies of one vector; in ``forward`` if the shapes do not fit.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``, rows permuted alike.

    Cost: that of :func:`intertwine.ops.vn_relu_mean`.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1; Wang et al., Dynamic graph CNN, 2019, eq. 8.

    Example:
        >>> from intertwine.groups import O3
        >>> conv = VectorEdgeConv(O3().rep("2x1o"), O3().rep("5x1o"))
        >>> conv(torch.ones(2, 6), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 15])
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, *, slope: float = 0.2, norm: VectorBatchNorm | None = None) -> None:
        super().__init__()
        self.rep_in, self.rep_out, self.slope = rep_in, rep_out, float(slope)
        self.action_in, self.action_out = PointCloud(rep_in), PointFeatures(rep_out)
        self._in, self._out = ComponentFirst.both(rep_in, rep_out, type(self).__name__)
        check_norm(norm, rep_out)
        self.values, self.directions = Linear(rep_in, rep_out), Linear(rep_in, rep_out)
        difference = self._differences()
        self.difference_values, self.difference_directions = Linear(difference, rep_out), Linear(difference, rep_out)
        self.norm = norm

    def _differences(self) -> Rep:
        """The representation of what an edge adds to what its target has."""
        return self.rep_in

    def forward(self, features: Tensor, where: Graph | Geometry | Tensor, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            where: The graph, or a geometry that brings one; or positions ``(N, n)``, which come with ``edges``.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point without neighbors.
        """
        planes = self._in.split(features, type(self).__name__)
        graph = resolve_graph(where, edges, len(features))
        values = self._sum(self.values, self.difference_values, planes)
        directions = self._sum(self.directions, self.difference_directions, planes)
        return self._out.join(self._rectified(values, directions, graph), features)

    @staticmethod
    def _sum(own: Linear, difference: Linear, planes: Tensor) -> EdgeVectors:
        """difference(x_j - x_i) + own(x_i)."""
        near = mix(difference, planes)
        return EdgeVectors(mix(own, planes) - near, near)

    def _rectified(
        self, values: EdgeVectors, directions: EdgeVectors, graph: Graph, edges: Tensor | None = None
    ) -> Tensor:
        affine = None if self.norm is None else self.norm.affine(values, graph, edges)
        return vn_relu_mean(values, directions, graph, edge_attr=edges, affine=affine, negative_slope=self.slope)

    def extra_repr(self) -> str:
        """The two representations and the slope."""
        return f"{self.rep_in} -> {self.rep_out}, slope={self.slope}"


class VectorLift(VectorEdgeConv):
    """The first layer, from positions: vector neurons on the offset of each neighbor and the point's own vectors.

        y_i = mean_j VN-ReLU(W [r_ij, x_i, r_ij x x_i]),      r_ij = position_j - position_i

    One vector alone would make all channels of a point parallel; its neighbors do not. The cross product is there for
    SO(3), under which it is a vector; under O(3) it is none, and in the plane there is none.

    Args:
        rep_in: Copies of the group's vector, such as the position from the center of its cloud; none will do.
        rep_out: Copies of it.
        slope: As in :class:`VectorEdgeConv`.
        norm: Likewise.

    Raises:
        ValueError: If a rep is not copies of the vector that positions are; in ``forward`` if the shapes do not fit.

    Law: for g in the group, t a translation, ``f(rho_in(g) x, g p + t) = rho_out(g) f(x, p)``, rows permuted alike.

    Reference: Deng et al., Vector Neurons, ICCV 2021, section 4.1.

    Example:
        >>> from intertwine.groups import SO3
        >>> lift = VectorLift(SO3().rep("1x1"), SO3().rep("5x1"))
        >>> lift(torch.ones(2, 3), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 15])
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, *, slope: float = 0.2, norm: VectorBatchNorm | None = None) -> None:
        vector = rep_out.group.vector
        for rep in (rep_in, rep_out):
            if rep.dim > 0 and ComponentFirst.of(rep, "VectorLift") and one_copy(rep) != vector:
                raise ValueError(f'VectorLift needs copies of the vector that positions are, "{vector}", got "{rep}"')
        if rep_out.dim == 0:
            raise ValueError("VectorLift needs at least one vector to go out")
        super().__init__(rep_in, rep_out, slope=slope, norm=norm)

    def _differences(self) -> Rep:
        self._crosses = self._in.copies > 0 and self.rep_out.group == SO3()
        return (1 + (self._in.copies if self._crosses else 0)) * self.rep_out.group.vector

    def forward(self, features: Tensor, where: Graph | Geometry | Tensor, edges: Tensor | None = None) -> Tensor:
        """Lift.

        Args:
            features: ``(N, rep_in.dim)``.
            where: The geometry; or positions ``(N, n)``, which come with ``edges``.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point without neighbors.
        """
        planes = self._in.split(features, "VectorLift")
        if isinstance(where, Geometry):
            graph, offsets = where.graph, where.vectors
        elif isinstance(where, Graph):
            raise ValueError("VectorLift needs positions or a Geometry; a graph alone does not know where points are")
        else:
            graph = resolve_graph(where, edges, len(features))
            offsets = graph.vectors(where)
        if offsets.shape[1] != self._in.width:
            raise ValueError(f"positions must have shape (N, {self._in.width}), got (N, {offsets.shape[1]})")
        vectors = self._crossed(offsets, planes, graph)
        endomorphisms = self.difference_values.bases[0]()
        turned = torch.cat([torch.tensordot(endomorphism, vectors, 1) for endomorphism in endomorphisms], 2)
        values = EdgeVectors(mix(self.values, planes), mixing=self.difference_values.weights[0].flatten(0, 1))
        directions = EdgeVectors(
            mix(self.directions, planes), mixing=self.difference_directions.weights[0].flatten(0, 1)
        )
        return self._out.join(self._rectified(values, directions, graph, turned), features)

    def _crossed(self, offsets: Tensor, planes: Tensor, graph: Graph) -> Tensor:
        """``(n, E, m)``: the offset of each edge, and where the group allows its cross products with the target's."""
        vectors = offsets.T[:, :, None]
        if not self._crosses:
            return vectors
        targets = planes.index_select(1, graph.target)
        return torch.cat([vectors, torch.linalg.cross(vectors.expand_as(targets), targets, dim=0)], 2)


def resolve_graph(where: Graph | Geometry | Tensor, edges: Tensor | None, size: int) -> Graph:
    """The graph that a layer was given, or that of the edges it was given.

    Raises:
        ValueError: If positions come without edges.
    """
    if isinstance(where, Graph):
        return where
    if isinstance(where, Geometry):
        return where.graph
    if edges is None:
        raise ValueError("edges (2, E) are needed with positions; a Graph or a Geometry brings its own")
    return Graph.from_edges(edges, size)
