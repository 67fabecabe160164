"""Attention over neighbors with steerable keys and values: the SE(3)-Transformer's layer."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.actions import PointCloud, TupleAction
from intertwine.nn._blocks import Blocks, check_features
from intertwine.nn._constant import Constant
from intertwine.nn._linear import Linear
from intertwine.nn._same_group import same_group
from intertwine.nn.conv._geometry import Geometry, resolve_geometry
from intertwine.nn.conv._point_conv import PointLayer
from intertwine.nn.conv._steerable import SteerableConv
from intertwine.ops import Graph, segment_apply, segment_outer, segment_softmax, smooth_cutoff, steerable_messages
from intertwine.reps import Rep, as_rep, direct_sum

Cloud = tuple[Tensor, Tensor]
"""Features ``(N, rep.dim)`` and positions ``(N, 3)``."""


def pad_to_heads(rep: Rep | str, heads: int) -> Rep:
    """The smallest sum of the same irreps whose copies the heads divide.

    Raises:
        ValueError: If there are no heads.

    Example:
        >>> print(pad_to_heads("6x0e + 1x1o", 4))
        8x0e + 4x1o
    """
    if heads < 1:
        raise ValueError(f"heads must be at least 1, got {heads}")
    rep = as_rep(rep)
    return direct_sum(rep.group, [(-(-copies // heads) * heads, irrep) for copies, irrep in Blocks.of(rep).terms])


def _head_masks(rep: Rep, heads: int) -> Tensor:
    """``(heads, rep.dim)``: 1 where a number belongs to a head, which has an equal part of each block's copies."""
    parts = [
        torch.eye(heads, dtype=torch.float64).repeat_interleave(copies // heads * irrep.dim, 1)
        for copies, irrep in Blocks.of(rep).terms
    ]
    return torch.cat(parts, 1) if parts else torch.zeros(heads, 0, dtype=torch.float64)


class _EdgesBySource(NamedTuple):
    """What messages are made of, on edges sorted by source: harmonics times the envelope, and lengths."""

    graph: Graph
    harmonics: Tensor
    lengths: Tensor
    envelope: Tensor

    @classmethod
    def of(cls, geometry: Geometry, sources: int, cutoff: float) -> _EdgesBySource:
        by_source, envelope = geometry.graph.by_source(sources), smooth_cutoff(geometry.lengths, cutoff)
        harmonics = (geometry.harmonics * envelope[:, None]).index_select(0, by_source.source)
        return cls(by_source, harmonics, geometry.lengths.index_select(0, by_source.source), envelope)

    def messages(self, features: Tensor, conv: SteerableConv) -> Tensor:
        """``(E, conv.rep_out.dim)``: what a convolution sums, in the order of the geometry's edges."""
        radial, tensor = conv.radial.factors(self.lengths), conv.tensor()
        weights = [radial.fold(weight) for weight in conv.weights]
        args = features, self.harmonics, radial.functions, self.graph, conv.coupling, tensor, weights
        return steerable_messages(*args)


class _MultiHeadAttention(PointLayer):
    """What self- and cross-attention share: queries, steerable keys and values, heads."""

    def __init__(
        self,
        rep_query: Rep | str,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        rep_key: Rep | str | None,
        heads: int,
        lmax: int,
        radial_basis: int,
        radial_hidden: Sequence[int],
        cutoff: float,
        avg_num_neighbors: float,
    ) -> None:
        name = type(self).__name__
        given = {} if rep_key is None else {"rep_key": rep_key}
        rep_query, rep_in, rep_out, *keys = same_group(
            name, rep_query=rep_query, rep_in=rep_in, rep_out=rep_out, **given
        )
        super().__init__(rep_in, rep_out, avg_num_neighbors=avg_num_neighbors)
        padded = pad_to_heads(rep_query, heads)
        rep_key = keys[0] if keys else padded
        for argument, rep in (("rep_key", rep_key), ("rep_out", rep_out)):
            if any(copies % heads for copies in Blocks.of(rep).copies):
                raise ValueError(
                    f"{heads} heads do not divide the copies of {argument} = {rep}; take {pad_to_heads(rep, heads)}, "
                    "and an nn.Linear after it where needed"
                )
        self.rep_query, self.rep_key = rep_query, rep_key
        self.heads, self.lmax, self.cutoff = heads, lmax, float(cutoff)
        self.scale = sqrt(heads / max(rep_key.dim, 1))
        self.key_masks, self.value_masks = Constant(_head_masks(rep_key, heads)), Constant(_head_masks(rep_out, heads))
        self._dim_query, self._text_query = rep_query.dim, str(rep_query)
        self.query = Linear(rep_query, rep_key, bias=False)
        self.keys = SteerableConv(
            rep_in, rep_key, lmax=lmax, radial_basis=radial_basis, radial_hidden=radial_hidden, cutoff=cutoff
        )
        self.values = SteerableConv(
            rep_in,
            rep_out,
            lmax=lmax,
            radial_basis=radial_basis,
            radial_hidden=radial_hidden,
            cutoff=cutoff,
            avg_num_neighbors=avg_num_neighbors,
        )

    def coefficients(self, queries: Tensor, features: Tensor, geometry: Geometry) -> Tensor:
        """The attention coefficients alpha, ``(E, heads)`` in the order of the geometry's edges."""
        edges = _EdgesBySource.of(geometry, features.shape[0], self.cutoff)
        return self._coefficients(queries, features, geometry.graph, edges)

    def _coefficients(self, queries: Tensor, features: Tensor, graph: Graph, edges: _EdgesBySource) -> Tensor:
        check_features(queries, self._dim_query, self._text_query, type(self).__name__)
        self.check_features(features)
        by_rank = self.query(queries).index_select(0, torch.argsort(graph.rank_of_node)) * self.scale
        by_head = by_rank[:, None] * self.key_masks()
        logits = segment_apply(by_head, edges.messages(features, self.keys), graph.rank)
        return segment_softmax(logits, graph.rank, graph.num_nodes, edges.envelope)

    def attend(self, queries: Tensor, features: Tensor, geometry: Geometry) -> Tensor:
        """Map queries ``(N, rep_query.dim)`` and features ``(M, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        graph, edges = geometry.graph, _EdgesBySource.of(geometry, features.shape[0], self.cutoff)
        alpha = self._coefficients(queries, features, graph, edges) * sqrt(self.avg_num_neighbors)
        summed = segment_outer(alpha, edges.messages(features, self.values), graph.rank, graph.num_nodes)
        result: Tensor = (summed * self.value_masks()).sum(1)
        return result.index_select(0, graph.rank_of_node)

    def extra_repr(self) -> str:
        """The representations, heads and degree."""
        reps = f"{super().extra_repr()}, query={self.rep_query}, key={self.rep_key}"
        return f"{reps}, heads={self.heads}, lmax={self.lmax}"


class SteerableCrossAttention(_MultiHeadAttention):
    """Attention of the points of one cloud to points of another, with steerable keys and values.

        q_i = W_Q z_i,   k_ij = W_K(r_ij) x_j,   v_ij = W_V(r_ij) x_j,   r_ij = position_j - position_i
        l_ij = <q_i, k_ij> / sqrt(d),   alpha_ij = u(|r_ij|) exp(l_ij) / sum_k u(|r_ik|) exp(l_ik)
        y_i = sqrt(n) sum_j alpha_ij v_ij

    for each head with its part of the channels of queries, keys (d numbers) and values. W_Q is linear, W_K and W_V are
    steerable kernels that end smoothly at the cutoff. Their envelope u also weighs the exponentials, so that neither an
    edge nor the share of the others changes abruptly there.

    Args:
        rep_query: Representation of the features z of the points that attend: a sum of irreps of SO(3) or O(3), or its
            text.
        rep_in: Representation of the features x of the points that are attended to.
        rep_out: Representation of the features that go out; the heads divide its copies.
        rep_key: Representation of queries and keys, likewise; by default that of ``rep_query``, with copies added until
            the heads divide them.
        heads: Number of heads.
        lmax: Highest degree of the spherical harmonics.
        radial_basis: Number of radial basis functions.
        radial_hidden: Widths of the network on them; empty for none.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.
        avg_num_neighbors: n, the average number of neighbors, which keeps the variance of the features: with uniform
            alpha this is the :class:`SteerableConv` of the values. 1 for the sum as it is in the reference.

    Raises:
        ValueError: If a representation is not a sum of irreps of SO(3) or O(3), the groups differ or the heads do not
            divide the copies; in ``forward`` if the shapes do not fit.

    Law: for g in the group and t a translation, ``attend((rho(g) z, g p + t), (rho_in(g) x, g s + t), edges) =
    rho_out(g) attend((z, p), (x, s), edges)``; the alpha are invariant; points of either cloud may be renumbered.

    Cost: that of two convolutions, see :func:`intertwine.ops.steerable_messages`, for any number of heads; memory
    ``O(E (rep_key.dim + rep_out.dim))``.

    Reference: Fuchs, Worrall, Fischer, Welling, SE(3)-Transformers, NeurIPS 2020, eqs. 10-12.

    Example:
        >>> attend = SteerableCrossAttention("1x0e", "4x0e + 4x1o", "4x0e + 4x1o", heads=2)
        >>> queries, sources = (torch.ones(1, 1), torch.zeros(1, 3)), (torch.ones(2, 16), torch.eye(2, 3))
        >>> attend(queries, sources, torch.tensor([[0, 1], [0, 0]])).shape
        torch.Size([1, 16])
    """

    def __init__(
        self,
        rep_query: Rep | str,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        rep_key: Rep | str | None = None,
        heads: int = 4,
        lmax: int = 2,
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (64,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(
            rep_query,
            rep_in,
            rep_out,
            rep_key=rep_key,
            heads=heads,
            lmax=lmax,
            radial_basis=radial_basis,
            radial_hidden=radial_hidden,
            cutoff=cutoff,
            avg_num_neighbors=avg_num_neighbors,
        )
        clouds = PointCloud(self.rep_query, permutations=False), PointCloud(self.rep_in, permutations=False)
        self.action_in = TupleAction(*clouds, None)

    def forward(self, queries: Cloud, sources: Cloud, edges: Tensor) -> Tensor:
        """Attend.

        Args:
            queries: Features ``(N, rep_query.dim)`` and positions ``(N, 3)`` of the points that attend.
            sources: Features ``(M, rep_in.dim)`` and positions ``(M, 3)`` of the points that are attended to.
            edges: ``(2, E)``, rows of the sources over rows of the queries, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point without edges.
        """
        return self.attend(queries[0], sources[0], Geometry.from_edges(sources[1], edges, self.lmax, queries[1]))


class SteerableAttention(_MultiHeadAttention):
    """Attention of points to their neighbors, with steerable keys and values.

        q_i = W_Q x_i,   k_ij = W_K(r_ij) x_j,   v_ij = W_V(r_ij) x_j,   r_ij = position_j - position_i
        y_i = sqrt(n) sum_j softmax_j(<q_i, k_ij> / sqrt(d)) v_ij

    A point does not attend to itself unless there is such an edge; a :class:`Linear` or an
    :class:`AttentiveSelfInteraction` beside this is the self-interaction.

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of SO(3) or O(3), or its text.
        rep_out: Representation of the features that go out; the heads divide its copies.
        rep_key: As for :class:`SteerableCrossAttention`, which this is with one cloud for both; all that follow
            likewise.
        heads: Number of heads.
        lmax: Highest degree of the spherical harmonics.
        radial_basis: Number of radial basis functions.
        radial_hidden: Widths of the network on them; empty for none.
        cutoff: Distance from which an edge has no weight, in the unit of the positions.
        avg_num_neighbors: n, the average number of neighbors.

    Law: ``attend(rho_in(g) x, g p + t, edges) = rho_out(g) attend(x, p, edges)``; points may be renumbered.

    Reference: Fuchs, Worrall, Fischer, Welling, SE(3)-Transformers, NeurIPS 2020, eqs. 10-12.

    Example:
        >>> attend = SteerableAttention("2x0e", "4x0e + 4x1o", heads=4, lmax=1)
        >>> attend(torch.ones(2, 2), torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).shape
        torch.Size([2, 16])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        rep_key: Rep | str | None = None,
        heads: int = 4,
        lmax: int = 2,
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (64,),
        cutoff: float = 5.0,
        avg_num_neighbors: float = 1.0,
    ) -> None:
        super().__init__(
            rep_in,
            rep_in,
            rep_out,
            rep_key=rep_key,
            heads=heads,
            lmax=lmax,
            radial_basis=radial_basis,
            radial_hidden=radial_hidden,
            cutoff=cutoff,
            avg_num_neighbors=avg_num_neighbors,
        )

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, 3)``; or the geometry, of degree ``lmax``, that layers share and that brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``; zero for a point without neighbors.
        """
        return self.attend(features, features, resolve_geometry(positions, edges, self.lmax))
