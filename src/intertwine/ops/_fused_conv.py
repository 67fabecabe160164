"""The steerable convolution as one operator that stores nothing but its arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine.ops._conv_kernels import Call, backward, forward
from intertwine.ops._coupling import Coupling
from intertwine.ops._graph import Graph
from intertwine.ops._multilinear import operator

_conv = operator("steerable_conv", Call.of, forward, backward)


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
    return _conv(features, harmonics, radial, flat, tensor, graph.source, graph.rank, graph.places, coupling.code())
