"""Attention over neighbors with steerable keys and values: the SE(3)-Transformer's layer."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from intertwine.actions import PointCloud, PointFeatures, TupleAction
from intertwine.nn._blocks import Blocks
from intertwine.nn._constant import Constant
from intertwine.nn._linear import Linear
from intertwine.nn.conv._geometry import Geometry, geometry, resolve
from intertwine.nn.conv._steerable import SteerableConv
from intertwine.ops import Graph, segment_apply, segment_outer, segment_softmax, smooth_cutoff, steerable_messages
from intertwine.reps import Rep, direct_sum

Cloud = tuple[Tensor, Tensor]
"""Features ``(N, rep.dim)`` and positions ``(N, 3)``."""


def for_heads(rep: Rep, heads: int) -> Rep:
    """The smallest sum of the same irreps of which each head can have an equal part.

    Raises:
        ValueError: If there are no heads.

    Example:
        >>> from intertwine.groups import O3
        >>> print(for_heads(O3().rep("6x0e + 1x1o"), 4))
        8x0e + 4x1o
    """
    if heads < 1:
        raise ValueError(f"heads must be at least 1, got {heads}")
    return direct_sum(rep.group, [(-(-copies // heads) * heads, irrep) for copies, irrep in Blocks.of(rep).terms])


def _shares(rep: Rep, heads: int) -> Tensor:
    """``(heads, rep.dim)``: 1 where a number belongs to a head, which has an equal part of each block's copies."""
    parts = [
        torch.eye(heads, dtype=torch.float64).repeat_interleave(copies // heads * irrep.dim, 1)
        for copies, irrep in Blocks.of(rep).terms
    ]
    return torch.cat(parts, 1) if parts else torch.zeros(heads, 0, dtype=torch.float64)


class _Edges(NamedTuple):
    """What the messages need: harmonics that end at the cutoff and lengths, in the order of the edges that leave."""

    leaving: Graph
    harmonics: Tensor
    lengths: Tensor
    envelope: Tensor

    @classmethod
    def of(cls, where: Geometry, sources: int, cutoff: float) -> _Edges:
        leaving, envelope = where.graph.by_source(sources), smooth_cutoff(where.lengths, cutoff)
        ended = (where.harmonics * envelope[:, None]).index_select(0, leaving.source)
        return cls(leaving, ended, where.lengths.index_select(0, leaving.source), envelope)

    def send(self, features: Tensor, conv: SteerableConv) -> Tensor:
        """``(E, conv.rep_out.dim)``: what a convolution would sum, in the order of the geometry's edges."""
        radial = conv.radial.values(self.lengths)
        convolution = conv.coupling, conv.tensor(), list(conv.weights)
        return steerable_messages(features, self.harmonics, radial, self.leaving, *convolution)


class SteerableCrossAttention(nn.Module):
    """Points of one cloud look at points of another, with keys and values that turn with them.

        q_i = W_Q z_i,   k_ij = W_K(r_ij) x_j,   v_ij = W_V(r_ij) x_j,   r_ij = position_j - position_i
        l_ij = <q_i, k_ij> / sqrt(d),   alpha_ij = u(|r_ij|) exp(l_ij) / sum_k u(|r_ik|) exp(l_ik)
        y_i = sqrt(n) sum_j alpha_ij v_ij

    for each head with its part of the channels of queries, keys (d numbers) and values. W_Q is linear, W_K and W_V are
    steerable kernels that end smoothly at the cutoff. Their envelope u also weighs the exponentials, so that neither an
    edge nor what it takes from the others changes abruptly there.

    Args:
        rep_query: Representation of the features z of the points that look: a sum of irreps of SO(3) or O(3).
        rep_in: Representation of the features x of the points that are looked at.
        rep_out: Representation of the features that go out; the heads divide its copies.
        key: Representation of queries and keys, likewise; by default that of ``rep_query``, with copies added until the
            heads divide them.
        heads: How many there are.
        lmax: Highest degree of the spherical harmonics.
        radial: Number of radial basis functions and, after it, hidden widths of the network on them.
        cutoff: Length from which an edge counts nothing, in the unit of the positions.
        neighbors: n, the typical number of neighbors, which keeps the variance of the features: with uniform alpha
            this is the :class:`SteerableConv` of the values. 1 for the sum as it is in the reference.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), the groups differ or the heads do not
            divide the copies; in ``forward`` if the shapes do not fit.

    Law: for g in the group and t a translation, ``attend((rho(g) z, g p + t), (rho_in(g) x, g s + t), edges) =
    rho_out(g) attend((z, p), (x, s), edges)``; the alpha are invariant; points of either cloud may be renumbered.

    Cost: that of two convolutions, see :func:`intertwine.ops.steerable_messages`, whatever the number of heads; memory
    ``O(E (key.dim + rep_out.dim))``.

    Reference: Fuchs, Worrall, Fischer, Welling, SE(3)-Transformers, NeurIPS 2020, eqs. 10-12.

    Example:
        >>> import torch
        >>> from intertwine.groups import O3
        >>> rep = O3().rep("4x0e + 4x1o")
        >>> attend = SteerableCrossAttention(O3().rep("1x0e"), rep, rep, heads=2)
        >>> queries, sources = (torch.ones(1, 1), torch.zeros(1, 3)), (torch.ones(2, 16), torch.eye(2, 3))
        >>> attend(queries, sources, torch.tensor([[0, 1], [0, 0]])).shape
        torch.Size([1, 16])
    """

    def __init__(
        self,
        rep_query: Rep,
        rep_in: Rep,
        rep_out: Rep,
        *,
        key: Rep | None = None,
        heads: int = 4,
        lmax: int = 2,
        radial: Sequence[int] = (8, 64),
        cutoff: float = 5.0,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__()
        own_key = for_heads(rep_query, heads)
        key = own_key if key is None else key
        for name, rep in (("key", key), ("rep_out", rep_out)):
            if any(copies % heads for copies in Blocks.of(rep).copies):
                raise ValueError(
                    f"{heads} heads do not divide the copies of {name} = {rep}; take {for_heads(rep, heads)}, "
                    "and an nn.Linear after it where needed"
                )
        self.rep_query, self.rep_in, self.rep_out, self.key = rep_query, rep_in, rep_out, key
        self.heads, self.lmax, self.cutoff, self.neighbors = heads, lmax, float(cutoff), float(neighbors)
        self.scale = sqrt(heads / max(key.dim, 1))
        self.key_shares, self.value_shares = Constant(_shares(key, heads)), Constant(_shares(rep_out, heads))
        self._query, self._in = Blocks.of(rep_query), Blocks.of(rep_in)
        self.query = Linear(rep_query, key, bias=False)
        self.keys = SteerableConv(rep_in, key, lmax=lmax, radial=radial, cutoff=cutoff)
        self.values = SteerableConv(rep_in, rep_out, lmax=lmax, radial=radial, cutoff=cutoff, neighbors=neighbors)
        self._declare()

    def _declare(self) -> None:
        """Say what moves."""
        clouds = PointCloud(self.rep_query, permutations=False), PointCloud(self.rep_in, permutations=False)
        self.action_in: TupleAction | PointCloud = TupleAction(*clouds, None)
        self.action_out = PointFeatures(self.rep_out)

    def forward(self, queries: Cloud, sources: Cloud, edges: Tensor) -> Tensor:
        """Attend.

        Args:
            queries: Features ``(N, rep_query.dim)`` and positions ``(N, 3)`` of the points that look.
            sources: Features ``(M, rep_in.dim)`` and positions ``(M, 3)`` of the points that are looked at.
            edges: ``(2, E)``, rows of the sources over rows of the queries, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point that sees nobody.
        """
        where = geometry(sources[1], edges, self.lmax, queries[1])
        return self._attend(queries[0], sources[0], where)

    def coefficients(self, queries: Tensor, features: Tensor, where: Geometry) -> Tensor:
        """Who looks at whom: alpha, ``(E, heads)`` in the order of the geometry's edges."""
        return self._coefficients(queries, features, where.graph, _Edges.of(where, features.shape[0], self.cutoff))

    def _coefficients(self, queries: Tensor, features: Tensor, graph: Graph, edges: _Edges) -> Tensor:
        self._query.check(queries, type(self).__name__)
        self._in.check(features, type(self).__name__)
        asked = self.query(queries).index_select(0, torch.argsort(graph.rank_of_node)) * self.scale
        by_head = asked[:, None] * self.key_shares()
        logits = segment_apply(by_head, edges.send(features, self.keys), graph.rank)
        return segment_softmax(logits, graph.rank, graph.num_nodes, edges.envelope)

    def _attend(self, queries: Tensor, features: Tensor, where: Geometry) -> Tensor:
        graph, edges = where.graph, _Edges.of(where, features.shape[0], self.cutoff)
        alpha = self._coefficients(queries, features, graph, edges) * sqrt(self.neighbors)
        heard = segment_outer(alpha, edges.send(features, self.values), graph.rank, graph.num_nodes)
        result: Tensor = (heard * self.value_shares()).sum(1)
        return result.index_select(0, graph.rank_of_node)

    def extra_repr(self) -> str:
        """The representations, heads and degree."""
        reps = f"{self.rep_in} -> {self.rep_out}"
        return f"{reps}, query={self.rep_query}, key={self.key}, heads={self.heads}, lmax={self.lmax}"


class SteerableAttention(SteerableCrossAttention):
    """Points look at their neighbors, with keys and values that turn with them.

        q_i = W_Q x_i,   k_ij = W_K(r_ij) x_j,   v_ij = W_V(r_ij) x_j,   r_ij = position_j - position_i
        y_i = sqrt(n) sum_j softmax_j(<q_i, k_ij> / sqrt(d)) v_ij

    A point does not look at itself unless there is such an edge. What it says to itself is a
    :class:`Linear` or an :class:`AttentiveSelfInteraction` beside this.

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3).
        rep_out: Representation of the features that go out; the heads divide its copies.
        **options: ``key``, ``heads``, ``lmax``, ``radial``, ``cutoff``, ``neighbors``: see
            :class:`SteerableCrossAttention`, which this is with one cloud for both.

    Law: ``attend(rho_in(g) x, g p + t, edges) = rho_out(g) attend(x, p, edges)``, points renumbered at will.

    Reference: Fuchs, Worrall, Fischer, Welling, SE(3)-Transformers, NeurIPS 2020, eqs. 10-12.

    Example:
        >>> import torch
        >>> from intertwine.groups import O3
        >>> attend = SteerableAttention(O3().rep("2x0e"), O3().rep("4x0e + 4x1o"), heads=4, lmax=1)
        >>> attend(torch.ones(2, 2), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 16])
    """

    def __init__(
        self,
        rep_in: Rep,
        rep_out: Rep,
        *,
        key: Rep | None = None,
        heads: int = 4,
        lmax: int = 2,
        radial: Sequence[int] = (8, 64),
        cutoff: float = 5.0,
        neighbors: float = 1.0,
    ) -> None:
        super().__init__(
            rep_in,
            rep_in,
            rep_out,
            key=key,
            heads=heads,
            lmax=lmax,
            radial=radial,
            cutoff=cutoff,
            neighbors=neighbors,
        )

    def _declare(self) -> None:
        self.action_in, self.action_out = PointCloud(self.rep_in), PointFeatures(self.rep_out)

    def forward(  # type: ignore[override]
        self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None
    ) -> Tensor:
        """Attend.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``; or the geometry, of degree ``lmax``, that layers share and that brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point without neighbors.
        """
        return self._attend(features, features, resolve(positions, edges, self.lmax))
