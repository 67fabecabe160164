"""Mean and variance of the norms of edge vectors, as a torch operator.

First derivatives are an operator too; those of higher order go through torch operations on the vectors of all edges.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.ops._operator import HALF, operator, to_float32
from intertwine.ops.graph import Graph
from intertwine.ops.vector_neurons._args import NORM_STATS_SCHEMA, NormStatsArgs
from intertwine.ops.vector_neurons._autograd import align_gradients, composite_gradients, fake_gradients
from intertwine.ops.vector_neurons._composite import composite_norm_stats
from intertwine.ops.vector_neurons._edge_vectors import EdgeVectors
from intertwine.ops.vector_neurons._norm_stats_kernels import backward, forward

_EDGE_ATTR = NormStatsArgs._fields.index("edge_attr")


@operator("edge_norm_stats", f"({NORM_STATS_SCHEMA}) -> (Tensor, Tensor)")
def _norm_stats(*given: Any) -> tuple[Tensor, Tensor]:
    return forward(NormStatsArgs(*given).inputs())


@operator(
    "edge_norm_stats_backward",
    f"(Tensor grad_mean, Tensor grad_variance, Tensor mean, {NORM_STATS_SCHEMA}, bool needs_edge_attr) -> Tensor[]",
)
def _norm_stats_backward(grad_mean: Tensor, grad_variance: Tensor, mean: Tensor, *rest: Any) -> list[Tensor]:
    *given, needs_edge_attr = rest
    return backward(NormStatsArgs(*given).inputs(), mean, grad_mean, grad_variance, needs_edge_attr).flat()


@_norm_stats.register_fake
def _(*given: Any) -> tuple[Tensor, Tensor]:
    target = NormStatsArgs(*given).q_target
    mean = target.new_empty(target.shape[2], dtype=torch.float64)
    return mean, torch.empty_like(mean)


@_norm_stats_backward.register_fake
def _(grad_mean: Tensor, grad_variance: Tensor, mean: Tensor, *rest: Any) -> list[Tensor]:
    *given, needs_edge_attr = rest
    return fake_gradients(NormStatsArgs(*given).differentiable, _EDGE_ATTR, needs_edge_attr)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs, output[0])


def _derivative(ctx, *grads):  # type: ignore[no-untyped-def]
    *given, mean = ctx.saved_tensors
    args = NormStatsArgs(*given)
    arguments, needs = args.differentiable, ctx.needs_input_grad[:4]
    if torch.is_grad_enabled():
        gradients = composite_gradients(
            lambda *x: composite_norm_stats(NormStatsArgs._make([*x, *args[4:]])), arguments, needs, grads
        )
    else:
        found = _norm_stats_backward(*grads, mean.detach(), *args, needs[_EDGE_ATTR])
        gradients = align_gradients(found, arguments, needs, _EDGE_ATTR)
    return *gradients, *[None] * 3


_norm_stats.register_autograd(_derivative, setup_context=_setup)


def edge_norm_stats(values: EdgeVectors, graph: Graph, edge_attr: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of the norms of the vectors on all edges, for each channel.

    Args:
        values: The vectors.
        graph: The edges.
        edge_attr: As in :func:`vn_relu_mean`.

    Returns:
        Two tensors ``(C,)``, float64, so that those of parts of a batch can be merged; zero without edges.
    """
    args = NormStatsArgs(*values, edge_attr, *graph.indices)
    is_half = values.target.dtype in HALF  # whose squares overflow and underflow
    mean, variance = _norm_stats(*(to_float32(args) if is_half else args))
    return mean, variance
