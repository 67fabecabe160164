"""The nonlinearity of vector neurons on the edges of a graph, its mean over neighbors, and their derivatives.

    out = f q + c min(f <q, k>, 0) / D k,     f = scale + shift / (|q| + eps),     D = |k|^2 + eps,     c = slope - 1

Each is made in one go while its vectors are in cache; the backward makes the vectors again rather than read them.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.vector_neurons._edge_vectors import EdgeCall, EdgeGradients, Piece

EPSILON = 1e-6  # under lengths that divide, as the authors have it
_NEVER_ZERO = 1e-30  # under what a zero vector would divide by


ComponentFirst = tuple[Tensor, ...]


def _dot(a: ComponentFirst, b: ComponentFirst, start: Tensor | None = None) -> Tensor:
    """Inner products over the components, on top of a number to start from."""
    first = torch.mul(a[0], b[0]) if start is None else torch.addcmul(start, a[0], b[0])
    for c in range(1, len(a)):
        first.addcmul_(a[c], b[c])
    return first


def _keep_negative(values: Tensor, where: Tensor) -> None:
    """Zero the values where the other is not negative: the slope of min(x, 0), in one pass."""
    torch.ops.aten.hardtanh_backward.grad_input(values, where, -inf, 0.0, grad_input=values)


def _per_channel(values: Tensor) -> Tensor:
    """``(K, r, C)`` summed to ``(C,)``: over rows that are long first."""
    return values.sum(0).sum(0)


def forward(call: EdgeCall, affine: Tensor | None, slope: float) -> Tensor:
    """The mean over the neighbors of each node, ``(n, N, C)``; zero without neighbors."""
    result = torch.zeros_like(call.sides[0].own)
    least = result.new_tensor(EPSILON)
    for piece in call.pieces():
        result[:, piece.chunk.nodes] = _rectified(piece, call, affine, slope, least).div_(piece.counts)
    return call.unranked(result)


def _rectified(piece: Piece, call: EdgeCall, affine: Tensor | None, slope: float, least: Tensor) -> Tensor:
    """The sum over neighbors, ``(n, r, C)``. What a piece needs ends with it: the next finds the memory in cache."""
    q, k = (piece.vectors(side) for side in call.sides)
    qs, ks = q.unbind(), k.unbind()
    push = _dot(qs, ks)
    if affine is None:
        out = q.clone()
    else:
        factor = torch.addcdiv(affine[0], affine[1], _dot(qs, qs).sqrt_().add_(EPSILON))
        push.mul_(factor)
        out = factor * q
    push.clamp_max_(0).div_(_dot(ks, ks, least))
    out.addcmul_(push, k, value=slope - 1)
    if piece.valid is not None:
        out.mul_(piece.valid)
    return out.sum(1)


class Slopes(NamedTuple):
    """Gradients of everything; those of the edges ``(n, E, m)`` where asked for."""

    sides: list[EdgeGradients]
    edges: Tensor | None
    affine: Tensor | None

    @classmethod
    def of(cls, call: EdgeCall, affine: Tensor | None, edges: bool) -> Slopes:
        """Zeros."""
        return cls(
            [EdgeGradients.of(side) for side in call.sides],
            torch.zeros_like(call.edges) if edges and call.edges is not None else None,
            None if affine is None else torch.zeros_like(affine),
        )

    def add(self, call: EdgeCall, piece: Piece, parts: list[Tensor]) -> None:
        """Add the gradients ``(n, K, r, C)`` of the vectors of a piece, of each side."""
        for total, part in zip(self.sides, parts, strict=True):
            total.add(piece, part)
        if self.edges is None:
            return
        pairs = zip(parts, call.sides, strict=True)
        found = [part @ side.mixing.T for part, side in pairs if side.mixing is not None]
        for result, rows in zip(self.edges, torch.stack(found).sum(0), strict=True):
            piece.chunk.write(result, rows.transpose(0, 1).flatten(0, 1))

    def finish(self, call: EdgeCall) -> Slopes:
        """The same with the nodes in the caller's order."""
        return self._replace(sides=[side._replace(own=call.unranked(side.own)) for side in self.sides])


def backward(call: EdgeCall, affine: Tensor | None, slope: float, grad: Tensor, edges: bool) -> Slopes:
    """The gradients of :func:`forward`."""
    total = Slopes.of(call, affine, edges)
    grad = call.ranked(grad)
    least = grad.new_tensor(EPSILON)
    for piece in call.pieces():
        total.add(call, piece, _rectified_backward(piece, call, affine, slope, grad, least, total.affine))
    return total.finish(call)


def _rectified_backward(
    piece: Piece,
    call: EdgeCall,
    affine: Tensor | None,
    slope: float,
    grad: Tensor,
    least: Tensor,
    d_affine: Tensor | None,
) -> list[Tensor]:
    """The gradients ``(n, K, r, C)`` of the vectors of a piece; adds to those of scale and shift."""
    g = (grad[:, piece.chunk.nodes] / piece.counts)[:, None]
    if piece.valid is not None:
        g = g * piece.valid
    q, k = (piece.vectors(side) for side in call.sides)
    if affine is None:
        return _rectify_backward(q, k, g, slope - 1, least)
    return _normalize_backward(q, k, g, slope - 1, least, affine, d_affine)


