"""The depthwise convolution and its derivative, worked through chunk by chunk of nodes.

Within a chunk a block of features is laid out as ``(node, component, neighbor, channel)``. Then the weights of a path
multiply whole rows of neighbors and channels, and one matrix product for each node does both the coupling and the sum
over its neighbors:

    y (m_out, c) = kernel (m_out, m_in k) (w x) (m_in k, c)

The weights of the edges are made for a chunk, used and forgotten while they are in cache.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk, chunks
from intertwine.ops.steerable._conv_autograd import Gradients
from intertwine.ops.steerable._coupling import Coupling, decode, layout

_CACHE = {"cpu": 4 << 20}  # bytes that the intermediates of a chunk may take
_ELSEWHERE = 256 << 20


class Path(NamedTuple):
    """One path: the output block where it ends, its channels there, its rows of its block's kernel."""

    output: int
    channels: slice
    rows: slice


class Block(NamedTuple):
    """An input block: its place in the features, components and channels, the order of its tensor, its paths."""

    features: slice
    components: int
    channels: int
    columns: tuple[int, ...]
    paths: tuple[Path, ...]

    @property
    def width(self) -> int:
        """How many numbers for each edge the backward keeps at a time."""
        return (3 * self.components + 2 * len(self.paths)) * self.channels + len(self.columns)


