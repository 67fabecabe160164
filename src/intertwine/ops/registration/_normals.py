"""Normals of a point cloud from its principal axes near each point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from intertwine.ops.registration._sampling import Floats

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

_LINE = 1e-9
"""Variances of points on a line, relative to that along it."""


def estimate_normals(points: Floats, tree: cKDTree, queries: Floats, k: int = 20) -> Floats:
    """Unit normals up to sign: the axis of least variance of the ``k`` nearest points.

    Args:
        points: ``(N, 3)``.
        tree: Their k-d tree.
        queries: ``(M, 3)``: where the normals are wanted.
        k: Number of neighbors; all points where there are fewer.

    Returns:
        ``(M, 3)``. Where the points are on a line, its direction.

    Law: with the points and the queries moved by one motion, the normals turn with it, up to their signs.
    """
    size = min(k, len(points))
    rows = tree.query(queries, k=size)[1].reshape(len(queries), size)
    near = points[rows]
    near = near - near.mean(axis=1, keepdims=True)
    lengths, axes = np.linalg.eigh(near.transpose(0, 2, 1) @ near)
    on_a_line = lengths[:, 1] <= _LINE * lengths[:, 2]
    normals: Floats = np.where(on_a_line[:, None], axes[:, :, 2], axes[:, :, 0])
    return normals
