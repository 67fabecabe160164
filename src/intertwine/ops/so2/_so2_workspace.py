"""Workspace of a chunk of edges: buffers, rotations into the frames of the edges, and linear maps order by order."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk
from intertwine.ops.so2._degree_order_layout import DegreeOrderLayout
from intertwine.ops.so2._so2_inputs import SO2Inputs
from intertwine.ops.so2._wigner_factors import WignerFactors

_BLAS_THRESHOLD = 400  # multiplications per matrix below which torch.bmm does not use BLAS


def small_bmm(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """``(e, p, q) x (e, q, c) -> (e, p, c)``; column by column where torch.bmm would not use BLAS."""
    if a.shape[1] * a.shape[2] * b.shape[2] >= _BLAS_THRESHOLD:
        return torch.bmm(a, b, out=out)
    torch.mul(a[:, :, :1], b[:, :1], out=out)
    for q in range(1, a.shape[2]):
        out.addcmul_(a[:, :, q : q + 1], b[:, q : q + 1])
    return out


class Workspace:
    """Buffers for e edges, used by all chunks that have as many.

    Five flat buffers hold, one after another, components in the degree or the order layout (see
    :class:`DegreeOrderLayout`). The attributes are lists of views of them, one for each frame or order block. Views of
    the same buffer are never in use at the same time.

    Attributes:
        input: Layouts of the inputs.
        output: Layouts of the outputs.
        degrees: Buffer of ``inputs_by_degree`` and ``outputs_by_degree``.
        input_orders: Buffer of ``inputs_by_order``, the inputs before they are scaled.
        scaled_orders: Buffer of ``scaled_by_order``, the scaled inputs.
        d_output_orders: Buffer of ``d_outputs_by_order``, gradients of the outputs.
        shared_orders: Buffer of ``outputs_by_order`` and, later, ``d_scaled_by_order``.
        wigner_d: ``(e, frame components, 2 l + 1)`` by degree and reflection sign.
        scales: ``(e, S)``.
        scale_slices: For each order block pairs of a slice of channels and their scales ``(e, 1, channels)``.
    """

    def __init__(self, inputs: SO2Inputs, num_edges: int) -> None:
        like = inputs.radial
        self.input, self.output = (
            DegreeOrderLayout(inputs.coupling, output, num_edges, like.device) for output in (False, True)
        )
        size = max(self.input.buffer_size, self.output.buffer_size)
        self.degrees = like.new_empty(size)
        self.input_orders = like.new_empty(size)
        self.scaled_orders = like.new_empty(size)
        self.d_output_orders = like.new_empty(size)
        self.shared_orders = like.new_empty(size)
        self.inputs_by_degree = self.input.degree_views(self.degrees)
        self.inputs_by_order = self.input.order_views(self.input_orders)
        self.scaled_by_order = self.input.order_views(self.scaled_orders)
        self.d_scaled_by_order = self.input.order_views(self.shared_orders)
        self.outputs_by_degree = self.output.degree_views(self.degrees)
        self.d_outputs_by_order = self.output.order_views(self.d_output_orders)
        self.outputs_by_order = self.output.order_views(self.shared_orders)
        self.wigner_d = {
            (degree, sign): like.new_empty(num_edges, constants.shape[2] // (2 * degree + 1), 2 * degree + 1)
            for (degree, sign), constants in inputs.factor_constants.items()
        }
        self.scales = like.new_empty(num_edges, inputs.scales.shape[1])
        self.scale_slices = [
            [(channels, self.scales[:, None, scale]) for channels, scale in block.scale_slices]
            for block in inputs.layout.orders
        ]


class ChunkEdges:
    """The edges of a chunk: their sources, the rotations into their frames, the scales of their channels.

    Args:
        inputs: Of the convolution.
        chunk: The chunk, with e = n k edges and paddings.
        workspaces: Those in use by number of edges; a new one replaces them.
    """

    def __init__(self, inputs: SO2Inputs, chunk: Chunk, workspaces: dict[int, Workspace]) -> None:
        num_edges = chunk.num_nodes * chunk.width
        if num_edges not in workspaces:
            workspaces.clear()
            workspaces[num_edges] = Workspace(inputs, num_edges)
        self.inputs, self.chunk, self.workspace = inputs, chunk, workspaces[num_edges]
        factors = WignerFactors(*(chunk.gather(factor) for factor in inputs.wigner_factors))
        for key, constants in inputs.factor_constants.items():
            factors.matrices(constants, out=self.workspace.wigner_d[key].flatten(1))
        self.source, self.has_direction = chunk.gather(inputs.source), chunk.gather(inputs.has_direction)
        self.radial = chunk.gather_masked(inputs.radial) * self.has_direction
        torch.mm(self.radial, inputs.scales, out=self.workspace.scales)
        self.source_blocks = inputs.source_blocks(self.source)

    def rotate_inputs(self) -> None:
        """Source features in the frames of the edges, by order: ``inputs_by_order``."""
        work = self.workspace
        for frame, out in zip(self.inputs.layout.inputs, work.inputs_by_degree, strict=True):
            block = self.source_blocks[frame.block]
            if frame.degree:
                small_bmm(work.wigner_d[frame.degree, frame.reflection_sign], block, out)
            else:
                out.copy_(block)
        work.input.to_orders(work.degrees, work.input_orders)

    def scale(self, by_order: list[Tensor], out: list[Tensor]) -> None:
        """Multiply order blocks by the scales of their channels."""
        for block, result, slices in zip(by_order, out, self.workspace.scale_slices, strict=True):
            if len(slices) == 1:
                torch.mul(block, slices[0][1], out=result)
            else:
                for channels, scales in slices:
                    torch.mul(block[:, :, channels], scales, out=result[:, :, channels])

    def apply_weights(self, by_order: list[Tensor]) -> None:
        """``Y_m = Z_m W_m`` for each order, then by degree: ``outputs_by_degree``."""
        work = self.workspace
        for block, weight, out in zip(by_order, self.inputs.weights, work.outputs_by_order, strict=True):
            torch.mm(block.flatten(0, 1), weight, out=out.flatten(0, 1))
        work.output.to_degrees(work.shared_orders, work.degrees)

    def by_node(self, values: Tensor) -> Tensor:
        """``(e, p, q)`` as one matrix ``(k p, q)`` for each node."""
        return values.view(self.chunk.num_nodes, -1, values.shape[2])