@lru_cache(maxsize=256)
def blocks(coupling: Coupling) -> tuple[Block, ...]:
    """The paths of a depthwise coupling, input block by input block, path outermost in every order."""
    where = layout(coupling)
    used, result = [0] * len(where.outputs), []
    for block in where.blocks:
        paths, order, row = [], [], 0
        for pair in block.pairs:
            for k in range(count := pair.fan_in // block.channels):
                begin = used[pair.output]
                used[pair.output] = begin + block.channels
                rows = slice(row, row + pair.components * block.components)
                paths.append(Path(pair.output, slice(begin, begin + block.channels), rows))
                tall = range(pair.rows.start + k, pair.rows.stop, count)
                order += [block.columns.start + r * block.components + m for r in tall for m in range(block.components)]
                row = rows.stop
        result.append(Block(block.features, block.components, block.channels, tuple(order), tuple(paths)))
    if used != [channels for _, channels in where.outputs]:
        raise ValueError(
            f"each output block must hold the channels of its paths; got {coupling}, see Coupling.depthwise"
        )
    return tuple(result)


class Call(NamedTuple):
    """The tensors of one call and where everything stands in them.

    Attributes:
        features: For each block ``(m * M, c)``, components outermost.
        shape: ``(M, dim_in)``.
        harmonics: ``(E, Y)``.
        radial: ``(E, H)``.
        source: ``(E,)``.
        rank: ``(E,)``.
        order: ``(N,)`` node of each rank.
        tensors: For each block ``(rows, Y)``.
        weights: For each block ``(paths, H, c)``.
        blocks: The blocks.
        outputs: Components and channels of each output block.
    """

    features: list[Tensor]
    shape: torch.Size
    harmonics: Tensor
    radial: Tensor
    source: Tensor
    rank: Tensor
    order: Tensor
    tensors: list[Tensor]
    weights: list[Tensor]
    blocks: tuple[Block, ...]
    outputs: tuple[tuple[int, int], ...]

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
        """Put features, tensor and weights into the order in which the kernels read them."""
        coupling = decode(tuple(code))
        parts, outputs = blocks(coupling), layout(coupling).outputs
        by_output = weights.split([channels for _, channels in outputs], 1)
        return cls(
            [
                features[:, b.features]
                .unflatten(1, (b.channels, b.components))
                .permute(2, 0, 1)
                .reshape(-1, b.channels)
                for b in parts
            ],
            features.shape,
            harmonics,
            radial,
            source,
            rank,
            torch.argsort(places),
            [tensor.T[list(b.columns)] for b in parts],
            [torch.stack([by_output[path.output][:, path.channels] for path in b.paths]) for b in parts],
            parts,
            outputs,
        )

    def cut(self) -> list[Chunk]:
        """Chunks of nodes whose intermediates stay in cache."""
        widest = max((block.width for block in self.blocks), default=0) * self.radial.element_size()
        room = _CACHE.get(self.radial.device.type, _ELSEWHERE) // max(widest, 1)
        return list(chunks(self.rank, self.order.shape[0], max(room, 1), max(room, 1))) if widest else []

    def join_features(self, parts: list[Tensor]) -> Tensor:
        """Flat features from those of the blocks."""
        result = self.radial.new_zeros(self.shape)
        for part, block in zip(parts, self.blocks, strict=True):
            by_component = part.view(block.components, -1, block.channels)
            result[:, block.features] = by_component.permute(1, 2, 0).flatten(1)
        return result

    def join_weights(self, parts: list[Tensor]) -> Tensor:
        """``(H, sum of channels)`` weights from those of the blocks."""
        result = [self.radial.new_empty(self.radial.shape[1], channels) for _, channels in self.outputs]
        for part, block in zip(parts, self.blocks, strict=True):
            for path, values in zip(block.paths, part, strict=True):
                result[path.output][:, path.channels] = values
        return torch.cat(result, 1)


class _Room:
    """Memory that one chunk after another uses: what was just written is still in cache."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._rooms: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        size = torch.Size(shape).numel()
        room = self._rooms.get(name)
        if room is None or room.numel() < size:
            room = self._rooms[name] = self._like.new_empty(size)
        return room[:size].view(shape)


class _Edges(NamedTuple):
    """What the blocks of a chunk share: ``source (n, 1, k)``, ``harmonics (n, Y, k)``, ``radial (n k, H)``."""

    nodes: int
    width: int
    source: Tensor
    harmonics: Tensor
    radial: Tensor

    @classmethod
    def of(cls, call: Call, chunk: Chunk) -> _Edges:
        n, k = chunk.count, chunk.width
        harmonics = chunk.table(call.harmonics).view(n, k, -1).mT
        return cls(n, k, chunk.table(call.source).view(n, 1, k), harmonics, chunk.masked(call.radial))

    def places(self, call: Call, components: int) -> Tensor:
        """``(n * m * k,)`` which rows of a block's features the edges read."""
        offsets = torch.arange(components, device=self.source.device)[:, None] * call.shape[0]
        return (self.source + offsets).flatten()

    def kernel(self, tensor: Tensor) -> Tensor:
        """``(n, rows, k)``: coupling times harmonics."""
        return torch.bmm(tensor.expand(self.nodes, -1, -1), self.harmonics)

    def weights(self, weights: Tensor, room: _Room) -> Tensor:
        """``(paths, n, 1, k, c)``: the weights of each edge."""
        paths, _, channels = weights.shape
        out = room.take("weights", paths, self.radial.shape[0], channels)
        torch.bmm(self.radial.expand(paths, -1, -1), weights, out=out)
        return out.view(paths, self.nodes, 1, self.width, channels)


def forward(call: Call) -> Tensor:
    """The convolution, ``(N, dim_out)``."""
    dim = sum(components * channels for components, channels in call.outputs)
    result, room = call.radial.new_zeros(call.order.shape[0], dim), _Room(call.radial)
    for chunk in call.cut():
        edges = _Edges.of(call, chunk)
        n, k = edges.nodes, edges.width
        sums = [room.take(f"sum {o}", n, *shape) for o, shape in enumerate(call.outputs)]
        for b, (_, m, c, _, paths) in enumerate(call.blocks):
            x, weighted = (room.take(name, n, m, k, c) for name in ("features", "weighted"))
            torch.index_select(call.features[b], 0, edges.places(call, m), out=x.view(-1, c))
            kernels, weights = edges.kernel(call.tensors[b]), edges.weights(call.weights[b], room)
            for path, weight in zip(paths, weights, strict=True):
                torch.mul(x, weight, out=weighted)
                kernel = kernels[:, path.rows].view(n, -1, m * k)
                sums[path.output][:, :, path.channels] = torch.bmm(kernel, weighted.view(n, m * k, c))
        result.index_copy_(0, call.order[chunk.nodes], torch.cat([part.mT.flatten(1) for part in sums], 1))
    return result


class _Totals(NamedTuple):
    """What the backward adds up, in the layout of the call; ``None`` where it is not asked for."""

    features: list[Tensor] | None
    harmonics: Tensor | None
    radial: Tensor | None
    weights: list[Tensor] | None


def backward(call: Call, grad: Tensor, needs: list[bool]) -> Gradients:
    """Gradients of features, harmonics, radial functions and weights, as far as they are needed."""
    total = _Totals(
        [torch.zeros_like(part) for part in call.features] if needs[1] else None,
        torch.zeros_like(call.harmonics) if needs[2] else None,
        torch.zeros_like(call.radial) if needs[3] else None,
        [torch.zeros_like(part) for part in call.weights] if needs[4] else None,
    )
    sizes, room = [components * channels for components, channels in call.outputs], _Room(call.radial)
    for chunk in call.cut():
        rows = grad.index_select(0, call.order[chunk.nodes]).split(sizes, 1)
        grads = [
            part.unflatten(1, (channels, components)).mT.contiguous()
            for part, (components, channels) in zip(rows, call.outputs, strict=True)
        ]
        _chunk_backward(call, chunk, grads, total, room)
    return Gradients(
        None,
        None if total.features is None else call.join_features(total.features),
        total.harmonics,
        total.radial,
        None if total.weights is None else call.join_weights(total.weights),
    )


def _chunk_backward(call: Call, chunk: Chunk, grads: list[Tensor], total: _Totals, room: _Room) -> None:
    edges = _Edges.of(call, chunk)
    n, k = edges.nodes, edges.width
    d_radial = None if total.radial is None else torch.zeros_like(edges.radial)
    d_harmonics = None if total.harmonics is None else edges.harmonics.new_zeros(edges.harmonics.shape)
    for b, (_, m, c, _, paths) in enumerate(call.blocks):
        x, slope, d_x = (room.take(name, n, m, k, c) for name in ("features", "slope", "d_features"))
        index = edges.places(call, m)
        torch.index_select(call.features[b], 0, index, out=x.view(-1, c))
        kernels, weights = edges.kernel(call.tensors[b]), edges.weights(call.weights[b], room)
        d_weights, ones = room.take("d_weights", len(paths), n, k, c), x.new_ones(n, 1, m)
        for p, (path, weight) in enumerate(zip(paths, weights, strict=True)):
            grad = grads[path.output][:, :, path.channels]
            if d_harmonics is not None:
                torch.mul(x, weight, out=slope)
                d_kernel = torch.bmm(grad, slope.view(n, m * k, c).mT).view(n, -1, k)
                d_harmonics.baddbmm_(call.tensors[b][path.rows].T.expand(n, -1, -1), d_kernel)
            kernel = kernels[:, path.rows].view(n, -1, m * k)
            torch.bmm(kernel.mT, grad, out=slope.view(n, m * k, c))
            if total.features is not None:
                torch.mul(slope, weight, out=d_x) if p == 0 else d_x.addcmul_(slope, weight)
            if m == 1:
                torch.mul(slope, x, out=d_weights[p].unsqueeze(1))
            else:
                torch.bmm(ones, slope.mul_(x).view(n, m, k * c), out=d_weights[p].view(n, 1, k * c))
        d_weights = d_weights.view(len(paths), -1, c)
        if total.features is not None:
            total.features[b].index_add_(0, index, d_x.view(-1, c))
        if total.weights is not None:
            total.weights[b].baddbmm_(edges.radial.T.expand(len(paths), -1, -1), d_weights)
        if d_radial is not None:
            for values, weight in zip(d_weights, call.weights[b], strict=True):
                d_radial.addmm_(values, weight.T)
    if d_radial is not None and total.radial is not None:
        chunk.write(total.radial, d_radial)
    if d_harmonics is not None and total.harmonics is not None:
        chunk.write(total.harmonics, d_harmonics.mT.flatten(0, 1))
