"""Pictures of two clouds before and after registration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from intertwine.tasks.register._pairs import ViewPair
from intertwine.tasks.register._register_files import RegisteredFiles

_MOST_POINTS = 4000
_COLORS = ("#c8553d", "#33658a")
_TITLES = ("before", "after", "after, from the side")


def draw_registration(found: RegisteredFiles) -> Any:
    """Both clouds before, and after from two sides, along the principal axes of the second cloud.

    Args:
        found: The registration and its clouds.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    from matplotlib.figure import Figure

    first, second = (cloud.points[:: max(1, len(cloud.points) // _MOST_POINTS)] for cloud in found.clouds)
    matrix = found.registration.matrix.numpy()
    moved = first @ matrix[:3, :3].T + matrix[:3, 3]
    axes = np.linalg.svd(second - second.mean(axis=0), full_matrices=len(second) < 3)[2]
    figure = Figure(figsize=(12, 4.3), layout="constrained")
    panels = figure.subplots(1, 3)
    for panel, title, cloud, view in zip(
        panels, _TITLES, (first, moved, moved), (axes[:2], axes[:2], axes[[0, 2]]), strict=True
    ):
        _scatter(panel, second, view, _COLORS[1], "second")
        _scatter(panel, cloud, view, _COLORS[0], "first")
        panel.set_title(title, fontsize=10)
        panel.set_aspect("equal", "datalim")
        panel.set_axis_off()
    panels[0].legend(loc="lower left", fontsize=8, frameon=False, markerscale=6)
    return figure


def draw_view_pairs(
    pairs: Sequence[ViewPair], motions: Sequence[npt.NDArray[np.float64]], titles: Sequence[str]
) -> Any:
    """Pairs of views, one a column: above as they are, each about its own center; below with the first one moved.

    Args:
        pairs: The pairs.
        motions: ``(4, 4)`` of each.
        titles: Words about each.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(pairs), 5.4), layout="constrained")
    panels = figure.subplots(2, len(pairs), squeeze=False)
    for column, (pair, motion, title) in enumerate(zip(pairs, motions, titles, strict=True)):
        first, second = pair.first.numpy(), pair.second.numpy()
        center = second.mean(axis=0)
        axes = np.linalg.svd(second - center, full_matrices=False)[2][:2]
        clouds = first - first.mean(axis=0), first @ motion[:3, :3].T + motion[:3, 3] - center
        for panel, cloud in zip(panels[:, column], clouds, strict=True):
            _scatter(panel, second - center, axes, _COLORS[1], "second")
            _scatter(panel, cloud, axes, _COLORS[0], "first")
            panel.set_aspect("equal", "datalim")
            panel.set_axis_off()
        panels[0, column].set_title(title, fontsize=9)
    panels[0, 0].legend(loc="lower left", fontsize=8, frameon=False, markerscale=6)
    return figure


def _scatter(
    panel: Any, points: npt.NDArray[np.float64], view: npt.NDArray[np.float64], color: str, label: str
) -> None:
    flat = points @ view.T
    panel.scatter(*flat.T, s=1.5, c=color, alpha=0.5, linewidths=0, label=label)
