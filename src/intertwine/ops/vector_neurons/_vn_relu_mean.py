"""The nonlinearity of vector neurons on edges and its mean over neighbors, and the moments of lengths, as operators.

First derivatives are operators too; those of higher order go through the formula written with tensors of all edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from intertwine.ops.functions._safe_norm import length
from intertwine.ops.graph._graph import Graph, fan
from intertwine.ops.vector_neurons import _vn_relu_kernels as kernels
from intertwine.ops.vector_neurons._edge_vectors import EdgeCall, EdgeGradients, EdgeVectors

Parts = list[Tensor | None]


@torch.library.custom_op("intertwine::vn_relu_mean", mutates_args=())
def _mean(
    own_q: Tensor,
    near_q: Tensor | None,
    mixing_q: Tensor | None,
    own_k: Tensor,
    near_k: Tensor | None,
    mixing_k: Tensor | None,
    edges: Tensor | None,
    affine: Tensor | None,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    slope: float,
) -> Tensor:
    sides = [EdgeVectors(own_q, near_q, mixing_q), EdgeVectors(own_k, near_k, mixing_k)]
    return kernels.forward(EdgeCall(sides, edges, source, rank, places), affine, slope)


@torch.library.custom_op("intertwine::vn_relu_mean_backward", mutates_args=())
def _mean_backward(
    grad: Tensor,
    own_q: Tensor,
    near_q: Tensor | None,
    mixing_q: Tensor | None,
    own_k: Tensor,
    near_k: Tensor | None,
    mixing_k: Tensor | None,
    edges: Tensor | None,
    affine: Tensor | None,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    slope: float,
    needs_edges: bool,
) -> list[Tensor]:
    sides = [EdgeVectors(own_q, near_q, mixing_q), EdgeVectors(own_k, near_k, mixing_k)]
    call = EdgeCall(sides, edges, source, rank, places)
    found = kernels.backward(call, affine, slope, grad.contiguous(), needs_edges)
    return _present([*_parts(found.sides), found.edges, found.affine])


@torch.library.custom_op("intertwine::edge_moments", mutates_args=())
def _moments(
    own: Tensor,
    near: Tensor | None,
    mixing: Tensor | None,
    edges: Tensor | None,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
) -> tuple[Tensor, Tensor]:
    return kernels.moments(EdgeCall([EdgeVectors(own, near, mixing)], edges, source, rank, places))


@torch.library.custom_op("intertwine::edge_moments_backward", mutates_args=())
def _moments_backward(
    grad_mean: Tensor,
    grad_variance: Tensor,
    mean: Tensor,
    own: Tensor,
    near: Tensor | None,
    mixing: Tensor | None,
    edges: Tensor | None,
    source: Tensor,
    rank: Tensor,
    places: Tensor,
    needs_edges: bool,
) -> list[Tensor]:
    call = EdgeCall([EdgeVectors(own, near, mixing)], edges, source, rank, places)
    found = kernels.moments_backward(call, mean, (grad_mean, grad_variance), needs_edges)
    return _present([*_parts(found.sides), found.edges])


def _parts(sides: list[EdgeGradients]) -> Parts:
    return [part for side in sides for part in side]


def _present(parts: Parts) -> list[Tensor]:
    return [part for part in parts if part is not None]


def _kept(parts: Parts, needs_edges: bool, at: int) -> Parts:
    """The arguments whose gradients a backward operator returns, in order; the edges only where asked for."""
    return [part for i, part in enumerate(parts) if part is not None and (i != at or needs_edges)]


@_mean.register_fake
def _(own_q, *_):  # type: ignore[no-untyped-def]
    return torch.empty_like(own_q, memory_format=torch.contiguous_format)


@_mean_backward.register_fake
def _(grad, *rest):  # type: ignore[no-untyped-def]
    kept = _kept(list(rest[:8]), rest[-1], 6)
    return [torch.empty_like(part, memory_format=torch.contiguous_format) for part in kept if part is not None]


@_moments.register_fake
def _(own, *_):  # type: ignore[no-untyped-def]
    return own.new_empty(own.shape[2]), own.new_empty(own.shape[2])


@_moments_backward.register_fake
def _(grad_mean, grad_variance, mean, *rest):  # type: ignore[no-untyped-def]
    kept = _kept(list(rest[:4]), rest[-1], 3)
    return [torch.empty_like(part, memory_format=torch.contiguous_format) for part in kept if part is not None]


def composite_mean(parts: Parts, source: Tensor, rank: Tensor, places: Tensor, slope: float) -> Tensor:
    """The formula on tensors of all edges, differentiable to any order; the arguments in the operator's order."""
    *sides, edges, affine = parts
    target = torch.argsort(places)[rank]
    q, k = (composite_vectors(sides[i : i + 3], edges, source, target) for i in (0, 3))
    if affine is not None:
        norm = length(q, dim=0)
        q = q * (affine[0] + affine[1] * torch.where(norm == 0, 0.0, 1 / (norm + kernels.EPSILON)))
    push = (q * k).sum(0).clamp_max(0) / (k.square().sum(0) + kernels.EPSILON)
    out = q + (slope - 1) * push * k
    counts = torch.bincount(target, minlength=places.shape[0]).clamp_min(1)[:, None]
    zero = out.new_zeros(out.shape[0], places.shape[0], out.shape[2])
    return zero.index_add(1, target, out) / counts