def _rectify_backward(q: Tensor, k: Tensor, g: Tensor, c: float, least: Tensor) -> list[Tensor]:
    """The gradients of q and k for the gradient g of the output, where nothing is normalized."""
    qs, ks, gs = q.unbind(), k.unbind(), g.unbind()
    push = _dot(qs, ks)
    divisor = _dot(ks, ks, least)
    along = _dot(gs, ks).div_(divisor)
    _keep_negative(along, push)
    push.clamp_max_(0).div_(divisor)
    d_q = torch.addcmul(g, along, k, value=c)
    d_k = (push * g).addcmul_(along, q).mul_(c)
    d_k.addcmul_(push.mul_(along), k, value=-2 * c)
    return [d_q, d_k if k.shape[3] == d_k.shape[3] else d_k.sum(3, keepdim=True)]


def _normalize_backward(
    q: Tensor, k: Tensor, g: Tensor, c: float, least: Tensor, affine: Tensor, d_affine: Tensor | None
) -> list[Tensor]:
    """The same where lengths are normalized; adds to the gradients of scale and shift."""
    scale, shift = affine.unbind()
    qs, ks, gs = q.unbind(), k.unbind(), g.unbind()
    dot = _dot(qs, ks)
    divisor = _dot(ks, ks, least)
    along = _dot(gs, ks).div_(divisor)  # of k into the direction that is taken away
    squared = _dot(qs, qs)
    norm = squared.sqrt()
    narrow = squared.add_(norm, alpha=EPSILON).clamp_min_(_NEVER_ZERO).reciprocal_()
    inverse = norm.mul_(narrow)  # 1 / (|q| + eps), and zero for a zero vector, whose direction has no slope
    factor = torch.addcmul(scale, shift, inverse)
    push = factor * dot
    _keep_negative(along, push)
    push.clamp_max_(0).div_(divisor)
    by_factor = _dot(gs, qs).addcmul_(along, dot, value=c)
    by_shift = by_factor * inverse
    if d_affine is not None:
        d_affine += torch.stack([by_factor.sum(0), by_shift.sum(0)]).sum(1)
    by_norm = by_shift.mul_(narrow).mul_(shift)
    d_q, d_k = factor * g, push * g
    mixed = factor.mul_(along)
    d_q.addcmul_(mixed, k, value=c).addcmul_(by_norm, q, value=-1)
    d_k.addcmul_(mixed, q).mul_(c).addcmul_(push.mul_(along), k, value=-2 * c)
    return [d_q, d_k if k.shape[3] == d_k.shape[3] else d_k.sum(3, keepdim=True)]


def moments(call: EdgeCall) -> tuple[Tensor, Tensor]:
    """Mean and variance ``(C,)`` of the lengths over all edges, merged in float64; zero without edges."""
    (side,) = call.sides
    mean = torch.zeros(side.own.shape[2], dtype=torch.float64, device=side.own.device)
    spread = torch.zeros_like(mean)
    seen = 0
    for piece in call.pieces():
        planes = piece.vectors(side).unbind()
        lengths = _dot(planes, planes).sqrt_()
        if piece.valid is not None:
            lengths.mul_(piece.valid)
        middle = _per_channel(lengths).div_(piece.size)
        lengths.sub_(middle)
        if piece.valid is not None:
            lengths.mul_(piece.valid)
        size, count = seen + piece.size, piece.size
        step = middle.to(torch.float64) - mean
        spread += _per_channel(lengths.square_()).to(torch.float64) + step.square() * (seen * count / size)
        mean += step * (count / size)
        seen = size
    return mean.to(side.own.dtype), (spread / max(seen, 1)).to(side.own.dtype)


def moments_backward(call: EdgeCall, mean: Tensor, grads: tuple[Tensor, Tensor], edges: bool) -> Slopes:
    """The gradients of :func:`moments`."""
    total = Slopes.of(call, None, edges)
    size = max(call.rank.shape[0], 1)
    steady = 2 * grads[1] / size
    inward = grads[0] / size - steady * mean
    least = mean.new_tensor(_NEVER_ZERO)
    for piece in call.pieces():
        total.add(call, piece, [_lengths_backward(piece, call, steady, inward, least)])
    return total.finish(call)


def _lengths_backward(piece: Piece, call: EdgeCall, steady: Tensor, inward: Tensor, least: Tensor) -> Tensor:
    q = piece.vectors(call.sides[0])
    planes = q.unbind()
    factor = torch.addcdiv(steady, inward, _dot(planes, planes, least).sqrt_())
    if piece.valid is not None:
        factor.mul_(piece.valid)
    return factor * q
