"""The steerable convolution of the tensor field network, with the radial weights mixed after the aggregation.

    y_i = sum_j sum_paths W(|r_ij|) CG (x_j (x) Y(r_ij)),        W(|r|) = sum_h w_h radial_h(|r|)

The weight matrices w_h do not depend on the edge, so the sum over edges comes first,

    A_i = sum_j radial(r_ij) (x) CG (x_j (x) Y(r_ij)),           y_i = w A_i,

and one matrix product per pair of irreps replaces one weight matrix per edge.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from intertwine.ops.graph._graph import Graph
from intertwine.ops.steerable._coupling import Coupling
from intertwine.ops.steerable._fused_conv import fused_conv
from intertwine.ops.steerable._small_conv import small_conv

_USUAL_NEIGHBORS = 16
_SLOW = 40


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
    of the arguments and a few megabytes, whatever the number of neighbors. Of few channels neighbors, harmonics and
    radial functions are multiplied first and coupled after the sum. Derivatives of every order.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3.
    """
    if not weights:
        return features.new_zeros(graph.size, sum((2 * l + 1) * channels for (l, _), channels in coupling.outputs))
    convolve = small_conv if _is_small(coupling, radial.shape[1]) else fused_conv
    return convolve(features, harmonics, radial, graph, coupling, tensor, weights)


def _is_small(coupling: Coupling, width: int) -> bool:
    """Which order of contraction costs less for each edge, in operations of a matrix product.

    Coupling first costs an operation on short vectors for each number of the coupled messages, as slow as 40 of a
    matrix product, and products with the radial functions and weights; coupling last costs a product with a matrix of
    all inputs by all outputs. The nodes' share is divided among a usual number of neighbors: an exported program knows
    no other.
    """
    fused, harmonics = 0.0, (coupling.lmax + 1) ** 2
    dim_in = sum((2 * degree + 1) * channels for (degree, _), channels in coupling.inputs)
    dim_out = sum((2 * degree + 1) * channels for (degree, _), channels in coupling.outputs)
    small = harmonics * width * (dim_in * (1 + dim_out / _USUAL_NEIGHBORS) + _SLOW)
    for i, ((degree, _), channels) in enumerate(coupling.inputs):
        for o, rows in coupling.rows(i):
            mix = 1 + coupling.outputs[o][1] / _USUAL_NEIGHBORS
            fused += rows * channels * (width * mix + (2 * degree + 1) * _SLOW)
    return small < fused
