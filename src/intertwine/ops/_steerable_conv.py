"""The steerable convolution of the tensor field network, with the radial weights mixed after the aggregation.

    y_i = sum_j sum_paths W(|r_ij|) CG (x_j (x) Y(r_ij)),        W(|r|) = sum_h w_h radial_h(|r|)

The weight matrices w_h do not depend on the edge, so the sum over edges comes first,

    A_i = sum_j radial(r_ij) (x) CG (x_j (x) Y(r_ij)),           y_i = w A_i,

and one matrix product per pair of irreps replaces one weight matrix per edge.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from intertwine.ops._coupling import Coupling
from intertwine.ops._fused_conv import fused_conv
from intertwine.ops._graph import Graph
from intertwine.ops._stored_conv import stored_conv

_USUAL_NEIGHBOURS = 16  # measured: from here on a training step is faster when aggregates are made again


def steerable_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """Steerable convolution over the edges of a graph, aggregated before it is mixed.

    Args:
        features: ``(M, dim_in)``: the input blocks side by side, in each the channels outermost. The sources of the
            edges are among these rows.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the edges.
        radial: ``(E, H)`` radial functions of the edge lengths.
        graph: The edges, as :func:`arrange` gives them.
        coupling: The blocks.
        tensor: ``coupling.tensor()`` in the dtype of the features.
        weights: One ``(paths * channels_in * H, channels_out)`` for each of ``coupling.pairs()``.

    Returns:
        ``(N, dim_out)``, the output blocks side by side.

    Law: rotating the edges and the features rotates the result; permuting edges changes nothing.

    Cost: ``2 E H K`` operations to aggregate, with K = sum over paths of (2 l_out + 1) channels_in, and
    ``2 N H K channels_out`` to mix; the backward takes about twice as many and makes the aggregates again. Memory: that
    of the arguments and a few megabytes, whatever the number of neighbours. With few radial functions the messages and
    aggregates are kept instead, ``E K + N H K`` numbers. Derivatives of every order.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3.
    """
    if not weights:
        return features.new_zeros(graph.size, sum((2 * l + 1) * channels for (l, _), channels in coupling.outputs))
    convolve = stored_conv if _keeps_aggregates(radial.shape[1]) else fused_conv
    return convolve(features, harmonics, radial, graph, coupling, tensor, weights)


def _keeps_aggregates(width: int) -> bool:
    """Whether to keep messages and aggregates for the backward, rather than to make them again while they are in cache.

    Keeping saves the backward the messages' small products and their sums, and costs the way to memory and back of K
    numbers for each edge and K H for each node. So keep while the aggregates, K H for each node, are smaller than the
    messages, K k with k neighbours. Only H is asked, for a usual k: an exported program knows no other.
    """
    return width < _USUAL_NEIGHBOURS
