"""Kernels of the steerable convolution: forward and backward, one chunk of target nodes at a time.

A chunk has n target nodes with k edges each. An input block has c channels of an irrep of dimension m, and a kernel
with one row for each path and component of its output. With Y harmonics and H radial functions:

    kernel    (n k, rows, m)       = harmonics (n k, Y) @ Clebsch-Gordan (Y, rows m)
    message   (n, k, rows c)       = kernel @ features of the source (n k, m, c)
    aggregate (n, rows c, H)       = sum over the k edges of message x radial (n, k, H)
    output    (n m_out, c_out)    += aggregate (n m_out, paths c H) @ weight (paths c H, c_out)

The aggregate, far larger than everything else, is computed, multiplied by the weights and overwritten while it is in
cache; the backward computes it again. So it costs neither memory nor memory bandwidth.

The same code computes the Jacobian-vector product (jvp). With M(Y, x) the message and R the radial functions,

    A  = M(Y, x) R,        A' = [M(Y, dx) + M(dY, x)] R + M(Y, x) dR:

an aggregate is a sum of terms, each a message times radial functions, and a message is a sum of products.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, Sums, share_chunks
from intertwine.ops.steerable._conv_args import ConvGradients
from intertwine.ops.steerable._conv_inputs import ConvInputs
from intertwine.ops.steerable._coupling_layout import PathGroup

_BLAS_THRESHOLD = 400  # multiplications per matrix below which torch.bmm does not use BLAS


def _avoid_bmm(kernel: Tensor, channels: int) -> bool:
    """Whether torch.bmm is slower than a loop over components that does all edges at once."""
    return kernel.shape[2] == 1 or kernel.shape[1] * kernel.shape[2] * channels < _BLAS_THRESHOLD


def _couple(kernel: Tensor, features: Tensor) -> Tensor:
    """``kernel @ features``: ``(e, rows, m) x (e, m, c) -> (e, rows, c)``."""
    if not _avoid_bmm(kernel, features.shape[2]):
        return torch.bmm(kernel, features)
    result = kernel[:, :, :1] * features[:, :1]
    for m in range(1, kernel.shape[2]):
        result.addcmul_(kernel[:, :, m : m + 1], features[:, m : m + 1])
    return result


def couple_transposed(kernel: Tensor, grad: Tensor) -> Tensor:
    """``kernel^T @ grad``: ``(e, rows, m) x (e, rows, c) -> (e, m, c)``."""
    if not _avoid_bmm(kernel, grad.shape[2]):
        return torch.bmm(kernel.mT, grad)
    result = kernel[:, 0, :, None] * grad[:, :1]
    for row in range(1, kernel.shape[1]):
        result.addcmul_(kernel[:, row, :, None], grad[:, row : row + 1])
    return result


class _ChunkEdges(NamedTuple):
    """The edges of a chunk, as a padded table of n nodes and k edges each.

    Attributes:
        harmonics: ``(n k, Y)``.
        harmonics_tangent: ``(n k, Y)`` or ``None``.
        source: ``(n k,)``.
        radial: ``(n, k, H)`` for each term of the aggregate: radial functions, their tangent or both.
        has_radial_term: Whether the first term is the one with the radial functions themselves.
        has_radial_tangent: Whether the last term is the one with their tangent.
    """

    harmonics: Tensor
    harmonics_tangent: Tensor | None
    source: Tensor
    radial: list[Tensor]
    has_radial_term: bool
    has_radial_tangent: bool

    @classmethod
    def gather(cls, inputs: ConvInputs, chunk: Chunk) -> _ChunkEdges:
        features_tangent, harmonics_tangent, radial_tangent = inputs.tangents
        has_radial_term = not inputs.is_jvp or features_tangent is not None or harmonics_tangent is not None
        factors = [chunk.gather_masked(inputs.radial)] if has_radial_term else []
        factors += [] if radial_tangent is None else [chunk.gather_masked(radial_tangent)]
        return cls(
            chunk.gather(inputs.harmonics),
            None if harmonics_tangent is None else chunk.gather(harmonics_tangent),
            chunk.gather(inputs.source),
            [factor.view(chunk.num_nodes, chunk.width, -1) for factor in factors],
            has_radial_term,
            radial_tangent is not None,
        )


class _Product(NamedTuple):
    """One product ``kernel @ features`` of a message, and which factors are the arguments and not their tangents."""

    kernel: Tensor
    features: Tensor
    of_harmonics: bool
    of_features: bool


class _Messages(NamedTuple):
    """Messages of one input block: for each term of the aggregate, its products and their sum ``(n, k, rows c)``."""

    products: list[list[_Product]]
    values: list[Tensor]

    @classmethod
    def compute(cls, inputs: ConvInputs, number: int, edges: _ChunkEdges) -> _Messages:
        block, clebsch_gordan = inputs.layout.inputs[number], inputs.clebsch_gordan[number]

        def kernel(harmonics: Tensor) -> Tensor:
            result: Tensor = (harmonics @ clebsch_gordan).unflatten(1, (-1, block.dim))
            return result

        features = inputs.features[number].index_select(0, edges.source)
        primal = _Product(kernel(edges.harmonics), features, of_harmonics=True, of_features=True)
        radial_term = [] if inputs.is_jvp else [primal]
        if inputs.features_tangent is not None:
            tangent = inputs.features_tangent[number].index_select(0, edges.source)
            radial_term.append(_Product(primal.kernel, tangent, of_harmonics=True, of_features=False))
        if edges.harmonics_tangent is not None:
            radial_term.append(_Product(kernel(edges.harmonics_tangent), features, False, True))
        terms = [term for term in (radial_term, [primal] if edges.has_radial_tangent else []) if term]
        shape = *edges.radial[0].shape[:2], block.num_rows * block.channels
        return cls(terms, [_sum_of(term).view(shape) for term in terms])

    def backward(
        self, grads: list[Tensor], clebsch_gordan: Tensor, needs_features: bool, d_harmonics: Tensor | None
    ) -> Tensor | None:
        """Gradients of the messages to those of the sources' features ``(n k, m, c)``; adds those of the harmonics."""
        d_features, shape = None, (self.products[0][0].kernel.shape[1], -1)
        for products, grad in zip(self.products, grads, strict=True):
            d_messages = grad.flatten(0, 1).unflatten(1, shape)
            for product in products:
                if needs_features and product.of_features:
                    found = couple_transposed(product.kernel, d_messages)
                    d_features = found if d_features is None else d_features.add_(found)
                if d_harmonics is not None and product.of_harmonics:
                    d_kernel = torch.bmm(d_messages, product.features.mT)
                    d_harmonics.addmm_(d_kernel.flatten(1), clebsch_gordan.T)
        return d_features


