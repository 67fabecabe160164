"""Kernels of the SO(2) convolution: forward and backward, one chunk of target nodes at a time.

    rotate:     z_e = D_in(R_e)^T x_j,   in the order layout   Z_m = (z_e)_{m, m'} s_e
    linear:     Y_m = Z_m W_m            one matrix product for all edges of the chunk
    aggregate:  y_i = sum_e D_out(R_e) y_e    rotation and sum are one matrix product for each node

Nothing of the size of the edges' features outlives its chunk; the backward computes it again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, Sums, share_chunks
from intertwine.ops.so2._rotation_generators import generators
from intertwine.ops.so2._so2_inputs import SO2Gradients, SO2Inputs, channels_innermost, split_blocks
from intertwine.ops.so2._so2_workspace import ChunkEdges, Workspace, small_bmm
from intertwine.ops.so2._zero_length_edges import add_zero_length_edges, zero_length_edges_backward


def forward(inputs: SO2Inputs) -> Tensor:
    """The convolution, ``(N, dim_out)``."""
    result = [inputs.radial.new_zeros(inputs.node_of_rank.shape[0], *shape) for shape in inputs.outputs]

    def work(chunks: list[Chunk]) -> Sums:
        workspaces: dict[int, Workspace] = {}
        for chunk in chunks:
            _chunk_forward(ChunkEdges(inputs, chunk, workspaces), result)
        return ()

    share_chunks(work, inputs.chunks(), inputs.radial.device)
    add_zero_length_edges(inputs, result)
    return _join([block.mT.flatten(1) for block in result], inputs.radial.new_empty(inputs.node_of_rank.shape[0], 0))


def _chunk_forward(edges: ChunkEdges, result: list[Tensor]) -> None:
    """Write the outputs of a chunk's nodes, ``(N, 2 l + 1, c)`` for each output block."""
    inputs, work = edges.inputs, edges.workspace
    edges.rotate_inputs()
    edges.scale(work.inputs_by_order, work.inputs_by_order)
    edges.apply_weights(work.inputs_by_order)
    for frame, message in zip(inputs.layout.outputs, work.outputs_by_degree, strict=True):
        output = edges.by_node(message)
        if frame.degree:
            wigner_d = work.wigner_d[frame.degree, frame.reflection_sign]
            output = torch.bmm(edges.by_node(wigner_d).mT, output)
        else:
            output = output.sum(1, keepdim=True)
        result[frame.block].index_copy_(0, inputs.node_of_rank[edges.chunk.nodes], output)


