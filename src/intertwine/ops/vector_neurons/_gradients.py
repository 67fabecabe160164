"""Gradients of vectors on edges, summed chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.graph import Chunk, map_chunks
from intertwine.ops.vector_neurons._edge_vectors import EdgeChunk, EdgeVectorInputs, EdgeVectors


class EdgeVectorGradients(NamedTuple):
    """Gradients of the parts of :class:`EdgeVectors`, summed chunk by chunk."""

    target: Tensor
    source: Tensor | None
    mixing: Tensor | None

    @classmethod
    def zeros(cls, vectors: EdgeVectors, target: Tensor) -> EdgeVectorGradients:
        """Zeros of the shapes of the parts, beside a target part that all threads write to."""
        source, mixing = (None if part is None else torch.zeros_like(part) for part in vectors[1:])
        return cls(target, source, mixing)

    def add(self, chunk: EdgeChunk, grad: Tensor) -> None:
        """Add the gradient ``(n, K, r, C)`` of a chunk's vectors; its nodes are in no other chunk."""
        flat = grad.reshape(-1, grad.shape[3])
        self.target[:, chunk.chunk.nodes] = grad.sum(1)
        if self.source is not None and chunk.source_rows is not None:
            self.source.view(-1, flat.shape[1]).index_add_(0, chunk.source_rows, flat)
        if self.mixing is not None and chunk.edge_attr is not None:
            self.mixing.addmm_(chunk.edge_attr.T, flat)


class Gradients(NamedTuple):
    """Gradients of all arguments of a kernel.

    Attributes:
        vectors: Of each of the vectors on edges.
        edge_attr: ``(n, E, m)`` where needed.
        affine: ``(2, C)`` where there is an affine normalization.
    """

    vectors: list[EdgeVectorGradients]
    edge_attr: Tensor | None
    affine: Tensor | None

    @classmethod
    def over_chunks(
        cls,
        inputs: EdgeVectorInputs,
        affine: Tensor | None,
        needs_edge_attr: bool,
        of_chunk: Callable[[EdgeChunk, Tensor | None], list[Tensor]],
    ) -> Gradients:
        """The sum over all chunks, some on each thread.

        Args:
            inputs: Of the kernel.
            affine: ``(2, C)`` or ``None``.
            needs_edge_attr: Whether the gradients of the vectors of the edges are needed.
            of_chunk: The gradients ``(n, K, r, C)`` of each of a chunk's vectors; it adds the chunk's part of those of
                ``affine`` to its second argument.
        """
        targets = [torch.zeros_like(vectors.target) for vectors in inputs.vectors]
        edge_attr = torch.zeros_like(inputs.edge_attr) if needs_edge_attr and inputs.edge_attr is not None else None

        def work(chunks: list[Chunk]) -> Gradients:
            vectors = [EdgeVectorGradients.zeros(*pair) for pair in zip(inputs.vectors, targets, strict=True)]
            total = cls(vectors, edge_attr, None if affine is None else torch.zeros_like(affine))
            for chunk in map(inputs.tables, chunks):
                total.add(inputs, chunk, of_chunk(chunk, total.affine))
            return total

        total, *others = map_chunks(work, inputs.chunks(), targets[0].device)
        for other in others:
            for ours, theirs in zip(total._sums(), other._sums(), strict=True):
                ours += theirs
        return total.by_node(inputs)

    def _sums(self) -> list[Tensor]:
        """What is summed over chunks; the rest is written chunk by chunk."""
        parts = [part for grads in self.vectors for part in grads[1:]]
        return [part for part in (*parts, self.affine) if part is not None]

    def add(self, inputs: EdgeVectorInputs, chunk: EdgeChunk, grads: list[Tensor]) -> None:
        """Add the gradients ``(n, K, r, C)`` of each of a chunk's vectors."""
        for total, grad in zip(self.vectors, grads, strict=True):
            total.add(chunk, grad)
        if self.edge_attr is None:
            return
        pairs = zip(grads, inputs.vectors, strict=True)
        terms = [grad @ vectors.mixing.T for grad, vectors in pairs if vectors.mixing is not None]
        for result, table in zip(self.edge_attr, torch.stack(terms).sum(0), strict=True):
            chunk.chunk.scatter(result, table.transpose(0, 1).flatten(0, 1))

    def by_node(self, inputs: EdgeVectorInputs) -> Gradients:
        """The same with the target parts in the order of the nodes."""
        vectors = [grads._replace(target=inputs.by_node(grads.target)) for grads in self.vectors]
        return self._replace(vectors=vectors)

    def flat(self) -> list[Tensor]:
        """All that are there, in the order of the arguments: what an operator may return."""
        parts = [part for grads in self.vectors for part in grads]
        return [part for part in (*parts, self.edge_attr, self.affine) if part is not None]
