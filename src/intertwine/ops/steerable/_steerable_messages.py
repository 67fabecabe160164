"""Messages of the steerable convolution along each edge, at the cost of the convolution.

    m_ij = sum_paths W(|r_ij|) CG (x_j (x) Y(r_ij)),        W(|r|) = sum_h w_h radial_h(|r|)

The weight matrices w_h do not depend on the edge, so they are applied to each source once for all its outgoing edges.
That is the adjoint of the transposed convolution f, from the edges to the sources: with one gradient g for each edge,

    <g, m(x)> = <x, f(g)>.

So f and its backward are the derivatives of m, and give those of every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine._constant_weights import from_weights
from intertwine.ops._operator import Operator
from intertwine.ops.graph import Graph
from intertwine.ops.steerable import _fused_conv, _small_conv
from intertwine.ops.steerable._conv_args import ARGS_SCHEMA, ConvArgs
from intertwine.ops.steerable._conv_autograd import ConvOperators
from intertwine.ops.steerable._conv_inputs import ConvInputs
from intertwine.ops.steerable._coupling import Coupling, decode_coupling
from intertwine.ops.steerable._message_kernels import messages, small_messages
from intertwine.ops.steerable._small_conv import SmallConvInputs
from intertwine.ops.steerable._steerable_conv import prefer_small_conv


def steerable_messages(
    features: Tensor,
    harmonics: Tensor,
    radial: Tensor,
    by_source: Graph,
    coupling: Coupling,
    clebsch_gordan: Tensor,
    weights: Sequence[Tensor],
) -> Tensor:
    """Message along each edge: the summands of :func:`steerable_conv`.

    Args:
        features: ``(N, dim_in)`` of the source nodes: the input blocks side by side, in each the channels outermost.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the edges, in the order of ``by_source``.
        radial: ``(E, H)`` radial functions of the edge lengths, in the order of ``by_source``.
        by_source: The edges grouped by source, see :meth:`Graph.by_source`.
        coupling: The input and output blocks and their paths.
        clebsch_gordan: ``coupling.clebsch_gordan()`` in the dtype of the features.
        weights: One ``(paths * channels_in * H, channels_out)`` for each of ``coupling.pairs()``.

    Returns:
        ``(E, dim_out)``, the output blocks side by side; rows in the order of the graph before :meth:`Graph.by_source`.

    Law: rotating edges and features rotates the messages; their sum over edges is :func:`steerable_conv`.

    Cost: ``2 N H K channels_in`` operations for the weights and ``2 E H K`` for the edges, with K = sum over paths of
    (2 l_in + 1) channels_out: that of the convolution, and as for it the backward takes about twice as many. Memory:
    arguments and result, and a few megabytes. Derivatives of every order.

    Reference: Thomas et al., Tensor field networks, 2018, eq. 3.
    """
    if not weights:
        return features.new_zeros(by_source.source.shape[0], coupling.dim_out)
    num_radial = radial.shape[1]
    operator, transposed, tensor, flat = from_weights(
        lambda: _prepare(coupling, clebsch_gordan, weights, num_radial),
        ("steerable_messages", coupling, num_radial),
        weights,
    )
    args = ConvArgs(features, harmonics, radial, flat, tensor, *by_source.indices, transposed.encode())
    result: Tensor = operator(*args)
    return result


def _prepare(
    coupling: Coupling, clebsch_gordan: Tensor, weights: Sequence[Tensor], num_radial: int
) -> tuple[Operator, Coupling, Tensor, Tensor]:
    """The operator, the transposed coupling, its Clebsch-Gordan tensor, and the weights as the operator takes them."""
    transposed, tensor, path_weights = _transpose(coupling, clebsch_gordan, weights, num_radial)
    if prefer_small_conv(transposed, num_radial):
        flat = _small_conv.coupling_matrix(transposed, tensor, path_weights, num_radial).flatten()
        return small_messages_operator, transposed, tensor, flat
    return messages_operator, transposed, tensor, torch.cat([weight.flatten() for weight in path_weights])


def _transpose(
    coupling: Coupling, clebsch_gordan: Tensor, weights: Sequence[Tensor], num_radial: int
) -> tuple[Coupling, Tensor, list[Tensor]]:
    """The coupling from outputs to inputs, with the same Clebsch-Gordan tensor and weights, transposed by blocks."""
    transposed = Coupling(coupling.outputs, coupling.inputs, coupling.lmax, coupling.parity)
    blocks, start = {}, 0
    for (i, o), weight in zip(coupling.pairs(), weights, strict=True):
        paths, (l_in, _), (l_out, _) = len(coupling.paths(i, o)), coupling.inputs[i][0], coupling.outputs[o][0]
        end = start + (2 * l_out + 1) * paths * (2 * l_in + 1)
        coefficients = clebsch_gordan[:, start:end].unflatten(1, (2 * l_out + 1, paths, 2 * l_in + 1))
        path_weights = weight.view(paths, coupling.inputs[i][1], num_radial, coupling.outputs[o][1])
        blocks[o, i] = coefficients.transpose(1, 3).flatten(1), path_weights.transpose(1, 3).flatten(0, 2)
        start = end
    ordered = [blocks[pair] for pair in transposed.pairs()]
    return transposed, torch.cat([tensor for tensor, _ in ordered], 1), [weight for _, weight in ordered]


def _messages_operator(name: str, kernel: Callable[[Tensor, ConvArgs], Tensor], transposed: ConvOperators) -> Operator:
    """The operator ``intertwine::name``, whose derivatives are the operators of the transposed convolution."""

    def forward(features: Tensor, *rest: Any) -> Tensor:
        # The features of the transposed convolution are one row for each edge; only their width counts.
        edge_features = features.new_empty(0, _dim_in(rest[-1]))
        return kernel(features, ConvArgs(edge_features, *rest))

    def fake(*args: Any) -> Tensor:
        features, *_, source, _, _, coupling = args
        result: Tensor = features.new_empty(source.shape[0], _dim_in(coupling))
        return result

    def save(ctx, inputs, output):  # type: ignore[no-untyped-def]
        *tensors, ctx.coupling = inputs
        ctx.save_for_backward(*tensors)

    def derivative(ctx, grad):  # type: ignore[no-untyped-def]
        features, *rest = ctx.saved_tensors
        args = ConvArgs._make([grad, *rest, ctx.coupling])
        needs_features, *needs = ctx.needs_input_grad[:4]
        # The backward gives the gradient of the features as well, but that output has no derivative of its own.
        fused = needs_features and not torch.is_grad_enabled()
        gradients = transposed.backward(features, *args, [fused, False, *needs])
        d_features = transposed.conv(*args) if needs_features and not fused else gradients[0]
        needed = zip((d_features, *gradients[2:]), (needs_features, *needs), strict=True)
        return *(x if need else None for x, need in needed), *[None] * 5

    operator = Operator(name, forward, f"({ARGS_SCHEMA}) -> Tensor")
    operator.register_fake(fake)
    operator.register_autograd(derivative, setup_context=save)
    return operator


def _dim_in(coupling: Sequence[int]) -> int:
    return decode_coupling(tuple(coupling)).dim_in


messages_operator = _messages_operator(
    "steerable_messages",
    lambda features, args: messages(ConvInputs.from_args(args), features),
    _fused_conv.operators,
)
small_messages_operator = _messages_operator(
    "small_steerable_messages",
    lambda features, args: small_messages(SmallConvInputs.from_args(args), features),
    _small_conv.operators,
)
