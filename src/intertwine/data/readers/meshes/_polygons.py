"""Polygons of any number of corners, cut into triangles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine.data._sampling import Floats, Integers, ShapeError

_MOST_EARS = 500
"""Corners of a concave polygon beyond which it is cut as a fan too, so that time stays bounded."""


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

    A convex polygon is cut as a fan from its first corner, a concave one ear by ear. Polygons with fewer than three
    corners are left out.

    Returns:
        (T, 3) vertices of the triangles and (T,) polygons.

    Raises:
        ShapeError: a corner names no vertex, or no polygon has three corners.

    Cost: O(T), and O(corners^2) for each concave polygon.
    """
    sizes, corners = polygons
    if len(corners) and (corners.min() < 0 or corners.max() >= len(vertices)):
        wrong = int(corners.min() if corners.min() < 0 else corners.max())
        raise ShapeError(f"a face names vertex {wrong} of {len(vertices):,}")
    fans = np.maximum(sizes - 2, 0)
    if len(sizes) and not fans.any():
        raise ShapeError(f"none of its {len(sizes):,} faces has three corners")
    starts, ends = np.cumsum(sizes) - sizes, np.cumsum(fans)
    polygon = np.repeat(np.arange(len(sizes)), fans)
    first = np.repeat(starts, fans)
    step = np.arange(len(polygon)) - np.repeat(ends - fans, fans)
    triangles = corners[np.stack([first, first + step + 1, first + step + 2], axis=1)]
    for size in np.unique(sizes[(sizes > 3) & (sizes <= _MOST_EARS)]):
        numbers = np.flatnonzero(sizes == size)
        rings = corners[starts[numbers, None] + np.arange(size)]
        concave = _is_concave(vertices[rings])
        places = (ends[numbers] - fans[numbers])[concave, None] + np.arange(size - 2)
        if size == 4:
            triangles[places] = rings[concave][:, [[0, 1, 3], [1, 2, 3]]]  # the other diagonal
        else:
            for place, ring in zip(places, rings[concave], strict=True):
                triangles[place] = ring[_ears(vertices[ring])]
    return triangles, polygon


def _is_concave(points: Floats) -> npt.NDArray[np.bool_]:
    """Whether triangles of the fan from the first corner turn against the others: (F, n, 3) -> (F,)."""
    with np.errstate(all="ignore"):
        edges = points[:, 1:] - points[:, :1]
        areas = np.cross(edges[:, :-1], edges[:, 1:])
        total = areas.sum(axis=1, keepdims=True)
        against = (areas * total).sum(axis=2) < -1e-9 * (total**2).sum(axis=2)
    concave: npt.NDArray[np.bool_] = against.any(axis=1)
    return concave


def _ears(points: Floats) -> Integers:
    """The triangles of a simple, nearly planar polygon, cutting ear after ear: (n, 3) -> (n - 2, 3) corners."""
    with np.errstate(all="ignore"):
        relative = points - points[0]
        normal = np.cross(relative, np.roll(relative, -1, axis=0)).sum(axis=0)
        flat = np.delete(relative, int(np.abs(normal).argmax()), axis=1)
        flat = flat if _turn(flat, np.roll(flat, -1, axis=0), np.zeros(2)).sum() > 0 else flat[:, ::-1]
        ring = list(range(len(points)))
        result = []
        while len(ring) > 3:
            ear = next((k for k in range(len(ring)) if _is_ear(flat, ring, k)), 1)
            result.append([ring[ear - 1], ring[ear], ring[(ear + 1) % len(ring)]])
            ring.pop(ear)
    return np.array([*result, ring], dtype=np.int64)


def _is_ear(flat: Floats, ring: list[int], k: int) -> bool:
    """Whether the corner is convex and no other corner lies in its triangle."""
    a, b, c = flat[ring[k - 1]], flat[ring[k]], flat[ring[(k + 1) % len(ring)]]
    if _turn(b, c, a) <= 0:
        return False
    others = flat[[one for one in ring if one not in (ring[k - 1], ring[k], ring[(k + 1) % len(ring)])]]
    inside = (_turn(b, others, a) >= 0) & (_turn(c, others, b) >= 0) & (_turn(a, others, c) >= 0)
    corner = (others == a).all(axis=1) | (others == b).all(axis=1) | (others == c).all(axis=1)
    return not bool((inside & ~corner).any())


def _turn(left: Floats, right: Floats, origin: Floats) -> Floats:
    """Twice the signed area of the triangles origin, left, right in the plane."""
    p, q = left - origin, right - origin
    area: Floats = p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]
    return area
