"""The steerable convolution of few channels: one matrix takes all that was gathered to all outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.ops.graph._graph import Graph
from intertwine.ops.steerable._conv_autograd import Kernels, operator
from intertwine.ops.steerable._coupling import Coupling
from intertwine.ops.steerable._small_kernels import Call, backward, forward

_conv = operator(
    "small_steerable_conv",
    Kernels(
        lambda *arguments: forward(Call.of(*arguments)),
        lambda grad, needs, *arguments: backward(Call.of(*arguments), grad, needs),
    ),
)


def small_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """The function of :func:`intertwine.ops.steerable_conv`, coupled after the sum over the neighbors."""
    matrix = _matrix(coupling, tensor, weights, radial.shape[1])
    edges = graph.source, graph.rank, graph.places
    result: Tensor = _conv(features, harmonics, radial, matrix.flatten(), tensor, *edges, coupling.code())
    return result


def _matrix(coupling: Coupling, tensor: Tensor, weights: Sequence[Tensor], width: int) -> Tensor:
    """``(dim_in * Y * H, dim_out)``: sum over the paths of Clebsch-Gordan coefficients times weights."""
    rows, column, weight = [], 0, iter(weights)
    for i, ((l_in, _), channels) in enumerate(coupling.inputs):
        m_in, blocks = 2 * l_in + 1, []
        for o, ((l_out, _), copies) in enumerate(coupling.outputs):
            m_out, paths = 2 * l_out + 1, len(coupling.paths(i, o))
            if not paths:
                blocks.append(tensor.new_zeros(channels * m_in * tensor.shape[0] * width, copies * m_out))
                continue
            end = column + m_out * paths * m_in
            steered = tensor[:, column:end].unflatten(1, (m_out, paths, m_in))
            mixed = next(weight).view(paths, channels, width, copies)
            blocks.append(torch.einsum("yopi,pchd->ciyhdo", steered, mixed).flatten(0, 3).flatten(1))
            column = end
        rows.append(torch.cat(blocks, 1))
    return torch.cat(rows)
