"""Arguments of the SO(2) convolution operator, and its schema."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

ARGS_SCHEMA = (
    "Tensor features, Tensor radial, Tensor vectors, Tensor scales, Tensor weights, "
    "Tensor source, Tensor rank, Tensor rank_of_node, SymInt[] coupling"
)


class SO2Args(NamedTuple):
    """Arguments of the operator, in the order of ``ARGS_SCHEMA``.

    Attributes:
        features: ``(M, dim_in)`` of the source nodes, in each block the channels outermost.
        radial: ``(E, H)``.
        vectors: ``(E, 3)``.
        scales: ``(H, S)``, see :attr:`SO2Coupling.num_scales`.
        weights: Flat: the matrices of :meth:`SO2Coupling.weight_shapes` one after another.
        source: ``(E,)`` of the graph.
        rank: ``(E,)`` of the graph.
        rank_of_node: ``(N,)`` of the graph.
        coupling: The encoded coupling.
    """

    features: Tensor
    radial: Tensor
    vectors: Tensor
    scales: Tensor
    weights: Tensor
    source: Tensor
    rank: Tensor
    rank_of_node: Tensor
    coupling: list[int]
