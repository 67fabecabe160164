"""Maxima of the correlation of two fields over all rigid motions: grid search, suppression, refinement."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.alignment import RigidMotion, rotation_grid
from intertwine.ops.correlation._fields import GaussianKernel, PointField, check_fields
from intertwine.ops.correlation._refine import refine_correlation
from intertwine.ops.correlation._search import search_correlation
from intertwine.ops.correlation._suppression import suppress_motions


class CorrelationMaxima(NamedTuple):
    """Motions of a first field, rotations ``(n, 3, 3)`` and translations ``(n, 3)``, and their scores ``(n,)``."""

    motions: RigidMotion
    scores: Tensor


def maximize_correlation(
    field_1: PointField,
    field_2: PointField,
    kernel: GaussianKernel,
    *,
    level: int = 3,
    spacing: float | None = None,
    refined: int = 100,
    separation: float | None = None,
    steps: int = 50,
) -> CorrelationMaxima:
    r"""The local maxima of a correlation over SE(3), best first.

    .. math:: s(R, t) = \sum_{ij} \sum_c (\rho(R) f_{1,i})_c \, f_{2,j,c} \, k_c(|R x_{1,i} + t - x_{2,j}|)

    1. :func:`search_correlation`: all rotations of :func:`rotation_grid` and all translations of a lattice.
    2. :func:`suppress_motions`: of candidates nearer than the separation the best stays.
    3. :func:`refine_correlation`: ascent on the exact score from the best of them, which no grid enters.
    4. :func:`suppress_motions` once more, as ascents may meet.

    The score is invariant under motions of both fields. The grid is not, but a refined maximum no longer depends on it:
    the answer depends on the grid only through which maxima are found.

    Args:
        field_1: The field that is moved; the search is fastest if it is the smaller one.
        field_2: The field at rest.
        kernel: A radial function for each channel.
        level: Of the grid of rotations; a rotation off by its covering radius must still score.
        spacing: Of the lattice of translations; the narrowest width of the kernel if None.
        refined: The most motions refined.
        separation: The least root mean square distance of the first field's points between two answers; twice the
            spacing if None.
        steps: The most steps of each ascent.

    Returns:
        The motions and their exact scores, at most ``refined``, best first; float64. Deterministic.

    Raises:
        UsageError: If the channels do not agree or an option is out of range.

    Law:
        With the fields moved by ``g1`` and ``g2``, each motion ``g`` becomes ``g2 g g1^-1``; with the fields exchanged,
        its inverse: to the accuracy of the ascent for maxima that both searches find.

    Cost:
        That of :func:`search_correlation` for the rotations of the level, and ``refined`` ascents.

    Example:
        >>> import torch
        >>> points = torch.tensor([[0.0, 0, 0], [4, 0, 0], [0, 3, 0], [0, 0, 2]])
        >>> kernel = GaussianKernel(torch.tensor([1.0]), torch.tensor([[1.0]]))
        >>> field = PointField(points, torch.ones(4, 1))
        >>> maxima = maximize_correlation(field, PointField(points + 7, torch.ones(4, 1)), kernel, level=1, refined=5)
        >>> maxima.motions.translation[0].round(decimals=3).tolist()
        [7.0, 7.0, 7.0]
    """
    check_fields(field_1, field_2, kernel, "maximize_correlation")
    if refined < 1:
        raise UsageError(f"maximize_correlation expects refined of at least 1, got {refined}")
    spacing = float(kernel.widths.min()) if spacing is None else spacing
    separation = 2 * spacing if separation is None else separation
    rotations = rotation_grid(level).rotations
    motions, scores = search_correlation(
        field_1, field_2, kernel, rotations, spacing=spacing, candidates=max(1000, 20 * refined)
    )
    kept = suppress_motions(motions, scores, field_1.points, distance=separation, limit=refined)
    start = RigidMotion(motions.rotation[kept], motions.translation[kept])
    motions, scores = refine_correlation(field_1, field_2, kernel, start, steps=steps)
    kept = suppress_motions(motions, scores, field_1.points, distance=separation, limit=refined)
    return CorrelationMaxima(RigidMotion(motions.rotation[kept], motions.translation[kept]), scores[kept])
