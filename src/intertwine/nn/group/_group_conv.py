"""Convolutions over the neighbors of a point, of features on a finite group: separable and full.

    A_i[k, n] = sum_j w_n(r_ij) F(x_j, k)

is the sum over edges, with K weights each; a matrix of repeated weights after it mixes channels and group elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.nn.conv import Geometry, PointConv
from intertwine.nn.group._kernel_points import KernelPoints
from intertwine.nn.group._regular import regular_copies
from intertwine.ops import segment_outer
from intertwine.reps import Rep


class _KernelPointConv(PointConv):
    """What both convolutions share: kernel points, and the sum over edges."""

    inverses: Tensor

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        points: Sequence[int] = (12,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, avg_num_neighbors=avg_num_neighbors)
        self.group, self.copies = regular_copies(self.rep_in)
        _, self.copies_out = regular_copies(self.rep_out)
        self.order = self.group.order
        self.kernel = KernelPoints(self.group, tuple(points), cutoff)
        self.dimension = self.kernel.dimension
        # At g, the weight that belongs to edge weight m is that of point g^-1 m.
        self.register_buffer("inverses", self.kernel.permutation[self.group.inverses], persistent=False)

    def _aggregate(self, features: Tensor, geometry: Geometry) -> Tensor:
        """``(N, |G|, C, K)``, points in the order of their ranks."""
        graph = geometry.graph
        values = features.unflatten(-1, (self.copies, self.order))
        weights = self.kernel(geometry.vectors, geometry.lengths) / sqrt(self.avg_num_neighbors)
        sent = values.mT.flatten(1).index_select(0, graph.source)
        summed = segment_outer(sent, weights, graph.rank, graph.num_nodes)
        by_element: Tensor = summed.unflatten(1, (self.order, self.copies))
        return by_element


class InterPointConv(_KernelPointConv):
    """The spatial part of a separable group convolution: over the neighbors, for each g by itself.

        (F * h)(x_i, g) = 1/sqrt(n) sum_j sum_k w_k(g^-1 r_ij) W_k F(x_j, g),   r_ij = x_j - x_i

    with the weights w_k of K kernel points. With an :class:`IntraGroupConv` before or after it, this is a
    :class:`GroupPointConv` whose kernel is a product, at the cost of a sum. There are no radial functions: the weights
    of kernel points stand in their place.

    Args:
        rep_in: Copies of the regular representation of a finite group of the plane or of space.
        rep_out: Copies of the same.
        points: The least number of kernel points on each shell, from the innermost; one more lies at the center.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.
        avg_num_neighbors: n, the average number of neighbors, which keeps the variance of the features.

    Raises:
        ValueError: If the representations are others or of two groups, or a number is not positive; in ``forward`` if
            the shapes do not fit.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) F, g x + t, edges) = rho_out(g) conv(F, x, edges)``, rows permuted alike; exactly. For rotations
    between the elements it is broken.

    Cost: ``2 E K |G| C_in`` operations to aggregate and ``2 N K |G| C_in C_out`` to mix; memory
    ``O(N K |G| C_in)``.

    Reference: Chen et al., Equivariant point network, CVPR 2021, the inter-point convolution.

    Example:
        >>> from intertwine.groups import Octahedral
        >>> rep = 2 * Octahedral().regular
        >>> conv = InterPointConv(rep, rep)
        >>> conv(torch.ones(2, rep.dim), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 48])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        points: Sequence[int] = (12,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, points=points, cutoff=cutoff, avg_num_neighbors=avg_num_neighbors)
        self.weight = nn.Parameter(torch.empty(self.kernel.count, self.copies, self.copies_out, dtype=torch.float32))
        nn.init.normal_(self.weight, std=1 / sqrt(self.copies))

    def convolve(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Sum over neighbors for each kernel point and g, mix channels for each g."""
        gathered = self._aggregate(features, geometry)
        matrices = self.weight[self.inverses].transpose(1, 2).flatten(1, 2)  # g, (c n), o
        mixed = torch.bmm(gathered.flatten(2).transpose(0, 1), matrices)  # g, N, o
        return mixed.permute(1, 2, 0).flatten(1).index_select(0, geometry.graph.rank_of_node)


class GroupPointConv(_KernelPointConv):
    """The full group convolution, over neighbors and group at once.

        (F * h)(x_i, g) = 1/sqrt(n) sum_j sum_h sum_k w_k(g^-1 r_ij) W_{k,h} F(x_j, g h)

    Arguments, errors and law are those of :class:`InterPointConv`.

    Parameters: ``K |G| C_in C_out``, where the separable one has ``K C_in C_out + H C_out C_out``.

    Cost: ``2 E K |G| C_in`` operations to aggregate and ``2 N K |G|^2 C_in C_out`` to mix.

    Reference: Chen et al., Equivariant point network, CVPR 2021, before the separation.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> rep = 2 * Cyclic(4).regular
        >>> conv = GroupPointConv(rep, rep, points=(8,))
        >>> conv(torch.ones(2, rep.dim), torch.eye(2), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 8])
    """

    steps: Tensor

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        points: Sequence[int] = (12,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(rep_in, rep_out, points=points, cutoff=cutoff, avg_num_neighbors=avg_num_neighbors)
        shape = (self.kernel.count, self.order, self.copies, self.copies_out)
        self.weight = nn.Parameter(torch.empty(shape, dtype=torch.float32))
        # From the value at k to that at g leads h = g^-1 k.
        self.register_buffer("steps", self.group.multiplication_table[self.group.inverses], persistent=False)
        nn.init.normal_(self.weight, std=1 / sqrt(self.copies * self.order))

    def convolve(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Sum over neighbors for each kernel point and g, mix channels and g."""
        gathered = self._aggregate(features, geometry)
        spread = self.weight[self.inverses[:, None, :], self.steps[:, :, None]]  # g, k, n, c, o
        matrix = spread.permute(1, 3, 2, 4, 0).flatten(3).flatten(0, 2)  # (k c n), (o g)
        mixed: Tensor = gathered.flatten(1) @ matrix
        return mixed.index_select(0, geometry.graph.rank_of_node)
