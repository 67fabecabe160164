"""Graphs of residues with invariant features: relative frames, distances, exposure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops import knn_graph

DISTANCE_SCALES = tuple(1.5**k for k in range(15))
SURFACE_SCALES = (1.0, 2.0, 5.0, 10.0, 30.0)
EDGE_FEATURES = 12 + len(DISTANCE_SCALES)


@dataclass(frozen=True)
class ResidueGraph:
    """A protein as a graph of its alpha carbons.

    Attributes:
        positions: ``(residues, 3)`` in angstrom.
        residue_types: ``(residues,)``, indices.
        surface: ``(residues, 5)``: how one-sided the neighborhood of a residue is, at five scales.
        edges: ``(2, edges)``, source over target.
        edge_features: ``(edges, 27)``, invariant under rotations and translations.
    """

    positions: Tensor
    residue_types: Tensor
    surface: Tensor
    edges: Tensor
    edge_features: Tensor


def residue_graph(backbone: Tensor, residue_types: Tensor, *, k: int = 10, cutoff: float = 30.0) -> ResidueGraph:
    r"""The graph of the k nearest residues within a cutoff, with the features of EquiDock.

    With the frames :math:`B_i = (n_i, u_i, v_i)` of :func:`residue_frames`, the edge from j to i carries
    :math:`B_i (x_j - x_i), B_i n_j, B_i u_j, B_i v_j` and :math:`e^{-|x_j - x_i|^2 / 1.5^k}` for k from 0 to 14; node i
    carries, for :math:`\lambda = 1, 2, 5, 10, 30`,

    .. math:: \rho_i(\lambda) = \frac{|\sum_j w_{ij} (x_i - x_j)|}{\sum_j w_{ij} |x_i - x_j|}, \qquad
        w_{ij} = \operatorname{softmax}_j \bigl( -|x_i - x_j|^2 / \lambda \bigr).

    Args:
        backbone: ``(residues, 3, 3)``: positions of N, CA and C, in angstrom.
        residue_types: ``(residues,)``, indices.
        k: Neighbors of a residue.
        cutoff: Of their distances, in angstrom.

    Raises:
        UsageError: If the shapes do not fit.

    Law:
        The features are invariant under rotations and translations, not under reflections.

    References:
        Ganea et al., Independent SE(3)-equivariant models for end-to-end rigid protein docking, ICLR 2022, appendix A.
    """
    if backbone.ndim != 3 or backbone.shape[1:] != (3, 3) or len(residue_types) != len(backbone):
        raise UsageError(f"residue_graph expects a backbone (residues, 3, 3), got {tuple(backbone.shape)}")
    positions, frames = backbone[:, 1], residue_frames(backbone)
    edges = knn_graph(positions, k) if len(positions) > 1 else positions.new_zeros(2, 0, dtype=torch.long)
    offset = positions[edges[0]] - positions[edges[1]]
    near = offset.square().sum(-1) <= cutoff**2
    edges, offset = edges[:, near], offset[near]
    source, target = edges
    relative = torch.cat([offset[:, None], frames[source]], dim=1) @ frames[target].mT
    features = torch.cat([relative.flatten(1), _radial(offset.square().sum(-1, keepdim=True))], dim=1)
    surface = _surface(positions, edges)
    return ResidueGraph(positions, residue_types, surface, edges, features)


def residue_frames(backbone: Tensor) -> Tensor:
    """Right-handed frames of residues from N, CA and C, one vector in each row: normal, towards N, and their product.

    Args:
        backbone: ``(residues, 3, 3)``.

    Returns:
        ``(residues, 3, 3)``, orthonormal; of collinear atoms, with zero rows.

    Law:
        ``residue_frames(backbone @ R.mT) == residue_frames(backbone) @ R.mT`` for rotations R.
    """
    u = torch.nn.functional.normalize(backbone[:, 0] - backbone[:, 1], dim=-1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(u, backbone[:, 2] - backbone[:, 1]), dim=-1)
    return torch.stack([normal, u, torch.linalg.cross(normal, u)], dim=1)


def _radial(squared_distances: Tensor) -> Tensor:
    return torch.exp(-squared_distances / squared_distances.new_tensor(DISTANCE_SCALES))


def _surface(positions: Tensor, edges: Tensor) -> Tensor:
    source, target = edges
    offset = positions[target] - positions[source]
    squared = offset.square().sum(-1, keepdim=True)
    # Weights need no normalization, which cancels; the nearest neighbor's is made 1 so that none vanishes.
    nearest = squared.new_full((len(positions), 1), torch.inf)
    nearest = nearest.scatter_reduce(0, target[:, None], squared, "amin")
    weights = torch.exp(-(squared - nearest[target]) / squared.new_tensor(SURFACE_SCALES))
    sums = weights.new_zeros(len(positions), len(SURFACE_SCALES), 3)
    sums = sums.index_add(0, target, weights[..., None] * offset[:, None])
    lengths = torch.zeros_like(sums[..., 0]).index_add(0, target, weights * squared.sqrt())
    roughness: Tensor = torch.linalg.vector_norm(sums, dim=-1) / lengths.clamp(min=1e-6)
    return roughness
