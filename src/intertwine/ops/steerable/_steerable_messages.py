"""What the steerable convolution sums, edge by edge, at the price of the sum.

    m_ij = sum_paths W(|r_ij|) CG (x_j (x) Y(r_ij)),        W(|r|) = sum_h w_h radial_h(|r|)

The weight matrices w_h do not depend on the edge, so each source is mixed once for all edges that leave it. That is the
convolution f turned round, from the edges to the sources: with g a gradient for each edge,

    <g, m(x)> = <x, f(g)>.

So f and its backward are the derivatives of m, and give all that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._library.custom_ops import CustomOpDef

from intertwine.ops.graph._graph import Graph, arrange
from intertwine.ops.steerable import _conv_inputs as many
from intertwine.ops.steerable import _small_kernels as few
from intertwine.ops.steerable._coupling import Coupling, decode
from intertwine.ops.steerable._fused_conv import _conv as _fused
from intertwine.ops.steerable._message_kernels import messages, small_messages
from intertwine.ops.steerable._small_conv import _conv as _small
from intertwine.ops.steerable._small_conv import _matrix
from intertwine.ops.steerable._steerable_conv import _is_small


def outgoing(graph: Graph, size: int) -> Graph:
    """The edges of a graph, arranged for what leaves points rather than for what arrives.

    Args:
        graph: The edges.
        size: Number of points that edges may leave.

    Returns:
        A graph whose targets are these points. The source of each of its edges is the edge's number in ``graph``.

    Example:
        >>> leaving = outgoing(arrange(torch.tensor([[1, 2, 1], [0, 0, 1]]), 3), 3)
        >>> leaving.source.tolist(), leaving.target.tolist()
        ([2, 0, 1], [2, 1, 1])
    """
    numbers = torch.arange(graph.source.shape[0], device=graph.source.device)
    return arrange(torch.stack([numbers, graph.source]), size)


def steerable_messages(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    leaving: Graph,
    coupling: Coupling,
    tensor: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """What the steerable convolution sums over the neighbors: the message along each edge.

    Args:
        features: ``(N, dim_in)`` of the points that edges leave: the input blocks side by side, in each the channels
            outermost.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the edges, in the order of ``leaving``.
        radial: ``(E, H)`` radial functions of the edge lengths, in the order of ``leaving``.
        leaving: The edges, as :func:`outgoing` arranges them.
        coupling: The blocks.
        tensor: ``coupling.tensor()`` in the dtype of the features.
        weights: One ``(paths * channels_in * H, channels_out)`` for each of ``coupling.pairs()``.

    Returns:
        ``(E, dim_out)``, the output blocks side by side; rows in the order of the graph that ``leaving`` was made of.

    Law: rotating edges and features rotates the messages; their sum is :func:`steerable_conv`.

    Cost: ``2 N H K channels_in`` operations to mix and ``2 E H K`` to take along, with K = sum over paths of (2 l_in +
    1) channels_out: that of the convolution, and as for it the backward takes about twice as many. Memory: arguments
    and result, and a few megabytes. Derivatives of every order.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3.
    """
    if not weights:
        dim = sum((2 * degree + 1) * channels for (degree, _), channels in coupling.outputs)
        return features.new_zeros(leaving.source.shape[0], dim)
    turned, steered, flipped = _turn(coupling, tensor, weights, radial.shape[1])
    edges = leaving.source, leaving.rank, leaving.places
    if _is_small(turned, radial.shape[1]):
        send, matrix = _small_messages, _matrix(turned, steered, flipped, radial.shape[1]).flatten()
    else:
        send, matrix = _messages, torch.cat([weight.flatten() for weight in flipped])
    result: Tensor = send(features, harmonics, radial, matrix, steered, *edges, turned.code())
    return result


def _turn(
    coupling: Coupling, tensor: Tensor, weights: Sequence[Tensor], width: int
) -> tuple[Coupling, Tensor, list[Tensor]]:
    """The coupling from the outputs to the inputs, with the same tensor and weights, transposed block by block."""
    turned = Coupling(coupling.outputs, coupling.inputs, coupling.lmax, coupling.parity)
    blocks, start = {}, 0
    for (i, o), weight in zip(coupling.pairs(), weights, strict=True):
        paths, (l_in, _), (l_out, _) = len(coupling.paths(i, o)), coupling.inputs[i][0], coupling.outputs[o][0]
        end = start + (2 * l_out + 1) * paths * (2 * l_in + 1)
        steered = tensor[:, start:end].unflatten(1, (2 * l_out + 1, paths, 2 * l_in + 1))
        mixing = weight.view(paths, coupling.inputs[i][1], width, coupling.outputs[o][1])
        blocks[o, i] = steered.transpose(1, 3).flatten(1), mixing.transpose(1, 3).flatten(0, 2)
        start = end
    ordered = [blocks[pair] for pair in turned.pairs()]
    return turned, torch.cat([steered for steered, _ in ordered], 1), [mixing for _, mixing in ordered]


def _operator(name: str, kernel: Callable[..., Tensor], conv: CustomOpDef, conv_backward: Any) -> CustomOpDef:
    """The operator ``intertwine::name`` of messages, and its derivative made of the turned convolution's operators."""

    @torch.library.custom_op(f"intertwine::{name}", mutates_args=())
    def send(
        features: Tensor,
        harmonics: Tensor,
        radial: Tensor,
        weights: Tensor,
        tensor: Tensor,
        source: Tensor,
        rank: Tensor,
        places: Tensor,
        code: list[int],
    ) -> Tensor:
        ends = features.new_empty(0, _dim_in(code))  # only the shape counts
        return kernel(features, ends, harmonics, radial, weights, tensor, source, rank, places, code)

    def fake(features, harmonics, radial, weights, tensor, source, rank, places, code):  # type: ignore[no-untyped-def]
        return features.new_empty(source.shape[0], _dim_in(code))

    def save(ctx, inputs, output):  # type: ignore[no-untyped-def]
        *tensors, ctx.code = inputs
        ctx.save_for_backward(*tensors)

    def derivative(ctx, grad):  # type: ignore[no-untyped-def]
        features, *rest = ctx.saved_tensors
        first, *needs = ctx.needs_input_grad[:4]
        together = (
            first and not torch.is_grad_enabled()
        )  # else there is more to come, and the value has its own operator
        found = conv_backward(features, grad, *rest, ctx.code, [together, False, *needs])
        value = conv(grad, *rest, ctx.code) if first and not together else found[0]
        kept = zip((value, *found[2:]), (first, *needs), strict=True)
        return *(x if need else None for x, need in kept), *[None] * 5

    send.register_fake(fake)
    send.register_autograd(derivative, setup_context=save)
    return send


def _dim_in(code: list[int]) -> int:
    return sum((2 * degree + 1) * channels for (degree, _), channels in decode(tuple(code)).inputs)


_messages = _operator(
    "steerable_messages",
    lambda features, *arguments: messages(many.Call.of(*arguments), features),
    _fused,
    torch.ops.intertwine.steerable_conv_backward,
)
_small_messages = _operator(
    "small_steerable_messages",
    lambda features, *arguments: small_messages(few.Call.of(*arguments), features),
    _small,
    torch.ops.intertwine.small_steerable_conv_backward,
)
