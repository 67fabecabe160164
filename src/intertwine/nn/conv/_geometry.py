"""What convolutions need to know of where the points are: worked out once, shared by all layers of a network."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from intertwine.ops import Graph, safe_norm, spherical_harmonics


class Geometry(NamedTuple):
    """Edges with their directions and lengths.

    Attributes:
        graph: The edges, arranged.
        vectors: ``(E, 3)`` position of the source minus position of the target.
        lengths: ``(E,)``.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the vectors.
    """

    graph: Graph
    vectors: Tensor
    lengths: Tensor
    harmonics: Tensor


def geometry(positions: Tensor, edges: Tensor, lmax: int = 0, targets: Tensor | None = None) -> Geometry:
    """The geometry of a graph on points.

    Args:
        positions: ``(N, 3)``.
        edges: ``(2, E)``, source row over target row, in any order.
        lmax: Highest degree of the harmonics.
        targets: ``(M, 3)`` positions of the targets, where these are another cloud.

    Returns:
        The geometry, edges sorted by target.

    Raises:
        ValueError: If the positions are not in space.

    Example:
        >>> import torch
        >>> geometry(torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).lengths
        tensor([1.4142, 1.4142])
    """
    aims = positions if targets is None else targets
    for cloud in (positions, aims):
        if cloud.ndim != 2 or cloud.shape[1] != 3:
            raise ValueError(f"positions must have shape (N, 3), got {tuple(cloud.shape)}")
    return graph_geometry(positions, Graph.from_edges(edges, aims.shape[0]), lmax, aims)


def graph_geometry(positions: Tensor, graph: Graph, lmax: int = 0, targets: Tensor | None = None) -> Geometry:
    """The geometry of a graph that is arranged already."""
    vectors = graph.vectors(positions, targets)
    harmonics = vectors.new_ones(vectors.shape[0], 1) if lmax == 0 else spherical_harmonics(lmax, vectors)
    return Geometry(graph, vectors, safe_norm(vectors), harmonics)


def resolve(positions: Tensor | Geometry, edges: Tensor | None, lmax: int = 0) -> Geometry:
    """The geometry that a layer was given, or that of the positions and edges it was given."""
    if isinstance(positions, Geometry):
        return positions
    if edges is None:
        raise ValueError("edges (2, E) are needed with positions; a Geometry brings its own")
    return geometry(positions, edges, lmax)
