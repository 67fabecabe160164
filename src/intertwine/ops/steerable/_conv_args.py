"""Arguments, tangents and gradients of a steerable convolution operator, and its schema."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

ARGS_SCHEMA = (
    "Tensor features, Tensor harmonics, Tensor radial, Tensor weights, Tensor clebsch_gordan, "
    "Tensor source, Tensor rank, Tensor rank_of_node, SymInt[] coupling"
)
TANGENTS_SCHEMA = "Tensor? features_tangent, Tensor? harmonics_tangent, Tensor? radial_tangent"
GRADIENTS_SCHEMA = "(Tensor, Tensor, Tensor, Tensor, Tensor)"


class ConvArgs(NamedTuple):
    """Arguments of a convolution operator, in the order of ``ARGS_SCHEMA``.

    Attributes:
        features: ``(M, dim_in)`` of the source nodes.
        harmonics: ``(E, Y)`` with Y = (lmax + 1)^2.
        radial: ``(E, H)``.
        weights: In the layout of the operator.
        clebsch_gordan: ``(Y, columns)``, see :meth:`Coupling.clebsch_gordan`.
        source: ``(E,)`` of the graph.
        rank: ``(E,)`` of the graph.
        rank_of_node: ``(N,)`` of the graph.
        coupling: The encoded coupling.
    """

    features: Tensor
    harmonics: Tensor
    radial: Tensor
    weights: Tensor
    clebsch_gordan: Tensor
    source: Tensor
    rank: Tensor
    rank_of_node: Tensor
    coupling: list[int]


class Tangents(NamedTuple):
    """Tangent vectors of features, harmonics and radial functions for a Jacobian-vector product; ``None`` is zero."""

    features: Tensor | None = None
    harmonics: Tensor | None = None
    radial: Tensor | None = None


class ConvGradients(NamedTuple):
    """The value f and the gradients of ``<grad, f>`` in the arguments of f; ``None`` where not asked for."""

    value: Tensor | None
    features: Tensor | None
    harmonics: Tensor | None
    radial: Tensor | None
    weights: Tensor | None
