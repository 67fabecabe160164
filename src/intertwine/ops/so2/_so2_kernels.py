"""The SO(2) convolution and its derivative, worked through chunk by chunk of nodes.

    pull:  z_e = D_in(R_e)^T x_j,  sorted by m:  Z_m = (z_e)_{m, m'} s_e
    mix:   Y_m = Z_m W_m                          one matrix product for all edges of the chunk
    push:  y_i = sum_e D_out(R_e) y_e             the sum and the rotations are one matrix product for each node

Nothing of the size of an edge's features outlives its chunk; the backward makes it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph._chunks import Chunk, chunks
from intertwine.ops.so2._degree_order_layout import Side
from intertwine.ops.so2._edge_rotations import WignerFactors, factors, frame_orders
from intertwine.ops.so2._so2_coupling import EdgeLayout, SO2Coupling, decode_edges, edge_layout
from intertwine.ops.so2._wigner_factors import generators
from intertwine.ops.so2._zero_length_edges import add_coincident, coincident_backward

_CACHE = {"cpu": 3 << 19}  # bytes that the components of a chunk's edges may take
_ELSEWHERE = 64 << 20
_FEWEST, _MOST = 128, 1024  # edges in a chunk

Shape = tuple[int, int]  # components and channels of a block


class EdgeCall(NamedTuple):
    """The tensors of one call and where everything stands in them."""

    features: Tensor
    radial: Tensor
    turns: WignerFactors
    alive: Tensor
    scales: Tensor
    weights: list[Tensor]
    source: Tensor
    rank: Tensor
    order: Tensor
    coupling: SO2Coupling
    where: EdgeLayout
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    constants: dict[Shape, Tensor]

    @classmethod
    def of(
        cls,
        features: Tensor,
        radial: Tensor,
        vectors: Tensor,
        scales: Tensor,
        weights: Tensor,
        source: Tensor,
        rank: Tensor,
        places: Tensor,
        code: list[int],
    ) -> EdgeCall:
        """Bring the channels of the features inside and find everything's place."""
        coupling = decode_edges(tuple(code))
        where = edge_layout(coupling)
        inputs, outputs = (
            tuple((2 * degree + 1, channels) for (degree, _), channels in blocks)
            for blocks in (coupling.inputs, coupling.outputs)
        )
        sizes = [group.shape[0] * group.shape[1] for group in where.groups]
        matrices = [part.view(group.shape) for part, group in zip(weights.split(sizes), where.groups, strict=True)]
        constants = {}
        for strand in where.inputs + where.outputs:
            if strand.degree and (strand.degree, strand.kind) not in constants:
                orders, signs = frame_orders(strand.degree, coupling.mmax, strand.kind)
                constants[strand.degree, strand.kind] = factors(strand.degree, tuple(orders), tuple(signs)).to(radial)
        turns, alive = WignerFactors.of(vectors, where.lmax), vectors.square().sum(1, keepdim=True) > 0
        inside, order = _inside(features, inputs), torch.argsort(places)
        tensors = inside, radial, turns, alive, scales, matrices, source, rank, order
        return cls(*tensors, coupling, where, inputs, outputs, constants)

    def blocks(self, source: Tensor) -> list[Tensor]:
        """``(e, 2 l + 1, c)`` for each input block: the features of some points."""
        return _parts(self.features.index_select(0, source), self.inputs)

    def cut(self) -> list[Chunk]:
        """Chunks of nodes of some hundred edges."""
        size = self.order.shape[0]
        if not self.where.groups or not size:
            return []
        widest = max(sum(width * channels for width, channels in side) for side in (self.inputs, self.outputs))
        room = _CACHE.get(self.radial.device.type, _ELSEWHERE) // (widest * self.features.element_size())
        edges = min(max(room, _FEWEST), _MOST)
        return list(chunks(self.rank, size, max(edges * size // max(self.rank.shape[0], 1), 1)))


def _parts(flat: Tensor, blocks: Sequence[Shape]) -> list[Tensor]:
    """Blocks ``(n, components, channels)`` of features whose channels are innermost: views."""
    result, start = [], 0
    for width, channels in blocks:
        result.append(flat[:, start : start + width * channels].unflatten(1, (width, channels)))
        start += width * channels
    return result


def _inside(flat: Tensor, blocks: Sequence[Shape]) -> Tensor:
    """From channels outermost to channels innermost in each block."""
    result, start = torch.empty_like(flat), 0
    for part, (width, channels) in zip(_parts(result, blocks), blocks, strict=True):
        part.copy_(flat[:, start : start + width * channels].unflatten(1, (channels, width)).mT)
        start += width * channels
    return result


def _joined(parts: list[Tensor], like: Tensor) -> Tensor:
    return torch.cat(parts, -1) if parts else like


def _product(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """``(e, p, q) x (e, q, c)``; column by column where torch would do each edge's product without BLAS."""
    if a.shape[1] * a.shape[2] * b.shape[2] >= 400:
        return torch.bmm(a, b, out=out)
    torch.mul(a[:, :, :1], b[:, :1], out=out)
    for q in range(1, a.shape[2]):
        out.addcmul_(a[:, :, q : q + 1], b[:, q : q + 1])
    return out


class Workspace:
    """Room for a number of edges, used by all chunks that have as many.

    Attributes:
        rooms: Five, each for all components of all edges.
        rotations: ``(e, frame components, 2 l + 1)`` by degree and kind.
        scales: ``(e, S)``.
    """

    def __init__(self, call: EdgeCall, edges: int) -> None:
        like = call.radial
        self.input, self.output = (Side(call.coupling, output, edges, like.device) for output in (False, True))
        size = max(self.input.size, self.output.size)
        self.rooms = [like.new_empty(size) for _ in range(5)]
        self.pulled = self.input.degrees(self.rooms[0])
        self.plain, self.scaled, self.down = (self.input.orders(self.rooms[i]) for i in (1, 2, 4))
        self.message = self.output.degrees(self.rooms[0])
        self.grad, self.mixed = (self.output.orders(self.rooms[i]) for i in (3, 4))
        self.rotations = {
            (degree, kind): like.new_empty(edges, constants.shape[2] // (2 * degree + 1), 2 * degree + 1)
            for (degree, kind), constants in call.constants.items()
        }
        self.scales = like.new_empty(edges, call.scales.shape[1])
        self.scale_runs = [
            [(column, self.scales[:, None, scale]) for column, scale in group.runs] for group in call.where.groups
        ]


class _Edges:
    """A chunk's edges: their table, the rotations to their frames, the scales of their channels."""

    def __init__(self, call: EdgeCall, chunk: Chunk, desks: dict[int, Workspace]) -> None:
        count = chunk.count * chunk.width
        if count not in desks:
            desks.clear()
            desks[count] = Workspace(call, count)
        self.call, self.chunk, self.desk = call, chunk, desks[count]
        turns = WignerFactors(*(chunk.table(x) for x in call.turns))
        for key, constants in call.constants.items():
            turns.matrices(constants, out=self.desk.rotations[key].flatten(1))
        self.source, self.alive = chunk.table(call.source), chunk.table(call.alive)
        self.radial = chunk.masked(call.radial) * self.alive
        torch.mm(self.radial, call.scales, out=self.desk.scales)
        self.blocks = call.blocks(self.source)

    def pull(self) -> None:
        """Features of the sources, in the frames of the edges, by order."""
        desk = self.desk
        for strand, out in zip(self.call.where.inputs, desk.pulled, strict=True):
            block = self.blocks[strand.block]
            if strand.degree:
                _product(desk.rotations[strand.degree, strand.kind], block, out)
            else:
                out.copy_(block)
        desk.input.by_order(desk.rooms[0], desk.rooms[1])

    def scale(self, parts: list[Tensor], out: list[Tensor]) -> None:
        """Groups times the scales of their channels."""
        for part, result, runs in zip(parts, out, self.desk.scale_runs, strict=True):
            if len(runs) == 1:
                torch.mul(part, runs[0][1], out=result)
            else:
                for column, scales in runs:
                    torch.mul(part[:, :, column], scales, out=result[:, :, column])

    def mix(self, parts: list[Tensor]) -> None:
        """``Y_m = Z_m W_m``, then by degree."""
        desk = self.desk
        for part, weight, out in zip(parts, self.call.weights, desk.mixed, strict=True):
            torch.mm(part.flatten(0, 1), weight, out=out.flatten(0, 1))
        desk.output.by_degree(desk.rooms[4], desk.rooms[0])

    def by_node(self, values: Tensor) -> Tensor:
        """``(e, p, q)`` as one matrix ``(k p, q)`` for each node."""
        return values.view(self.chunk.count, -1, values.shape[2])


def forward(call: EdgeCall) -> Tensor:
    """The convolution, ``(N, dim_out)``."""
    result = [call.radial.new_zeros(call.order.shape[0], *shape) for shape in call.outputs]
    desks: dict[int, Workspace] = {}
    for chunk in call.cut():
        edges = _Edges(call, chunk, desks)
        edges.pull()
        edges.scale(edges.desk.plain, edges.desk.plain)
        edges.mix(edges.desk.plain)
        for strand, message in zip(call.where.outputs, edges.desk.message, strict=True):
            part = edges.by_node(message)
            if strand.degree:
                part = torch.bmm(edges.by_node(edges.desk.rotations[strand.degree, strand.kind]).mT, part)
            else:
                part = part.sum(1, keepdim=True)
            result[strand.block].index_copy_(0, call.order[chunk.nodes], part)
    add_coincident(call, result)
    return _joined([part.mT.flatten(1) for part in result], call.radial.new_empty(call.order.shape[0], 0))


class Gradients(NamedTuple):
    """What the backward adds up; ``None`` where it is not asked for."""

    features: list[Tensor] | None
    radial: Tensor | None
    torque: Tensor | None
    scales: Tensor | None
    weights: list[Tensor] | None


def backward(call: EdgeCall, grad: Tensor, needs: list[bool]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of features, radial functions, turns of the edges, scales and weights; empty where not needed.

    The third is the torque ``(E, 3)`` on each edge: the derivative by its turns about x, y and z.
    """
    rows, edges = call.features.shape[0], call.radial.shape[0]
    total = Gradients(
        [grad.new_zeros(rows, *shape) for shape in call.inputs] if needs[0] else None,
        torch.zeros_like(call.radial) if needs[1] else None,
        grad.new_zeros(edges, 3) if needs[2] else None,
        torch.zeros_like(call.scales) if needs[3] else None,
        [torch.zeros_like(weight) for weight in call.weights] if needs[4] else None,
    )
    inside, desks = _inside(grad, call.outputs), dict[int, Workspace]()
    for chunk in call.cut():
        grads = _parts(inside.index_select(0, call.order[chunk.nodes]), call.outputs)
        _chunk_backward(_Edges(call, chunk, desks), grads, total)
    coincident_backward(call, _parts(inside, call.outputs), total)
    return (
        _joined([part.mT.flatten(1) for part in total.features or ()], grad.new_empty(0)),
        grad.new_empty(0) if total.radial is None else total.radial,
        grad.new_empty(0) if total.torque is None else total.torque,
        grad.new_empty(0) if total.scales is None else total.scales,
        _joined([weight.flatten() for weight in total.weights or ()], grad.new_empty(0)),
    )


def _chunk_backward(edges: _Edges, grads: list[Tensor], total: Gradients) -> None:
    call, chunk, desk = edges.call, edges.chunk, edges.desk
    edges.pull()
    edges.scale(desk.plain, desk.scaled)
    _pull_grads(edges, grads)
    torque = None if total.torque is None else grads[0].new_zeros(edges.source.shape[0], 3)
    if torque is not None:
        edges.mix(desk.scaled)
        _torque_out(edges, grads, torque)
    for weight, left, right in zip(total.weights or (), desk.scaled, desk.grad, strict=total.weights is not None):
        weight.addmm_(left.flatten(0, 1).T, right.flatten(0, 1))
    if total.features is None and total.radial is None and torque is None and total.scales is None:
        return
    for part, weight, out in zip(desk.grad, call.weights, desk.down, strict=True):
        torch.mm(part.flatten(0, 1), weight.T, out=out.flatten(0, 1))
    if total.radial is not None or total.scales is not None:
        d_scales = _by_scales(edges)
        if total.scales is not None:
            total.scales.addmm_(edges.radial.T, d_scales)
        if total.radial is not None:
            chunk.write(total.radial, (d_scales @ call.scales.T).mul_(edges.alive))
    if total.features is not None or torque is not None:
        edges.scale(desk.down, desk.down)
        _send_back(edges, total.features, torque)
    if torque is not None and total.torque is not None:
        chunk.write(total.torque, torque)


def _pull_grads(edges: _Edges, grads: list[Tensor]) -> None:
    """Gradients of the nodes, in the frames of their edges, by order."""
    desk = edges.desk
    for strand, out in zip(edges.call.where.outputs, desk.message, strict=True):
        grad, by_node = grads[strand.block], edges.by_node(out)
        if strand.degree:
            torch.bmm(edges.by_node(desk.rotations[strand.degree, strand.kind]), grad, out=by_node)
        else:
            by_node.copy_(grad.expand_as(by_node))
    desk.output.by_order(desk.rooms[0], desk.rooms[3])


def _by_scales(edges: _Edges) -> Tensor:
    """``(e, S)``: the gradient of the scales."""
    desk = edges.desk
    result = torch.zeros_like(desk.scales)
    for grad, part, group in zip(desk.down, desk.plain, edges.call.where.groups, strict=True):
        for column, scale in group.runs:
            for component in range(grad.shape[1]):
                result[:, scale].addcmul_(grad[:, component, column], part[:, component, column])
    return result


def _send_back(edges: _Edges, features: list[Tensor] | None, torque: Tensor | None) -> None:
    """Rotate the gradients in the frames back and add them to the sources; the torque of the input side."""
    desk = edges.desk
    desk.input.by_degree(desk.rooms[4], desk.rooms[0])
    for strand, back in zip(edges.call.where.inputs, desk.pulled, strict=True):
        block = edges.blocks[strand.block]
        if strand.degree:
            back = _product(desk.rotations[strand.degree, strand.kind].mT, back, torch.empty_like(block))
        if features is not None:
            features[strand.block].index_add_(0, edges.source, back)
        if torque is not None and strand.degree:
            moment = torch.bmm(back, block.mT)
            torque.addmm_(moment.flatten(1), generators(strand.degree).to(torque).flatten(1).T, alpha=-1)


def _torque_out(edges: _Edges, grads: list[Tensor], torque: Tensor) -> None:
    """The torque of the output side, <g, L D y>."""
    for strand, message in zip(edges.call.where.outputs, edges.desk.message, strict=True):
        if strand.degree:
            rotation = edges.desk.rotations[strand.degree, strand.kind]
            moment = torch.bmm(edges.by_node(message), grads[strand.block].mT).view(rotation.shape)
            moment = torch.bmm(moment.mT, rotation)
            torque.addmm_(moment.flatten(1), generators(strand.degree).to(torque).flatten(1).T)
