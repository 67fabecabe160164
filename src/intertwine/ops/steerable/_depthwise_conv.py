"""The depthwise steerable convolution: each channel is coupled to the harmonics by itself.

    y_i[path, u] = sum_j w_path,u(|r_ij|) CG_path (x_j,u (x) Y(r_ij)),        w(|r|) = radial(|r|) W

One weight for each edge, path and channel is more than everything else together: it is made from the radial functions
where it is used and not kept.
"""

from __future__ import annotations

from torch import Tensor

from intertwine.ops.graph._graph import Graph
from intertwine.ops.steerable._conv_autograd import Kernels, operator
from intertwine.ops.steerable._coupling import Coupling
from intertwine.ops.steerable._depthwise_kernels import Call, backward, forward

_conv = operator(
    "depthwise_conv",
    Kernels(
        lambda *arguments: forward(Call.of(*arguments)),
        lambda grad, needs, *arguments: backward(Call.of(*arguments), grad, needs),
    ),
)


def depthwise_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Tensor,
) -> Tensor:
    """Depthwise ("uvu") steerable convolution over the edges of a graph, summed at their targets.

    Args:
        features: ``(M, dim_in)``: the input blocks side by side, in each the channels outermost. The sources of the
            edges are among these rows.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the edges.
        radial: ``(E, H)`` radial functions of the edge lengths, zero where an edge should count nothing.
        graph: The edges, as :func:`arrange` gives them.
        coupling: The blocks, as :meth:`Coupling.depthwise` gives them.
        tensor: ``coupling.tensor()`` in the dtype of the features.
        weights: ``(H, channels_out)``, a column for each irrep of the output: the last layer, without bias, of the
            network on the edge lengths.

    Returns:
        ``(N, dim_out)``, the output blocks side by side; in each the paths, by input block and degree, and the channels
        of each path.

    Raises:
        ValueError: If the weights do not fit the radial functions and the output.

    Law: rotating the edges and the features rotates the result; permuting edges changes nothing.

    Cost: ``2 E H P c`` operations for the weights, with P paths of c channels, and ``2 E K c`` for the couplings, with
    K = sum over paths of (2 l_in + 1) (2 l_out + 1); the backward takes three times as many of the first and about as
    many of the second, twice as many where the harmonics' gradient is asked for. Memory: that of the arguments and a
    few megabytes, whatever the number of neighbors. Derivatives of every order.

    Reference: Batzner et al., E(3)-equivariant graph neural networks for interatomic potentials, Nature Communications
    2022, "Convolutions"; Batatia et al., MACE, NeurIPS 2022, eq. 8; Liao and Smidt, Equiformer, ICLR 2023.
    """
    channels = sum(channels for _, channels in coupling.outputs)
    if weights.shape != (radial.shape[1], channels):
        raise ValueError(
            f"weights must have shape ({radial.shape[1]}, {channels}): radial functions, irreps of the output; "
            f"got {tuple(weights.shape)}"
        )
    edges = graph.source, graph.rank, graph.places
    result: Tensor = _conv(features, harmonics, radial, weights, tensor, *edges, coupling.code())
    return result