def _sum_of(products: list[_Product]) -> Tensor:
    total = _couple(products[0].kernel, products[0].features)
    for product in products[1:]:
        total += _couple(product.kernel, product.features)
    return total


def _columns(messages: list[Tensor], paths: PathGroup, channels: int) -> list[Tensor]:
    """The rows of one path group in the message of each term: ``(n, k, P)`` with P = m_out paths c."""
    columns = slice(paths.rows.start * channels, paths.rows.stop * channels)
    return [values[:, :, columns] for values in messages]


def _aggregate(messages: list[Tensor], radial: list[Tensor], buffer: Tensor) -> Tensor:
    """Sum over edges and terms of message x radial, ``(n, k, P) x (n, k, H) -> (n, P, H)``, in a reused buffer."""
    shape = messages[0].shape[0], messages[0].shape[2], radial[0].shape[2]
    out = buffer[: shape[0] * shape[1] * shape[2]].view(shape)
    torch.bmm(messages[0].mT, radial[0], out=out)
    for message, factor in zip(messages[1:], radial[1:], strict=True):
        out.baddbmm_(message.mT, factor)
    return out


def _aggregate_backward(grad: Tensor, weight: Tensor, num_nodes: int, num_radial: int, buffer: Tensor) -> Tensor:
    """Gradient ``(n, P, H)`` of an aggregate: ``grad (n m_out, c_out) @ weight^T``, in the buffer of the aggregate."""
    out = buffer[: grad.shape[0] * weight.shape[0]]
    torch.mm(grad, weight.T, out=out.view(grad.shape[0], -1))
    return out.view(num_nodes, -1, num_radial)


class _ChunkOutput:
    """The output features of a chunk's nodes, ``(n m_out, c_out)`` for each output block."""

    def __init__(self, inputs: ConvInputs, chunk: Chunk) -> None:
        self._nodes, self._num_nodes = inputs.node_of_rank[chunk.nodes], chunk.num_nodes
        outputs = inputs.layout.outputs
        self._blocks = [inputs.radial.new_zeros(chunk.num_nodes * dim, channels) for dim, channels in outputs]

    def add(self, paths: PathGroup, aggregate: Tensor, weight: Tensor) -> None:
        """Multiply the aggregate of one path group by its weights and add it to its output block."""
        self._blocks[paths.output].addmm_(aggregate.view(self._num_nodes * paths.dim_out, -1), weight)

    def write(self, result: Tensor) -> None:
        """Write the rows of the nodes in ``result (N, dim_out)``."""
        flat = [block.view(self._num_nodes, -1, block.shape[1]).mT.flatten(1) for block in self._blocks]
        result.index_copy_(0, self._nodes, torch.cat(flat, 1))


def forward(inputs: ConvInputs) -> Tensor:
    """The convolution, or its Jacobian-vector product: ``(N, dim_out)``."""
    result = inputs.radial.new_zeros(inputs.node_of_rank.shape[0], inputs.dim_out)

    def work(chunks: list[Chunk]) -> Sums:
        buffer = inputs.new_aggregate(chunks)
        for chunk in chunks:
            _chunk_forward(inputs, chunk, buffer).write(result)
        return ()

    share_chunks(work, inputs.chunks(), inputs.radial.device)
    return result


