"""Sampling of point clouds from surfaces and scans: one seed, one cloud, on every machine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from intertwine.ops.registration import estimate_normals as plane_normals

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_NEAREST = 16
"""Points, itself among them, from which the normal of a point is estimated."""
_SMALLEST = 1e-12
"""An area, relative to the square of the surface's extent, below which a surface is no surface."""


class ShapeError(ValueError):
    """A shape's file is not what it should be; the message is the reason and leaves the file's name to the caller."""


class Surface(NamedTuple):
    """Triangles.

    vertices (V, 3); faces (F, 3) indices of vertices; face_labels (F,) or vertex_labels (V,), not both.
    """

    vertices: Floats
    faces: Integers
    face_labels: Integers | None = None
    vertex_labels: Integers | None = None


class Cloud(NamedTuple):
    """P points: points (P, 3), normals (P, 3) of length 1, labels (P,); whether the normals are estimated."""

    points: Floats
    normals: Floats | None = None
    labels: Integers | None = None
    estimated: bool = False


def sample(shape: Surface | Cloud, count: int, seed: int) -> Cloud:
    """A cloud of `count` points: drawn from a surface by area, or from a cloud's own points.

    Of a cloud with more points some are drawn, none twice; of one with fewer all are taken and some repeated. The
    generator is this call's own and of a kind whose stream numpy has frozen: one seed, one cloud, for ever.

    Args:
        shape: what to draw from.
        count: how many points.
        seed: from 0 to 2^32 - 1.

    Raises:
        ShapeError: no points, a coordinate that is not finite, a face that points nowhere, or no face with an area.

    Cost: O(F + count log F).
    """
    generator = np.random.RandomState(seed)
    return _draw(shape, count, generator) if isinstance(shape, Surface) else _choose(shape, count, generator)


def sample_in_unit_sphere(
    shape: Surface | Cloud, count: int, seed: int, draws: int = 1, *, estimate_normals: bool = False
) -> Cloud:
    """Clouds of `count` points in the unit sphere, drawn independently of each other, one after the other.

    The k-th is `sample(shape, count, seed + k)`; arguments and errors as there. With `estimate_normals` each has
    normals, as by `with_normals`.
    """
    clouds = [sample(shape, count, (seed + draw) % (1 << 32)) for draw in range(draws)]
    if estimate_normals:
        clouds = [with_normals(cloud) for cloud in clouds]
    normals = [cloud.normals for cloud in clouds if cloud.normals is not None]
    labels = [cloud.labels for cloud in clouds if cloud.labels is not None]
    return Cloud(
        np.concatenate([to_unit_sphere(cloud.points) for cloud in clouds]),
        np.concatenate(normals) if normals else None,
        np.concatenate(labels) if labels else None,
        clouds[0].estimated,
    )


def with_normals(cloud: Cloud) -> Cloud:
    """The cloud with normals: its own, or estimated up to sign as the axis of least variance of 16 nearest points."""
    return cloud if cloud.normals is not None else with_estimated_normals(cloud)


def with_estimated_normals(cloud: Cloud) -> Cloud:
    """The cloud with estimated normals, whether or not it has its own."""
    # Scaled: of coordinates that are very large or very small the squares would leave the range.
    points = to_unit_sphere(cloud.points)
    return cloud._replace(normals=plane_normals(points, cKDTree(points), points, _NEAREST), estimated=True)


def to_unit_sphere(points: Floats) -> Floats:
    """The points with their mean at the origin and the farthest at distance 1; equal points all come to the origin.

    >>> to_unit_sphere(np.array([[1.0, 0, 0], [5.0, 0, 0]])).tolist()
    [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    scale = float(np.abs(points - points[0]).max(initial=0.0))
    if not scale > _SMALLEST * float(np.abs(points).max(initial=0.0)):
        return np.zeros_like(points)
    centered = (points - points[0]) / scale
    centered -= centered.mean(axis=0)
    result: Floats = centered / np.sqrt((centered**2).sum(axis=1).max())
    return result


def _draw(surface: Surface, count: int, generator: np.random.RandomState) -> Cloud:
    corners = _corners(surface)
    normals_by_area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled_areas = np.sqrt((normals_by_area**2).sum(axis=1))
    cumulated = doubled_areas.cumsum()
    if not len(cumulated) or cumulated[-1] <= _SMALLEST:
        raise ShapeError(f"none of its {len(cumulated):,} faces has an area")
    picked = np.searchsorted(cumulated, generator.random_sample(count) * cumulated[-1], side="right")
    last_with_area = int(np.searchsorted(cumulated, cumulated[-1]))
    picked = np.minimum(picked, last_with_area)
    weights = generator.random_sample((count, 2))
    outside = weights.sum(axis=1) > 1
    weights[outside] = 1 - weights[outside]
    faces = surface.faces[picked]
    first, second, third = (surface.vertices[faces[:, corner]] for corner in range(3))
    points = first + weights[:, :1] * (second - first) + weights[:, 1:] * (third - first)
    normals = normals_by_area[picked] / doubled_areas[picked, None]
    labels = None
    if surface.face_labels is not None:
        labels = surface.face_labels[picked]
    elif surface.vertex_labels is not None:
        nearest = np.column_stack([1 - weights.sum(axis=1), weights]).argmax(axis=1)
        labels = surface.vertex_labels[faces[np.arange(count), nearest]]
    return Cloud(points, normals, labels)


def _corners(surface: Surface) -> Floats:
    """(F, 3, 3): the corners of each face in a frame where the surface has extent 1, so that no area can overflow."""
    vertices, faces = surface.vertices, surface.faces
    if not len(faces):
        raise ShapeError("a mesh without faces")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ShapeError(f"a face names vertex {int(faces.max())} of {len(vertices):,}")
    corners: Floats = vertices[faces]
    bad = ~np.isfinite(corners).all(axis=(1, 2))
    if bad.any():
        raise ShapeError(f"a coordinate of face {int(bad.argmax()) + 1} is not finite")
    low = corners.min(axis=(0, 1))
    extent = float((corners.max(axis=(0, 1)) - low).max())
    result: Floats = (corners - low) / (extent or 1.0)
    return result


def _choose(cloud: Cloud, count: int, generator: np.random.RandomState) -> Cloud:
    size = len(cloud.points)
    if not size:
        raise ShapeError("no points")
    bad = ~np.isfinite(cloud.points).all(axis=1)
    if bad.any():
        raise ShapeError(f"a coordinate of point {int(bad.argmax()) + 1} is not finite")
    if size >= count:
        picked = np.sort(generator.permutation(size)[:count])
    else:
        picked = np.concatenate([np.arange(size), generator.randint(size, size=count - size)])
    return Cloud(
        cloud.points[picked],
        None if cloud.normals is None else cloud.normals[picked],
        None if cloud.labels is None else cloud.labels[picked],
    )
