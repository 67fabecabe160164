"""Shapes in memory: positions as tensors or arrays, or meshes of trimesh."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from intertwine._errors import UsageError
from intertwine.data._sampling import Cloud, ShapeError, Surface
from intertwine.tasks._memory import as_array, as_list, field_list, refuse_fields
from intertwine.tasks.clouds._source import CloudChunk, Sampling, in_chunks, sample_shape


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
    examples = as_list(data)
    all_normals = field_list(normals, examples, "normals")
    labels = [category] * len(examples) if category is None or isinstance(category, str) else list(category)
    if len(labels) != len(examples):
        raise UsageError(f"category has {len(labels)} names for {len(examples)} clouds")

    def shapes() -> Iterator[Any]:
        for number, (example, vectors, label) in enumerate(zip(examples, all_normals, labels, strict=True), 1):
            try:
                yield sample_shape(str(number), label or "", as_shape(example, vectors), sampling)
            except ShapeError as error:
                raise UsageError(f"cloud {number}: {error}") from error

    return in_chunks(shapes(), chunk)


def as_shape(example: Any, normals: Any) -> Surface | Cloud:
    """The cloud of positions, or the surface of a mesh.

    Raises:
        UsageError: It is neither.
    """
    if hasattr(example, "faces"):
        vertices, faces = (np.asarray(part) for part in (example.vertices, example.faces))
        return Surface(vertices.astype(np.float64), faces.astype(np.int64))
    points = as_array(example, "positions")
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise UsageError(f"expected positions (N, 3) or a mesh, got an array {points.shape}")
    if not np.isfinite(points).all():
        raise UsageError("positions must be finite")
    if normals is None:
        return Cloud(points)
    vectors = as_array(normals, "normals")
    if vectors.shape != points.shape:
        raise UsageError(f"normals must be {points.shape} as the positions, got {vectors.shape}")
    return Cloud(points, normals=vectors)
