"""Polygons of any number of corners, cut into triangles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from intertwine.data._sampling import Floats, Integers, ShapeError


class Polygons(NamedTuple):
    """F polygons: the number of corners of each (F,), and the vertices that all corners name, one after the other."""

    sizes: Integers
    corners: Integers


def polygons_from_lists(lists: list[list[int]]) -> Polygons:
    """The polygons of a list of lists of vertices."""
    corners = [corner for polygon in lists for corner in polygon]
    try:
        return Polygons(np.array([len(polygon) for polygon in lists], dtype=np.int64), np.array(corners, np.int64))
    except OverflowError as error:
        raise ShapeError("a face names a vertex beyond any count") from error


def triangulate(polygons: Polygons, vertices: Floats) -> tuple[Integers, Integers]:
    """Triangles of the polygons, in their order, and the polygon of each.

    A polygon is cut as a fan from its first corner; one that a fan does not fit, being concave, from the first corner
    from which it does. Those with fewer than three corners are left out.

    Returns:
        (T, 3) vertices of the triangles and (T,) polygons.

    Raises:
        ShapeError: a corner names no vertex, or no polygon has three corners.
    """
    sizes, corners = polygons
    if len(corners) and (corners.min() < 0 or corners.max() >= len(vertices)):
        wrong = int(corners.min() if corners.min() < 0 else corners.max())
        raise ShapeError(f"a face names vertex {wrong} of {len(vertices):,}")
    fans = np.maximum(sizes - 2, 0)
    if len(sizes) and not fans.any():
        raise ShapeError(f"none of its {len(sizes):,} faces has three corners")
    corners = _start_fans_where_they_fit(polygons, vertices)
    polygon = np.repeat(np.arange(len(sizes)), fans)
    first = np.repeat(np.cumsum(sizes) - sizes, fans)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(fans) - fans, fans)
    return corners[np.stack([first, first + step + 1, first + step + 2], axis=1)], polygon


def _start_fans_where_they_fit(polygons: Polygons, vertices: Floats) -> Integers:
    """The corners, those of concave polygons turned in their cycle so that a fan from the first stays inside."""
    sizes, corners = polygons
    result = corners.copy()
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes[sizes > 3]):
        rows = starts[sizes == size, None] + np.arange(size)
        points = vertices[corners[rows]]
        concave = ~_fan_fits(points)
        for turn in range(1, size):
            if not concave.any():
                break
            turned = np.roll(rows[concave], -turn, axis=1)
            fits = _fan_fits(vertices[corners[turned]])
            chosen = np.flatnonzero(concave)[fits]
            result[rows[chosen]] = corners[turned[fits]]
            concave[chosen] = False
    return result


def _fan_fits(points: Floats) -> np.ndarray:
    """Whether the triangles of the fan from the first corner all turn the same way: (n, size, 3) -> (n,)."""
    with np.errstate(all="ignore"):
        edges = points[:, 1:] - points[:, :1]
        areas = np.cross(edges[:, :-1], edges[:, 1:])
        total = areas.sum(axis=1, keepdims=True)
        along = (areas * total).sum(axis=2)
        fits: np.ndarray = (along >= -1e-9 * (total**2).sum(axis=2)).all(axis=1)
    return fits