def composite_vectors(side: Parts, edges: Tensor | None, source: Tensor, target: Tensor) -> Tensor:
    """The vectors of all edges, ``(n, E, C)``."""
    own, near, mixing = side
    assert own is not None, "own vectors are always there"
    vectors = own[:, target]
    if near is not None:
        vectors = vectors + near[:, source]
    return vectors if edges is None or mixing is None else vectors + edges @ mixing


def composite_moments(parts: Parts, source: Tensor, rank: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the lengths of all edges at once."""
    *side, edges = parts
    lengths = length(composite_vectors(side, edges, source, torch.argsort(places)[rank]), dim=0)
    size = max(len(lengths), 1)
    mean = lengths.sum(0) / size
    return mean, (lengths - mean).square().sum(0) / size


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.slope = inputs
    ctx.save_for_backward(*tensors)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    parts, (source, rank, places) = list(ctx.saved_tensors[:8]), ctx.saved_tensors[8:]
    needs = ctx.needs_input_grad[:8]
    if torch.is_grad_enabled():
        found = _through(lambda: composite_mean(parts, source, rank, places, ctx.slope), parts, needs, grad)
    else:
        found = _spread(_mean_backward(grad, *parts, source, rank, places, ctx.slope, needs[6]), parts, needs, 6)
    return *found, *[None] * 4


def _setup_moments(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs, output[0])


def _moments_derivative(ctx, *grads):  # type: ignore[no-untyped-def]
    *inputs, mean = ctx.saved_tensors
    parts, graph = inputs[:4], inputs[4:]
    needs = ctx.needs_input_grad[:4]
    if torch.is_grad_enabled():
        found = _through(lambda: composite_moments(parts, *graph), parts, needs, grads)
    else:
        found = _spread(_moments_backward(*grads, mean.detach(), *parts, *graph, needs[3]), parts, needs, 3)
    return *found, *[None] * 3


def _through(function: Callable[[], Any], parts: Parts, needs: Any, grads: Any) -> Parts:
    """Gradients of a composite that can be differentiated again."""
    wanted = [part for part, need in zip(parts, needs, strict=True) if need and part is not None]
    found = iter(torch.autograd.grad(function(), wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _spread(found: list[Tensor], parts: Parts, needs: Any, at: int) -> Parts:
    """The gradients that a backward operator returned, each in its argument's place."""
    rest = iter(found)
    spread = [None if part is None or (i == at and not needs[at]) else next(rest) for i, part in enumerate(parts)]
    return [part if need else None for part, need in zip(spread, needs, strict=True)]


_mean.register_autograd(_derivative, setup_context=_setup)
_moments.register_autograd(_moments_derivative, setup_context=_setup_moments)


def vn_relu_mean(
    values: EdgeVectors,
    directions: EdgeVectors,
    graph: Graph,
    *,
    edges: Tensor | None = None,
    affine: Tensor | None = None,
    slope: float = 0.0,
) -> Tensor:
    """Normalize and rectify the vectors on the edges of a graph and take the mean over each node's neighbors.

        q' = (scale + shift / |q|) q,    out = q' - (1 - slope) min(<q', k>, 0) / |k|^2 k

    Lengths that divide are 1e-6 longer, as the authors of vector neurons have it; the direction of a zero vector has
    the gradient zero.

    Args:
        values: The vectors q.
        directions: The vectors k; with one channel, it serves all.
        graph: The edges, as :func:`arrange` gives them.
        edges: ``(n, E, m)`` vectors of the edges that the ``mixing`` of values and directions mixes in, in the order of
            the graph.
        affine: ``(2, C)`` scale over shift; ``None`` for 1 and 0.
        slope: What is left of the part of q' that points against k.

    Returns:
        ``(n, N, C)``; zero for a node without neighbors.

    Law: equivariant under all orthogonal matrices on the components, and permutations of edges.

    Cost: about 40 additions or products for each edge and channel, thrice that with the backward. Memory: that of the
    arguments and a few megabytes, whatever the number of edges; of all edges for derivatives beyond the first.

    Reference: Deng et al., Vector Neurons, ICCV 2021, eqs. 4-6.
    """
    result: Tensor = _mean(*values, *directions, edges, affine, graph.source, graph.rank, graph.places, slope)
    return result


def rectify(values: Tensor, directions: Tensor, *, affine: Tensor | None = None, slope: float = 0.0) -> Tensor:
    """Normalize and rectify vectors: :func:`vn_relu_mean` where each node has one edge, its own.

    Args:
        values: ``(n, N, C)``: components, nodes, channels.
        directions: The same, or ``(n, N, 1)``.
        affine: ``(2, C)`` scale over shift.
        slope: What is left of the part that points against its direction.

    Returns:
        ``(n, N, C)``.

    Example:
        >>> v, k = torch.tensor([[[1.0]], [[-2.0]]]), torch.tensor([[[0.0]], [[1.0]]])  # one plane vector, (1, -2)
        >>> [round(x, 4) for x in rectify(v, k, slope=0.5).flatten().tolist()]
        [1.0, -1.0]
    """
    own = fan(torch.arange(values.shape[1], device=values.device)[:, None])
    return vn_relu_mean(EdgeVectors(values), EdgeVectors(directions), own, affine=affine, slope=slope)


def edge_moments(values: EdgeVectors, graph: Graph, edges: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of the lengths of the vectors on all edges, for each channel.

    Args:
        values: The vectors.
        graph: The edges.
        edges: As in :func:`vn_relu_mean`.

    Returns:
        Two tensors ``(C,)``; zero without edges.
    """
    mean, variance = _moments(*values, edges, graph.source, graph.rank, graph.places)
    return mean, variance
