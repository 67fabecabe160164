"""The steerable convolution of many channels: coupled, aggregated and mixed while a chunk of nodes is in cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.ops.graph._graph import Graph
from intertwine.ops.steerable._conv_autograd import Directions, Gradients, Kernels, operator
from intertwine.ops.steerable._conv_inputs import Call
from intertwine.ops.steerable._conv_kernels import backward, forward
from intertwine.ops.steerable._coupling import Coupling


def _backward(grad: Tensor, needs: list[bool], *arguments: Any) -> Gradients:
    return backward(Call.of(*arguments), grad, needs)


def _slope(grad: Tensor, needs: list[bool], along: Directions, *arguments: Any) -> Gradients:
    return backward(Call.of(*arguments).towards(along), grad, needs)


_conv = operator("steerable_conv", Kernels(lambda *arguments: forward(Call.of(*arguments)), _backward, _slope))


def fused_conv(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    graph: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """The function of :func:`intertwine.ops.steerable_conv`, chunk by chunk."""
    flat = torch.cat([weight.flatten() for weight in weights])
    edges = graph.source, graph.rank, graph.places
    result: Tensor = _conv(features, harmonics, radial, flat, tensor, *edges, coupling.code())
    return result
