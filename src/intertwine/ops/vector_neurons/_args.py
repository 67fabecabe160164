"""Arguments of the operators on edge vectors, and their schemas."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from intertwine.ops.vector_neurons._edge_vectors import EdgeVectorInputs, EdgeVectors

_GRAPH_SCHEMA = "Tensor source, Tensor rank, Tensor rank_of_node"
VN_RELU_SCHEMA = (
    "Tensor q_target, Tensor? q_source, Tensor? q_mixing, Tensor k_target, Tensor? k_source, Tensor? k_mixing, "
    f"Tensor? edge_attr, Tensor? affine, {_GRAPH_SCHEMA}, float negative_slope"
)
NORM_STATS_SCHEMA = f"Tensor q_target, Tensor? q_source, Tensor? q_mixing, Tensor? edge_attr, {_GRAPH_SCHEMA}"

MaybeTensors = list[Tensor | None]


class VNReluArgs(NamedTuple):
    """Arguments of the VN-ReLU operator, in the order of ``VN_RELU_SCHEMA``; see :func:`vn_relu_mean`."""

    q_target: Tensor
    q_source: Tensor | None
    q_mixing: Tensor | None
    k_target: Tensor
    k_source: Tensor | None
    k_mixing: Tensor | None
    edge_attr: Tensor | None
    affine: Tensor | None
    source: Tensor
    rank: Tensor
    rank_of_node: Tensor
    negative_slope: float

    @property
    def values(self) -> EdgeVectors:
        """The vectors q."""
        return EdgeVectors(self.q_target, self.q_source, self.q_mixing)

    @property
    def directions(self) -> EdgeVectors:
        """The vectors k."""
        return EdgeVectors(self.k_target, self.k_source, self.k_mixing)

    @property
    def differentiable(self) -> MaybeTensors:
        """The arguments that have gradients: the first eight."""
        return list(self[:8])

    def inputs(self) -> EdgeVectorInputs:
        """Inputs of the kernels."""
        vectors = [self.values, self.directions]
        return EdgeVectorInputs(vectors, self.edge_attr, self.source, self.rank, self.rank_of_node)


class NormStatsArgs(NamedTuple):
    """Arguments of the operator of norm statistics, in the order of ``NORM_STATS_SCHEMA``."""

    q_target: Tensor
    q_source: Tensor | None
    q_mixing: Tensor | None
    edge_attr: Tensor | None
    source: Tensor
    rank: Tensor
    rank_of_node: Tensor

    @property
    def values(self) -> EdgeVectors:
        """The vectors q."""
        return EdgeVectors(self.q_target, self.q_source, self.q_mixing)

    @property
    def differentiable(self) -> MaybeTensors:
        """The arguments that have gradients: the first four."""
        return list(self[:4])

    def inputs(self) -> EdgeVectorInputs:
        """Inputs of the kernels."""
        return EdgeVectorInputs([self.values], self.edge_attr, self.source, self.rank, self.rank_of_node)
