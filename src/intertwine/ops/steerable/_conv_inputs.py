"""What one call of the steerable convolution, or of its derivative in a direction, is about."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk, chunks
from intertwine.ops.steerable._conv_autograd import Directions
from intertwine.ops.steerable._coupling import Block, Layout, Pair, decode, layout

_CACHE = {"cpu": 5 << 19}  # bytes of aggregate that a chunk may take
_ELSEWHERE = 64 << 20


_NOWHERE = Directions(None, None, None)


class Call(NamedTuple):
    """The tensors of one call and where everything stands in them."""

    features: list[Tensor]
    shape: torch.Size
    harmonics: Tensor
    radial: Tensor
    source: Tensor
    rank: Tensor
    order: Tensor
    tensors: list[Tensor]
    weights: Tensor
    where: Layout
    along: Directions
    moved: list[Tensor] | None

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
        """Split the features into blocks ``(N, m, c)`` and find everything's place."""
        where = layout(decode(tuple(code)))
        parts = [_block(features, block) for block in where.blocks]
        tensors = [tensor[:, block.columns] for block in where.blocks]
        order, shape = torch.argsort(places), features.shape
        return cls(parts, shape, harmonics, radial, source, rank, order, tensors, weights, where, _NOWHERE, None)

    def towards(self, along: Directions) -> Call:
        """The derivative in a direction."""
        features = along.features
        moved = None if features is None else [_block(features, block) for block in self.where.blocks]
        return self._replace(along=along, moved=moved)

    @property
    def width(self) -> int:
        """The number of radial functions."""
        return self.radial.shape[1]

    @property
    def directed(self) -> bool:
        """Whether this is the derivative in a direction."""
        return any(direction is not None for direction in self.along)

    def scatter(self, parts: list[Tensor]) -> Tensor:
        """Flat features from one ``(N, m, c)`` for each block: the inverse of the split."""
        result = parts[0].new_zeros(self.shape) if parts else self.radial.new_zeros(self.shape)
        for part, block in zip(parts, self.where.blocks, strict=True):
            result[:, block.features] = part.mT.flatten(1)
        return result

    def weight(self, pair: Pair) -> Tensor:
        """``(paths * channels * H, channels_out)``."""
        start, stop = pair.weights.start * self.width, pair.weights.stop * self.width
        return self.weights[start:stop].view(-1, pair.channels)

    def cut(self) -> tuple[list[Chunk], Tensor]:
        """Chunks of nodes for which the largest aggregate stays in cache, and room for that aggregate."""
        pairs = [pair for block in self.where.blocks for pair in block.pairs]
        largest = max((pair.components * pair.fan_in for pair in pairs), default=0) * self.width
        room = _CACHE.get(self.radial.device.type, _ELSEWHERE) // self.radial.element_size()
        most = max(room // max(largest, 1), 8)
        parts = list(chunks(self.rank, self.order.shape[0], most)) if largest else []
        return parts, self.radial.new_empty(max((part.count for part in parts), default=0) * largest)


def _block(features: Tensor, block: Block) -> Tensor:
    """One block of flat features as ``(N, m, c)``."""
    parts: Tensor = features[:, block.features].unflatten(1, (block.channels, block.components)).mT
    return parts.contiguous()
