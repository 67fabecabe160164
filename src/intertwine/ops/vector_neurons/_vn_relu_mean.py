"""VN-ReLU on edges with the mean over neighbors, as a torch operator.

First derivatives are an operator too; those of higher order go through torch operations on the vectors of all edges.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.ops._operator import HALF, operator, to_float32
from intertwine.ops.graph import Graph
from intertwine.ops.vector_neurons._args import VN_RELU_SCHEMA, VNReluArgs
from intertwine.ops.vector_neurons._autograd import align_gradients, composite_gradients, fake_gradients
from intertwine.ops.vector_neurons._composite import composite_vn_relu_mean
from intertwine.ops.vector_neurons._edge_vectors import EdgeVectors
from intertwine.ops.vector_neurons._vn_relu_kernels import backward, forward

_EDGE_ATTR = VNReluArgs._fields.index("edge_attr")


@operator("vn_relu_mean", f"({VN_RELU_SCHEMA}) -> Tensor")
def _mean(*given: Any) -> Tensor:
    args = VNReluArgs(*given)
    return forward(args.inputs(), args.affine, args.negative_slope)


@operator(
    "vn_relu_mean_backward",
    f"(Tensor grad, {VN_RELU_SCHEMA}, bool needs_edge_attr) -> Tensor[]",
)
def _mean_backward(grad: Tensor, *rest: Any) -> list[Tensor]:
    *given, needs_edge_attr = rest
    args = VNReluArgs(*given)
    return backward(args.inputs(), args.affine, args.negative_slope, grad.contiguous(), needs_edge_attr).flat()


@_mean.register_fake
def _(*given: Any) -> Tensor:
    return torch.empty_like(VNReluArgs(*given).q_target, memory_format=torch.contiguous_format)


@_mean_backward.register_fake
def _(grad: Tensor, *rest: Any) -> list[Tensor]:
    *given, needs_edge_attr = rest
    return fake_gradients(VNReluArgs(*given).differentiable, _EDGE_ATTR, needs_edge_attr)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.negative_slope = inputs
    ctx.save_for_backward(*tensors)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    args = VNReluArgs._make([*ctx.saved_tensors, ctx.negative_slope])
    arguments, needs = args.differentiable, ctx.needs_input_grad[:8]
    if torch.is_grad_enabled():
        gradients = composite_gradients(
            lambda *x: composite_vn_relu_mean(VNReluArgs._make([*x, *args[8:]])), arguments, needs, grad
        )
    else:
        found = _mean_backward(grad, *args, needs[_EDGE_ATTR])
        gradients = align_gradients(found, arguments, needs, _EDGE_ATTR)
    return *gradients, *[None] * 4


_mean.register_autograd(_derivative, setup_context=_setup)


def vn_relu_mean(
    values: EdgeVectors,
    directions: EdgeVectors,
    graph: Graph,
    *,
    edge_attr: Tensor | None = None,
    affine: Tensor | None = None,
    negative_slope: float = 0.0,
) -> Tensor:
    """VN-ReLU of the vectors on the edges of a graph, normalized before it where asked for; mean over neighbors.

        q' = (scale + shift / |q|) q,    out = q' - (1 - negative_slope) min(<q', k>, 0) / |k|^2 k

    1e-6 is added to norms that divide, as in the code of the authors; the norm of a zero vector has gradient zero.

    Args:
        values: The vectors q.
        directions: The vectors k; one channel is shared by all.
        graph: The edges.
        edge_attr: ``(n, E, m)`` vectors of the edges, for the ``mixing`` weights of values and directions, in the order
            of the graph.
        affine: ``(2, C)`` scale over shift; ``None`` for 1 and 0.
        negative_slope: Factor of the component of q' along k where it is negative.

    Returns:
        ``(n, N, C)``; zero for a node without neighbors.

    Law: equivariant under all orthogonal matrices on the components, and permutations of edges.

    Cost: about 40 additions or products for each edge and channel, thrice that with the backward. Memory: that of the
    arguments and a few megabytes, whatever the number of edges; of all edges for derivatives beyond the first.

    Reference: Deng et al., Vector Neurons, ICCV 2021, eqs. 4-6.
    """
    args = VNReluArgs(*values, *directions, edge_attr, affine, *graph.indices, negative_slope)
    dtype = values.target.dtype
    if dtype in HALF and not torch.is_autocast_enabled(values.target.device.type):  # inverses of small norms overflow
        half: Tensor = _mean(*to_float32(args)).to(dtype)
        return half
    result: Tensor = _mean(*args)
    return result


def vn_relu(values: Tensor, directions: Tensor, *, affine: Tensor | None = None, negative_slope: float = 0.0) -> Tensor:
    """VN-ReLU of the vectors of nodes: :func:`vn_relu_mean` where each node has one edge, its own.

    Args:
        values: ``(n, N, C)``: components, nodes, channels.
        directions: The same, or ``(n, N, 1)``.
        affine: ``(2, C)`` scale over shift.
        negative_slope: Factor of the component along the direction where it is negative.

    Returns:
        ``(n, N, C)``.

    Example:
        >>> v, k = torch.tensor([[[1.0]], [[-2.0]]]), torch.tensor([[[0.0]], [[1.0]]])  # the plane vector (1, -2)
        >>> [round(x, 4) for x in vn_relu(v, k, negative_slope=0.5).flatten().tolist()]
        [1.0, -1.0]
    """
    loops = Graph.from_neighbor_table(torch.arange(values.shape[1], device=values.device)[:, None])
    return vn_relu_mean(
        EdgeVectors(values), EdgeVectors(directions), loops, affine=affine, negative_slope=negative_slope
    )
