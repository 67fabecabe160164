"""Steerable convolution of few channels: aggregated first, then one matrix from all aggregates to all outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.ops.graph import Graph
from intertwine.ops.steerable._conv_args import ConvArgs, ConvGradients
from intertwine.ops.steerable._conv_autograd import ConvKernels, conv_operators
from intertwine.ops.steerable._coupling import Coupling
from intertwine.ops.steerable._small_kernels import SmallConvInputs, backward, forward


def _forward(args: ConvArgs) -> Tensor:
    return forward(SmallConvInputs.from_args(args))


def _backward(grad: Tensor, args: ConvArgs, needs: list[bool]) -> ConvGradients:
    return backward(SmallConvInputs.from_args(args), grad, needs)


operators = conv_operators("small_steerable_conv", ConvKernels(_forward, _backward))


def small_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    clebsch_gordan: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """:func:`intertwine.ops.steerable_conv` in the order for few channels: aggregate first, then couple."""
    matrix = coupling_matrix(coupling, clebsch_gordan, weights, radial.shape[1]).flatten()
    args = ConvArgs(features, harmonics, radial, matrix, clebsch_gordan, *graph.indices, coupling.encode())
    result: Tensor = operators.conv(*args)
    return result


def coupling_matrix(coupling: Coupling, clebsch_gordan: Tensor, weights: Sequence[Tensor], num_radial: int) -> Tensor:
    """Sum over all paths of Clebsch-Gordan coefficients times weights, ``(dim_in * Y * H, dim_out)``."""
    num_harmonics = clebsch_gordan.shape[0]
    rows, column, weight = [], 0, iter(weights)
    for i, ((l_in, _), channels_in) in enumerate(coupling.inputs):
        m_in, blocks = 2 * l_in + 1, []
        for o, ((l_out, _), channels_out) in enumerate(coupling.outputs):
            m_out, paths = 2 * l_out + 1, len(coupling.paths(i, o))
            if not paths:
                zeros = channels_in * m_in * num_harmonics * num_radial, channels_out * m_out
                blocks.append(clebsch_gordan.new_zeros(zeros))
                continue
            end = column + m_out * paths * m_in
            coefficients = clebsch_gordan[:, column:end].unflatten(1, (m_out, paths, m_in))
            path_weights = next(weight).view(paths, channels_in, num_radial, channels_out)
            block = torch.einsum("yopi,pchd->ciyhdo", coefficients, path_weights)
            blocks.append(block.flatten(0, 3).flatten(1))
            column = end
        rows.append(torch.cat(blocks, 1))
    return torch.cat(rows)
