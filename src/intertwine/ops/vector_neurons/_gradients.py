"""Gradients of vectors on edges, summed chunk by chunk."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.vector_neurons._edge_vectors import EdgeChunk, EdgeVectorInputs, EdgeVectors


class EdgeVectorGradients(NamedTuple):
    """Gradients of the parts of :class:`EdgeVectors`, summed chunk by chunk."""

    target: Tensor
    source: Tensor | None
    mixing: Tensor | None

    @classmethod
    def zeros_like(cls, vectors: EdgeVectors) -> EdgeVectorGradients:
        """Zeros of the shapes of the parts."""
        return cls(*(None if part is None else torch.zeros_like(part) for part in vectors))  # type: ignore[arg-type]

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
    def zeros(cls, inputs: EdgeVectorInputs, affine: Tensor | None, needs_edge_attr: bool) -> Gradients:
        """Zeros of the shapes of the arguments."""
        return cls(
            [EdgeVectorGradients.zeros_like(vectors) for vectors in inputs.vectors],
            torch.zeros_like(inputs.edge_attr) if needs_edge_attr and inputs.edge_attr is not None else None,
            None if affine is None else torch.zeros_like(affine),
        )

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
