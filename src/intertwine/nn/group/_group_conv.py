"""Convolution over the neighbors of a point, of features on a finite group: separated, and whole.

    A_i[k, n] = sum_j w_n(r_ij) F(x_j, k)

is all that the edges have to do, with K weights each; the group comes after it as a matrix of repeated weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.actions import PointCloud, PointFeatures
from intertwine.nn.conv._geometry import Geometry
from intertwine.nn.group._kernel_points import KernelPoints
from intertwine.nn.group._regular import _OnRegular, regular_copies
from intertwine.ops import Graph, safe_norm, segment_outer
from intertwine.reps import Rep


class _OverPoints(_OnRegular):
    """What both convolutions share: kernel points, and the sum over edges."""

    inverses: Tensor

    def __init__(
        self, rep_in: Rep, rep_out: Rep, *, points: Sequence[int] = (12,), cutoff: float = 5.0, neighbors: float = 1.0
    ) -> None:
        super().__init__(rep_in, rep_out)
        group, self.copies_out = regular_copies(rep_out)
        if group != self.group:
            raise ValueError(f"rep_in is of {self.group} and rep_out of {group}; a convolution needs one group")
        if not neighbors > 0:
            raise ValueError(f"neighbors must be positive, got {neighbors}")
        self.action_in, self.action_out = PointCloud(rep_in), PointFeatures(rep_out)
        self.kernel = KernelPoints(group, tuple(points), cutoff)
        self.neighbors = float(neighbors)
        # At g, the weight that belongs to edge weight m is that of point g^-1 m.
        self.register_buffer("inverses", self.kernel.permutation[group.inverses], persistent=False)

    def _aggregate(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None) -> tuple[Tensor, Graph]:
        """``(N, |G|, C, K)``, points in the order of their ranks."""
        values = self._split(features)
        graph, vectors, lengths = _edges(positions, edges, self.kernel.dimension)
        weights = self.kernel(vectors, lengths) / sqrt(self.neighbors)
        sent = values.mT.flatten(1).index_select(0, graph.source)
        gathered = segment_outer(sent, weights, graph.rank, graph.num_nodes)
        return gathered.unflatten(1, (self.order, self.copies)), graph


class InterPointConv(_OverPoints):
    """Convolution over the neighbors, each g for itself, by a kernel seen from g.

        (F * h)(x_i, g) = 1/sqrt(n) sum_j sum_k w_k(g^-1 r_ij) W_k F(x_j, g),   r_ij = x_j - x_i

    with the weights of :class:`KernelPoints` w_k. With an :class:`IntraGroupConv` before or after it, this is a
    :class:`GroupPointConv` whose kernel is a product, for the price of a sum.

    Args:
        rep_in: Copies of the regular representation of a finite group of the plane or of space.
        rep_out: Copies of the same.
        points: The least number of kernel points on each shell, from the innermost; one more lies at the center.
        cutoff: Length from which an edge counts nothing, in the unit of the positions.
        neighbors: n, the typical number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If the representations are others or of two groups, or a number is not positive; in ``forward`` if
            the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) F, g x + t, edges) = rho_out(g) conv(F, x, edges)``, rows permuted alike; exactly. For rotations
    between the elements it is broken.

    Cost: ``2 E K |G| C_in`` operations to aggregate and ``2 N K |G| C_in C_out`` to mix; ``N K |G| C_in`` numbers kept.

    Reference: Chen et al., Equivariant point network, CVPR 2021, the inter-point convolution.

    Example:
        >>> from intertwine.groups import Octahedral
        >>> rep = 2 * Octahedral().regular
        >>> conv = InterPointConv(rep, rep)
        >>> conv(torch.ones(2, rep.dim), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 48])
    """

    def __init__(
        self, rep_in: Rep, rep_out: Rep, *, points: Sequence[int] = (12,), cutoff: float = 5.0, neighbors: float = 1.0
    ) -> None:
        super().__init__(rep_in, rep_out, points=points, cutoff=cutoff, neighbors=neighbors)
        self.weight = nn.Parameter(torch.empty(self.kernel.count, self.copies, self.copies_out, dtype=torch.float32))
        nn.init.normal_(self.weight, std=1 / sqrt(self.copies))

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, n)``; or the geometry that several layers share, which brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``.
        """
        gathered, graph = self._aggregate(features, positions, edges)
        matrices = self.weight[self.inverses].transpose(1, 2).flatten(1, 2)  # g, (c n), o
        mixed = torch.bmm(gathered.flatten(2).transpose(0, 1), matrices)  # g, N, o
        return mixed.permute(1, 2, 0).flatten(1).index_select(0, graph.rank_of_node)


class GroupPointConv(_OverPoints):
    """The whole group convolution, over neighbors and group at once: to compare the separated one with.

        (F * h)(x_i, g) = 1/sqrt(n) sum_j sum_h sum_k w_k(g^-1 r_ij) W_{k,h} F(x_j, g h)

    Arguments, errors and law are those of :class:`InterPointConv`.

    Parameters: ``K |G| C_in C_out``, where the separated one has ``K C_in C_out + H C_out C_out``.

    Cost: ``2 E K |G| C_in`` operations to aggregate and ``2 N K |G|^2 C_in C_out`` to mix.

    Reference: Chen et al., Equivariant point network, CVPR 2021, before it is separated.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> rep = 2 * Cyclic(4).regular
        >>> conv = GroupPointConv(rep, rep, points=(8,))
        >>> conv(torch.ones(2, rep.dim), torch.eye(2), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 8])
    """

    steps: Tensor

    def __init__(
        self, rep_in: Rep, rep_out: Rep, *, points: Sequence[int] = (12,), cutoff: float = 5.0, neighbors: float = 1.0
    ) -> None:
        super().__init__(rep_in, rep_out, points=points, cutoff=cutoff, neighbors=neighbors)
        shape = (self.kernel.count, self.order, self.copies, self.copies_out)
        self.weight = nn.Parameter(torch.empty(shape, dtype=torch.float32))
        # From the value at k to that at g leads h = g^-1 k.
        self.register_buffer("steps", self.group.multiplication_table[self.group.inverses], persistent=False)
        nn.init.normal_(self.weight, std=1 / sqrt(self.copies * self.order))

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Convolve; arguments and result as for :class:`InterPointConv`."""
        gathered, graph = self._aggregate(features, positions, edges)
        spread = self.weight[self.inverses[:, None, :], self.steps[:, :, None]]  # g, k, n, c, o
        matrix = spread.permute(1, 3, 2, 4, 0).flatten(3).flatten(0, 2)  # (k c n), (o g)
        mixed: Tensor = gathered.flatten(1) @ matrix
        return mixed.index_select(0, graph.rank_of_node)


def _edges(positions: Tensor | Geometry, edges: Tensor | None, dimension: int) -> tuple[Graph, Tensor, Tensor]:
    """The graph, and vectors and lengths of its edges, in the plane or in space."""
    if isinstance(positions, Geometry):
        if positions.vectors.shape[1] != dimension:
            raise ValueError(f"this group moves {dimension} coordinates, the geometry has {positions.vectors.shape[1]}")
        return positions.graph, positions.vectors, positions.lengths
    if positions.ndim != 2 or positions.shape[1] != dimension:
        raise ValueError(f"positions must have shape (N, {dimension}), got {tuple(positions.shape)}")
    if edges is None:
        raise ValueError("edges (2, E) are needed with positions; a Geometry brings its own")
    graph = Graph.from_edges(edges, len(positions))
    vectors = graph.vectors(positions)
    return graph, vectors, safe_norm(vectors)