def backward(inputs: SO2Inputs, grad: Tensor, needs: list[bool]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ``<grad, value>``, as far as they are needed, else empty.

    Args:
        inputs: Of the convolution.
        grad: ``(N, dim_out)``.
        needs: Flags for features, radial functions, torque, scales and weights.

    Returns:
        The gradients; the third is the torque ``(E, 3)`` on each edge: the derivative by infinitesimal rotations about
        x, y and z.
    """
    num_sources, num_edges = inputs.features.shape[0], inputs.radial.shape[0]
    radial = torch.zeros_like(inputs.radial) if needs[1] else None
    torque = grad.new_zeros(num_edges, 3) if needs[2] else None
    grad_innermost = channels_innermost(grad, inputs.outputs)

    def work(chunks: list[Chunk]) -> Sums:
        features = [grad.new_zeros(num_sources, *shape) for shape in inputs.inputs] if needs[0] else None
        scales = torch.zeros_like(inputs.scales) if needs[3] else None
        weights = [torch.zeros_like(weight) for weight in inputs.weights] if needs[4] else None
        workspaces: dict[int, Workspace] = {}
        for chunk in chunks:
            chunk_grad = grad_innermost.index_select(0, inputs.node_of_rank[chunk.nodes])
            total = SO2Gradients(features, radial, torque, scales, weights)
            _chunk_backward(ChunkEdges(inputs, chunk, workspaces), split_blocks(chunk_grad, inputs.outputs), total)
        return features or [], [] if scales is None else [scales], weights or []

    features, scales, weights = share_chunks(work, inputs.chunks(), inputs.radial.device)
    total = SO2Gradients(
        features if needs[0] else None,
        radial,
        torque,
        scales[0] if needs[3] else None,
        weights if needs[4] else None,
    )
    zero_length_edges_backward(inputs, split_blocks(grad_innermost, inputs.outputs), total)
    return (
        _join([block.mT.flatten(1) for block in total.features or ()], grad.new_empty(0)),
        grad.new_empty(0) if total.radial is None else total.radial,
        grad.new_empty(0) if total.torque is None else total.torque,
        grad.new_empty(0) if total.scales is None else total.scales,
        _join([weight.flatten() for weight in total.weights or ()], grad.new_empty(0)),
    )


def _join(blocks: list[Tensor], default: Tensor) -> Tensor:
    return torch.cat(blocks, -1) if blocks else default


def _chunk_backward(edges: ChunkEdges, grads: list[Tensor], total: SO2Gradients) -> None:
    """Add a chunk's gradients; ``grads`` is ``(n, 2 l + 1, c)`` for each output block."""
    inputs, chunk, work = edges.inputs, edges.chunk, edges.workspace
    edges.rotate_inputs()
    edges.scale(work.inputs_by_order, work.scaled_by_order)
    _rotate_grads(edges, grads)
    torque = None if total.torque is None else grads[0].new_zeros(edges.source.shape[0], 3)
    if torque is not None:
        edges.apply_weights(work.scaled_by_order)
        _add_output_torque(edges, grads, torque)
    for d_weight, scaled, d_output in zip(
        total.weights or (), work.scaled_by_order, work.d_outputs_by_order, strict=total.weights is not None
    ):
        d_weight.addmm_(scaled.flatten(0, 1).T, d_output.flatten(0, 1))
    if total.features is None and total.radial is None and torque is None and total.scales is None:
        return
    for d_output, weight, out in zip(work.d_outputs_by_order, inputs.weights, work.d_scaled_by_order, strict=True):
        torch.mm(d_output.flatten(0, 1), weight.T, out=out.flatten(0, 1))
    if total.radial is not None or total.scales is not None:
        d_scales = _scales_backward(edges)
        if total.scales is not None:
            total.scales.addmm_(edges.radial.T, d_scales)
        if total.radial is not None:
            chunk.scatter(total.radial, (d_scales @ inputs.scales.T).mul_(edges.has_direction))
    if total.features is not None or torque is not None:
        edges.scale(work.d_scaled_by_order, work.d_scaled_by_order)
        _rotate_inputs_backward(edges, total.features, torque)
    if torque is not None and total.torque is not None:
        chunk.scatter(total.torque, torque)


def _rotate_grads(edges: ChunkEdges, grads: list[Tensor]) -> None:
    """Gradients of the nodes in the frames of their edges, by order: ``d_outputs_by_order``."""
    work = edges.workspace
    for frame, out in zip(edges.inputs.layout.outputs, work.outputs_by_degree, strict=True):
        grad, by_node = grads[frame.block], edges.by_node(out)
        if frame.degree:
            torch.bmm(edges.by_node(work.wigner_d[frame.degree, frame.reflection_sign]), grad, out=by_node)
        else:
            by_node.copy_(grad.expand_as(by_node))
    work.output.to_orders(work.degrees, work.d_output_orders)


def _scales_backward(edges: ChunkEdges) -> Tensor:
    """Gradient of the scales, ``(e, S)``."""
    work = edges.workspace
    result = torch.zeros_like(work.scales)
    orders = zip(work.d_scaled_by_order, work.inputs_by_order, edges.inputs.layout.orders, strict=True)
    for d_scaled, unscaled, block in orders:
        for channels, scale in block.scale_slices:
            for component in range(d_scaled.shape[1]):
                result[:, scale].addcmul_(d_scaled[:, component, channels], unscaled[:, component, channels])
    return result


def _rotate_inputs_backward(edges: ChunkEdges, features: list[Tensor] | None, torque: Tensor | None) -> None:
    """Rotate gradients back from the frames and add them to the sources; add the torque of the input rotation."""
    work = edges.workspace
    work.input.to_degrees(work.shared_orders, work.degrees)
    for frame, d_input in zip(edges.inputs.layout.inputs, work.inputs_by_degree, strict=True):
        block = edges.source_blocks[frame.block]
        if frame.degree:
            wigner_d = work.wigner_d[frame.degree, frame.reflection_sign]
            d_input = small_bmm(wigner_d.mT, d_input, torch.empty_like(block))
        if features is not None:
            features[frame.block].index_add_(0, edges.source, d_input)
        if torque is not None and frame.degree:
            moment = torch.bmm(d_input, block.mT)
            torque.addmm_(moment.flatten(1), generators(frame.degree).to(torque).flatten(1).T, alpha=-1)


def _add_output_torque(edges: ChunkEdges, grads: list[Tensor], torque: Tensor) -> None:
    """Add the torque of the output rotation, <g, L D y>."""
    for frame, message in zip(edges.inputs.layout.outputs, edges.workspace.outputs_by_degree, strict=True):
        if frame.degree:
            wigner_d = edges.workspace.wigner_d[frame.degree, frame.reflection_sign]
            moment = torch.bmm(edges.by_node(message), grads[frame.block].mT).view(wigner_d.shape)
            moment = torch.bmm(moment.mT, wigner_d)
            torque.addmm_(moment.flatten(1), generators(frame.degree).to(torque).flatten(1).T)
