"""Shapes in memory: positions as tensors or arrays, or meshes of trimesh."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from intertwine._errors import UsageError
from intertwine.data import Cloud, CloudChunk, Surface, sample_shapes
from intertwine.tasks._memory import as_array, as_examples, refuse_fields
from intertwine.tasks.clouds._source import Sampling, replace_normals


def shapes_in_memory(
    data: Any, sampling: Sampling, chunk: int, *, normals: Any = None, category: Any = None, **fields: Any
) -> Iterator[CloudChunk]:
    """The clouds of shapes, sampled as those of files are.

    Args:
        data: Positions ``(N, 3)`` or a mesh with ``vertices`` and ``faces``; or a list of them.
        sampling: How clouds are sampled.
        chunk: How many at a time.
        normals: ``(N, 3)``, or a list of them.
        category: The name of the class, or a list of them.
        fields: None that is known.

    Raises:
        UsageError: A shape is not what was expected.
    """
    refuse_fields(fields, "normals", "category")
    items = (
        (str(number), label or "", as_shape(example, directions))
        for number, (example, directions, label) in enumerate(as_examples(data, normals=normals, category=category), 1)
    )
    options: dict[str, Any] = {"normals": sampling.normals, "estimate_normals": sampling.estimate}
    for some in sample_shapes(items, sampling.points, sampling.seed, **options, chunk=chunk):
        yield some._replace(clouds=replace_normals(some.clouds)) if sampling.always else some


def as_shape(example: Any, normals: Any) -> Surface | Cloud:
    """The cloud of positions, or the surface of a mesh.

    Raises:
        UsageError: It is neither.
    """
    if hasattr(example, "faces"):
        return Surface(np.asarray(example.vertices, dtype=np.float64), np.asarray(example.faces, dtype=np.int64))
    points = as_array(example, "positions")
    if points.ndim != 2 or points.shape[1] != 3:
        raise UsageError(f"expected positions (N, 3) or a mesh, got an array {points.shape}")
    if normals is None:
        return Cloud(points)
    directions = as_array(normals, "normals")
    if directions.shape != points.shape:
        raise UsageError(f"normals must be {points.shape} as the positions, got {directions.shape}")
    return Cloud(points, directions)
