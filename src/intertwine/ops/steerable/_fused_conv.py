"""Fused steerable convolution: coupled, aggregated and multiplied by the weights while a chunk is in cache."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.ops.graph import Graph
from intertwine.ops.steerable._conv_args import ConvArgs, ConvGradients, Tangents
from intertwine.ops.steerable._conv_autograd import ConvKernels, conv_operators
from intertwine.ops.steerable._conv_decomposition import conv_forward
from intertwine.ops.steerable._conv_inputs import ConvInputs
from intertwine.ops.steerable._conv_kernels import backward, forward
from intertwine.ops.steerable._coupling import Coupling


def _forward(args: ConvArgs) -> Tensor:
    return forward(ConvInputs.from_args(args))


def _backward(grad: Tensor, args: ConvArgs, needs: list[bool]) -> ConvGradients:
    return backward(ConvInputs.from_args(args), grad, needs)


def _jvp_backward(grad: Tensor, tangents: Tangents, args: ConvArgs, needs: list[bool]) -> ConvGradients:
    return backward(ConvInputs.from_args(args, tangents), grad, needs)


operators = conv_operators("steerable_conv", ConvKernels(_forward, _backward, _jvp_backward))
operators.conv.register_decomposition(conv_forward)


def fused_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    clebsch_gordan: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """:func:`intertwine.ops.steerable_conv` in the order for many channels: couple first, then aggregate."""
    flat = torch.cat([weight.flatten() for weight in weights])
    args = ConvArgs(features, harmonics, radial, flat, clebsch_gordan, *graph.indices, coupling.encode())
    result: Tensor = operators.conv(*args)
    return result