def _chunk_forward(inputs: ConvInputs, chunk: Chunk, buffer: Tensor) -> _ChunkOutput:
    edges, output = _ChunkEdges.gather(inputs, chunk), _ChunkOutput(inputs, chunk)
    for number, block in enumerate(inputs.layout.inputs):
        messages = _Messages.compute(inputs, number, edges)
        for paths in block.path_groups:
            aggregate = _aggregate(_columns(messages.values, paths, block.channels), edges.radial, buffer)
            output.add(paths, aggregate, inputs.weight(paths))
    return output


class _Totals(NamedTuple):
    """Gradients that all chunks of a thread add to, or write rows of their own in; ``None`` where not needed.

    Attributes:
        value: ``(N, dim_out)``, shared by all threads, as are the next two.
        harmonics: ``(E, Y)``.
        radial: ``(E, H)``.
        features: For each input block ``(M, m, c)``.
        weights: For each path group ``(channels_out, paths c H)``, the transpose of its weights.
    """

    value: Tensor | None
    harmonics: Tensor | None
    radial: Tensor | None
    features: list[Tensor] | None
    weights: list[Tensor] | None


def backward(inputs: ConvInputs, grad: Tensor, needs: list[bool]) -> ConvGradients:
    """The value and the gradients of ``<grad, value>``, as far as they are needed.

    Args:
        inputs: Of the convolution or of its Jacobian-vector product.
        grad: ``(N, dim_out)``.
        needs: Flags for value, features, harmonics, radial functions and weights.

    Returns:
        The gradients.
    """
    groups = inputs.layout.path_groups
    value = torch.zeros_like(grad) if needs[0] else None
    harmonics = torch.zeros_like(inputs.harmonics) if needs[2] else None
    radial = torch.zeros_like(inputs.radial) if needs[3] else None

    def work(chunks: list[Chunk]) -> Sums:
        features = [torch.zeros_like(block) for block in inputs.features] if needs[1] else None
        weights = [grad.new_zeros(*inputs.weight(paths).T.shape) for paths in groups] if needs[4] else None
        total, buffer = _Totals(value, harmonics, radial, features, weights), inputs.new_aggregate(chunks)
        for chunk in chunks:
            grads = inputs.output_blocks(grad.index_select(0, inputs.node_of_rank[chunk.nodes]))
            _chunk_backward(inputs, chunk, grads, total, buffer)
        return features or [], weights or []

    features, weights = share_chunks(work, inputs.chunks(), inputs.radial.device)
    return ConvGradients(
        value,
        inputs.join_features(features) if needs[1] else None,
        harmonics,
        radial,
        torch.cat([*(weight.T.reshape(-1) for weight in weights), grad.new_empty(0)]) if needs[4] else None,
    )


def _chunk_backward(inputs: ConvInputs, chunk: Chunk, grads: list[Tensor], total: _Totals, buffer: Tensor) -> None:
    """Add a chunk's gradients to the totals; ``grads`` is ``(n m_out, c_out)`` for each output block."""
    edges = _ChunkEdges.gather(inputs, chunk)
    output = None if total.value is None else _ChunkOutput(inputs, chunk)
    d_radial = None
    if total.radial is not None and edges.has_radial_term:
        d_radial = chunk.new_table(total.radial).view(edges.radial[0].shape)
    d_harmonics = None if total.harmonics is None else torch.zeros_like(edges.harmonics)
    needs_messages, first, group = total.features is not None or d_harmonics is not None, True, 0
    for number, block in enumerate(inputs.layout.inputs):
        messages = _Messages.compute(inputs, number, edges)
        d_messages = [torch.empty_like(values) for values in messages.values] if needs_messages else []
        for paths in block.path_groups:
            values = _columns(messages.values, paths, block.channels)
            grad, weight = grads[paths.output], inputs.weight(paths)
            if total.weights is not None or output is not None:
                aggregate = _aggregate(values, edges.radial, buffer)
                if output is not None:
                    output.add(paths, aggregate, weight)
                if total.weights is not None:
                    total.weights[group].addmm_(grad.T, aggregate.view(grad.shape[0], -1))
            group += 1
            if not needs_messages and d_radial is None:
                continue
            d_aggregate = _aggregate_backward(grad, weight, chunk.num_nodes, inputs.num_radial, buffer)
            if d_radial is not None:
                d_radial.baddbmm_(values[0], d_aggregate, beta=0 if first else 1)
                first = False
            for d_message, radial in zip(_columns(d_messages, paths, block.channels), edges.radial, strict=False):
                d_message.copy_(torch.bmm(radial, d_aggregate.mT))
        if needs_messages:
            tensor, features = inputs.clebsch_gordan[number], total.features
            d_features = messages.backward(d_messages, tensor, features is not None, d_harmonics)
            if features is not None and d_features is not None:
                features[number].index_add_(0, edges.source, d_features)
    if d_radial is not None and total.radial is not None:
        chunk.scatter(total.radial, d_radial.flatten(0, 1))
    if d_harmonics is not None and total.harmonics is not None:
        chunk.scatter(total.harmonics, d_harmonics)
    if output is not None and total.value is not None:
        output.write(total.value)
