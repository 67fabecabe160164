"""Depthwise ("uvu") steerable convolution: each channel is coupled to the harmonics by itself.

    y_i[path, u] = sum_j w_path,u(|r_ij|) CG_path (x_j,u (x) Y(r_ij)),        w(|r|) = radial(|r|) W

The weights, one for each edge, path and channel, are more numbers than everything else together: they are computed from
the radial functions where they are used, and not stored.
"""

from __future__ import annotations

from torch import Tensor

from intertwine.ops.graph import Graph
from intertwine.ops.steerable._conv_args import ConvArgs, ConvGradients
from intertwine.ops.steerable._conv_autograd import ConvKernels, conv_operators
from intertwine.ops.steerable._coupling import Coupling
from intertwine.ops.steerable._depthwise_decomposition import depthwise_backward, depthwise_forward
from intertwine.ops.steerable._depthwise_inputs import DepthwiseInputs
from intertwine.ops.steerable._depthwise_jvp_kernel import jvp_backward
from intertwine.ops.steerable._depthwise_kernels import backward, forward


def _forward(args: ConvArgs) -> Tensor:
    return forward(DepthwiseInputs.from_args(args))


def _backward(grad: Tensor, args: ConvArgs, needs: list[bool]) -> ConvGradients:
    return backward(DepthwiseInputs.from_args(args), grad, needs)


_operators = conv_operators("depthwise_conv", ConvKernels(_forward, _backward, jvp_backward))
_operators.conv.register_decomposition(depthwise_forward)
_operators.backward.register_decomposition(depthwise_backward)


def depthwise_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    clebsch_gordan: Tensor,
    weights: Tensor,
) -> Tensor:
    """Depthwise ("uvu") steerable convolution over the edges of a graph, summed at their targets.

    Args:
        features: ``(M, dim_in)`` of the source nodes: the input blocks side by side, in each the channels outermost.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the edges.
        radial: ``(E, H)`` radial functions of the edge lengths, zero for an edge without effect.
        graph: The edges.
        coupling: Of :meth:`Coupling.depthwise`.
        clebsch_gordan: ``coupling.clebsch_gordan()`` in the dtype of the features.
        weights: ``(H, channels_out)``, one column for each channel of the output: the last layer, without bias, of
            the network on the edge lengths.

    Returns:
        ``(N, dim_out)`` of the target nodes, the output blocks side by side; in each the paths, by input block and
        degree, and the channels of each path.

    Raises:
        ValueError: If the weights do not fit the radial functions and the output.

    Law: rotating the edges and the features rotates the result; it is invariant under permutations of the edges.

    Cost: ``2 E H P c`` operations for the weights, with P paths of c channels, and ``2 E K c`` for the couplings, with
    K = sum over paths of (2 l_in + 1) (2 l_out + 1); the backward takes three times as many of the first and about as
    many of the second, twice as many where the harmonics' gradient is asked for. Memory: that of the arguments and a
    few megabytes, whatever the number of edges. Derivatives of every order.

    Reference: Batzner et al., E(3)-equivariant graph neural networks for interatomic potentials, Nature Communications
    2022, "Convolutions"; Batatia et al., MACE, NeurIPS 2022, eq. 8; Liao and Smidt, Equiformer, ICLR 2023.
    """
    channels = sum(channels for _, channels in coupling.outputs)
    if weights.shape != (radial.shape[1], channels):
        raise ValueError(
            f"weights must have shape ({radial.shape[1]}, {channels}): radial functions, channels of the output; "
            f"got {tuple(weights.shape)}"
        )
    args = ConvArgs(features, harmonics, radial, weights, clebsch_gordan, *graph.indices, coupling.encode())
    result: Tensor = _operators.conv(*args)
    return result
