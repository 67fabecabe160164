"""Vectors, lengths and spherical harmonics of the edges of a point cloud, computed once for all layers of a network."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from intertwine.ops import Graph, safe_norm, spherical_harmonics


class Geometry(NamedTuple):
    """Edges with their vectors, lengths and harmonics.

    Attributes:
        graph: The edges, sorted by target.
        vectors: ``(E, n)`` position of the source minus position of the target.
        lengths: ``(E,)``.
        harmonics: ``(E, (lmax + 1)^2)`` spherical harmonics of the vectors.
    """

    graph: Graph
    vectors: Tensor
    lengths: Tensor
    harmonics: Tensor

    @classmethod
    def from_edges(
        cls,
        positions: Tensor,
        edges: Tensor,
        lmax: int = 0,
        targets: Tensor | None = None,
        dimension: int = 3,
        shifts: Tensor | None = None,
    ) -> Geometry:
        """The geometry of edges between points.

        Args:
            positions: ``(N, dimension)``.
            edges: ``(2, E)``, source row over target row, in any order.
            lmax: Highest degree of the harmonics; above 0 in space only.
            targets: ``(M, dimension)`` positions of the targets, where these are another cloud.
            dimension: That of the space.
            shifts: ``(E, dimension)``, what is added to the position of the source of each edge: the lattice vector of
                a periodic image.

        Raises:
            ValueError: If the positions or the shifts have another shape.

        Example:
            >>> import torch
            >>> Geometry.from_edges(torch.eye(2, 3), torch.tensor([[1, 0], [0, 1]])).lengths
            tensor([1.4142, 1.4142])
        """
        targets = positions if targets is None else targets
        for cloud in (positions, targets):
            if cloud.ndim != 2 or cloud.shape[1] != dimension:
                raise ValueError(f"positions must have shape (N, {dimension}), got {tuple(cloud.shape)}")
        if shifts is None:
            return cls.from_graph(positions, Graph.from_edges(edges, targets.shape[0]), lmax, targets)
        if shifts.shape != (edges.shape[1], dimension):
            raise ValueError(
                f"shifts must have shape ({edges.shape[1]}, {dimension}), one an edge, got {tuple(shifts.shape)}"
            )
        graph, order = Graph.sort_edges(edges, targets.shape[0])
        return cls.from_vectors(graph, graph.vectors(positions, targets) + shifts.index_select(0, order), lmax)

    @classmethod
    def from_graph(cls, positions: Tensor, graph: Graph, lmax: int = 0, targets: Tensor | None = None) -> Geometry:
        """The geometry of a graph whose edges are sorted already; arguments as for :meth:`from_edges`."""
        return cls.from_vectors(graph, graph.vectors(positions, targets), lmax)

    @classmethod
    def from_vectors(cls, graph: Graph, vectors: Tensor, lmax: int = 0) -> Geometry:
        """The geometry of a graph whose edges have these vectors ``(E, n)``, in the order of the graph."""
        harmonics = vectors.new_ones(vectors.shape[0], 1) if lmax == 0 else spherical_harmonics(lmax, vectors)
        return cls(graph, vectors, safe_norm(vectors), harmonics)


def resolve_geometry(positions: Tensor | Geometry, edges: Tensor | None, lmax: int = 0, dimension: int = 3) -> Geometry:
    """The geometry that a layer was given, or that of the positions and edges that it was given.

    Raises:
        ValueError: If positions come without edges, or are of another dimension.
    """
    if isinstance(positions, Geometry):
        if positions.vectors.shape[1] != dimension:
            raise ValueError(f"this group moves {dimension} coordinates, the geometry has {positions.vectors.shape[1]}")
        return positions
    if edges is None:
        raise ValueError("edges (2, E) are needed with positions; a Geometry brings its own")
    return Geometry.from_edges(positions, edges, lmax, dimension=dimension)
