"""Motions between two surfaces by the correlation of their normals over all of SE(3)."""

from __future__ import annotations

import torch

from intertwine.groups import SO3
from intertwine.ops.alignment import rotation_grid
from intertwine.ops.correlation import GaussianKernel, PointField, search_correlation, suppress_motions
from intertwine.ops.functions import spherical_harmonics
from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._surfels import Surfels

_LEVEL = 2
_WIDTH = 2.5
"""Of the kernel, in spacings."""
_MOST_STEPS = 16
"""Of the lattice of translations, in the radius of the larger surface: it is coarser for clouds of different sizes."""
_POINTS = 400
_CANDIDATES = 2000
_APART = 8.0
"""The least root mean square distance of two motions, in spacings."""


def correlated_motions(first: Surfels, second: Surfels, spacing: float, most: int) -> Motions:
    r"""The motions of a grid over SE(3) that lay points near points with the same normals, best first.

    .. math:: s(R, t) = \sum_{ij} P_2(R n_i \cdot m_j) \, e^{-|R x_i + t - y_j|^2 / 2 s^2}

    with the normals n and m, whose signs do not matter, the Legendre polynomial :math:`P_2` and a width s of 2.5
    spacings: the correlation of two fields of degree 2, by `search_correlation` over 648 rotations and a lattice of
    translations.

    Args:
        first: The surface that moves.
        second: The surface that stays.
        spacing: Of both.
        most: How many motions are returned.

    Law: that of the grid; the motions are to be refined.

    Cost: that of `search_correlation`, three seconds for two surfaces of 2,000 points.
    """
    fields = [_normal_field(surface) for surface in (first, second)]
    extent = max(float((field.points - field.center).norm(dim=1).max()) for field in fields)
    width = max(_WIDTH * spacing, extent / _MOST_STEPS)
    kernel = GaussianKernel(torch.tensor([width]), torch.ones(5, 1))
    motions, scores = search_correlation(
        *fields, kernel, rotation_grid(_LEVEL).rotations, spacing=width, candidates=_CANDIDATES
    )
    kept = suppress_motions(motions, scores, fields[0].points, distance=_APART * spacing, limit=most)
    return Motions(motions.rotation[kept].double().numpy(), motions.translation[kept].double().numpy())


def _normal_field(surface: Surfels) -> PointField:
    """The harmonics of degree 2 of the normals at 400 points of a surface, or some more."""
    part = surface.every(_POINTS)
    harmonics = spherical_harmonics(2, torch.from_numpy(part.normals))[:, 4:]
    return PointField(torch.from_numpy(part.points), harmonics, SO3().irrep(2))
