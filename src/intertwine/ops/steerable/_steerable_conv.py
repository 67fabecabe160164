"""Steerable convolution of tensor field networks, with the weights applied after the aggregation.

    y_i = sum_j sum_paths W(|r_ij|) CG (x_j (x) Y(r_ij)),        W(|r|) = sum_h w_h radial_h(|r|)

The weight matrices w_h do not depend on the edge, so the sum over edges comes first,

    A_i = sum_j radial(r_ij) (x) CG (x_j (x) Y(r_ij)),           y_i = w A_i,

and one matrix product for each pair of irreps replaces one weight matrix for each edge.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from intertwine.ops.graph import Graph
from intertwine.ops.steerable._coupling import Coupling
from intertwine.ops.steerable._fused_conv import fused_conv
from intertwine.ops.steerable._small_conv import small_conv

_TYPICAL_DEGREE = 16  # edges of a node
_ELEMENTWISE_COST = 40  # of one elementwise operation on short vectors, in operations of a matrix product


def steerable_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    clebsch_gordan: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """Steerable convolution over the edges of a graph, the weights applied after the aggregation.

    Args:
        features: ``(M, dim_in)`` of the source nodes: the input blocks side by side, in each the channels outermost.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the edges.
        radial: ``(E, H)`` radial functions of the edge lengths.
        graph: The edges.
        coupling: The input and output blocks and their paths.
        clebsch_gordan: ``coupling.clebsch_gordan()`` in the dtype of the features.
        weights: One ``(paths * channels_in * H, channels_out)`` for each of ``coupling.pairs()``.

    Returns:
        ``(N, dim_out)`` of the target nodes, the output blocks side by side.

    Law: rotating the edges and the features rotates the result; it is invariant under permutations of the edges.

    Cost: ``2 E H K`` operations to aggregate, with K = sum over paths of (2 l_out + 1) channels_in, and
    ``2 N H K channels_out`` for the weights; the backward takes about twice as many and computes the aggregates again.
    Memory: that of the arguments and a few megabytes, whatever the number of edges. For few channels, features,
    harmonics and radial functions are multiplied and summed first, and coupled afterwards. Derivatives of every order.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3.
    """
    if not weights:
        return features.new_zeros(graph.num_nodes, coupling.dim_out)
    convolve = small_conv if prefer_small_conv(coupling, radial.shape[1]) else fused_conv
    return convolve(features, harmonics, radial, graph, coupling, clebsch_gordan, weights)


def prefer_small_conv(coupling: Coupling, num_radial: int) -> bool:
    """Whether aggregating before coupling costs less, in operations of a matrix product for each edge.

    Coupling first costs one elementwise operation for each number of the messages, and the products with the radial
    functions and the weights; coupling last costs a product with a matrix of all inputs by all outputs. The cost of a
    node is divided among a typical number of edges: an exported program does not know the graph.
    """
    num_harmonics = (coupling.lmax + 1) ** 2
    per_input = 1 + coupling.dim_out / _TYPICAL_DEGREE
    small = num_harmonics * num_radial * (coupling.dim_in * per_input + _ELEMENTWISE_COST)
    fused = 0.0
    for i, ((l_in, _), channels) in enumerate(coupling.inputs):
        for o, rows in coupling.rows(i):
            per_row = num_radial * (1 + coupling.outputs[o][1] / _TYPICAL_DEGREE)
            fused += rows * channels * (per_row + (2 * l_in + 1) * _ELEMENTWISE_COST)
    return small < fused
