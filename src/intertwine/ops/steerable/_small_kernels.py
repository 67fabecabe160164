"""The steerable convolution of few channels: neighbors times harmonics times radial functions first, then one matrix.

    Z_i = sum_j x_j (x) Y(r_ij) (x) R(r_ij),        y_i = Z_i (CG w)

Nothing but two matrix products is done for an edge, however small the blocks are. The price is a matrix of all inputs,
harmonics and radial functions by all outputs, so few channels it must be.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk, chunks
from intertwine.ops.steerable._conv_autograd import Gradients

_CACHE = {"cpu": 3 << 19}  # bytes of Z that a chunk may take
_ELSEWHERE = 64 << 20


class Call(NamedTuple):
    """The tensors of one call; ``weights (dim_in * Y * H, dim_out)``."""

    features: Tensor
    harmonics: Tensor
    radial: Tensor
    weights: Tensor
    source: Tensor
    rank: Tensor
    order: Tensor

    @classmethod
    def of(
        cls,
        features: Tensor,
        harmonics: Tensor,
        radial: Tensor,
        weights: Tensor,
        tensor: Tensor,
        source: Tensor,
        rank: Tensor,
        places: Tensor,
        code: list[int],
    ) -> Call:
        """Nothing needs the coupling any more: it is in the weights."""
        matrix = weights.view(features.shape[1] * harmonics.shape[1] * radial.shape[1], -1)
        return cls(features, harmonics, radial, matrix, source, rank, torch.argsort(places))

    def cut(self) -> list[Chunk]:
        """Chunks of nodes whose sums stay in cache."""
        room = _CACHE.get(self.radial.device.type, _ELSEWHERE) // self.radial.element_size()
        return list(chunks(self.rank, self.order.shape[0], max(room // max(self.weights.shape[0], 1), 8)))

    def tables(self, chunk: Chunk) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A chunk's neighbors ``(n, k, dim_in)``, filters ``(n, k, Y * H)``, harmonics and radial functions."""
        neighbors = self.features.index_select(0, chunk.table(self.source))
        harmonics, radial = chunk.masked(self.harmonics), chunk.table(self.radial)
        filters = (harmonics[:, :, None] * radial[:, None, :]).flatten(1)
        shape = chunk.count, chunk.width, -1
        return neighbors.view(shape), filters.view(shape), harmonics, radial


def forward(call: Call) -> Tensor:
    """The convolution, ``(N, dim_out)``."""
    result = call.radial.new_zeros(call.order.shape[0], call.weights.shape[1])
    for chunk in call.cut():
        neighbors, filters, _, _ = call.tables(chunk)
        sums = torch.bmm(neighbors.mT, filters).view(chunk.count, -1)
        result.index_copy_(0, call.order[chunk.nodes], sums @ call.weights)
    return result


def backward(call: Call, grad: Tensor, needs: list[bool]) -> Gradients:
    """The value and the gradients of features, harmonics, radial functions and weights, as far as they are needed."""
    value = torch.zeros_like(grad) if needs[0] else None
    arguments = call.features, call.harmonics, call.radial, call.weights
    found = [torch.zeros_like(x) if need else None for x, need in zip(arguments, needs[1:], strict=True)]
    features, harmonics, radial, weights = found
    for chunk in call.cut():
        slopes = grad.index_select(0, call.order[chunk.nodes])
        neighbors, filters, y, r = call.tables(chunk)
        if weights is not None or value is not None:
            gathered = torch.bmm(neighbors.mT, filters).view(chunk.count, -1)
            if weights is not None:
                weights.addmm_(gathered.T, slopes)
            if value is not None:
                value.index_copy_(0, call.order[chunk.nodes], gathered @ call.weights)
        if features is None and harmonics is None and radial is None:
            continue
        sums = (slopes @ call.weights.T).view(chunk.count, neighbors.shape[2], -1)
        if features is not None:
            back = torch.bmm(filters, sums.mT).flatten(0, 1)
            features.index_add_(0, chunk.table(call.source), back)
        if harmonics is not None or radial is not None:
            d_filters = torch.bmm(neighbors, sums).view(-1, y.shape[1], r.shape[1])
            if harmonics is not None:
                chunk.write(harmonics, torch.bmm(d_filters, r[:, :, None])[:, :, 0])
            if radial is not None:
                chunk.write(radial, torch.bmm(y[:, None], d_filters)[:, 0])
    return Gradients(value, features, harmonics, radial, None if weights is None else weights.flatten())
