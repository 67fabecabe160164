"""Sets of surfaces as flat arrays, for the cache: what the clouds of a public set are sampled from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from intertwine.data._sampling import Surface, sample_in_unit_sphere


def pack_surfaces(surfaces: Sequence[Surface]) -> dict[str, Tensor]:
    """Surfaces as tensors: vertices float32, each once, faces int32, labels of faces uint8."""
    merged = [_merge_vertices(surface) for surface in surfaces]
    tensors = {
        "vertices": torch.from_numpy(np.concatenate([surface.vertices for surface in merged]).astype(np.float32)),
        "faces": torch.from_numpy(np.concatenate([surface.faces for surface in merged]).astype(np.int32)),
        "vertex_counts": torch.tensor([len(surface.vertices) for surface in merged]),
        "face_counts": torch.tensor([len(surface.faces) for surface in merged]),
    }
    labels = [surface.face_labels for surface in merged if surface.face_labels is not None]
    if len(labels) == len(merged):
        tensors["labels"] = torch.from_numpy(np.concatenate(labels).astype(np.uint8))
    return tensors


def unpack_surfaces(tensors: dict[str, Tensor]) -> list[Surface]:
    """The inverse of `pack_surfaces`."""
    vertices = tensors["vertices"].split(tensors["vertex_counts"].tolist())
    counts = tensors["face_counts"].tolist()
    faces = tensors["faces"].split(counts)
    labels = tensors["labels"].split(counts) if "labels" in tensors else [None] * len(counts)
    return [
        Surface(
            points.numpy().astype(np.float64),
            corners.numpy().astype(np.int64),
            None if label is None else label.numpy().astype(np.int64),
        )
        for points, corners, label in zip(vertices, faces, labels, strict=True)
    ]


def sample_surfaces(tensors: dict[str, Tensor], points: int, seed: int, draws: int = 1) -> dict[str, Tensor]:
    """Clouds of each surface in the unit sphere, `draws` of them one after the other.

    Returns:
        counts (S,); positions (S * draws * points, 3) and normals float32; parts (S * draws * points,) int64 where
        there are labels.
    """
    clouds = [sample_in_unit_sphere(surface, points, seed, draws) for surface in unpack_surfaces(tensors)]
    result = {
        "counts": np.full(len(clouds), draws * points),
        "positions": np.concatenate([cloud.points for cloud in clouds]).astype(np.float32),
        "normals": np.concatenate([cloud.normals for cloud in clouds if cloud.normals is not None]).astype(np.float32),
    }
    if "labels" in tensors:
        result["parts"] = np.concatenate([cloud.labels for cloud in clouds if cloud.labels is not None])
    return {name: torch.from_numpy(array) for name, array in result.items()}


def _merge_vertices(surface: Surface) -> Surface:
    """Each vertex that a face uses, once."""
    used, faces = np.unique(surface.faces, return_inverse=True)
    rows = np.ascontiguousarray(surface.vertices[used].astype(np.float32) + np.float32(0))
    _, first, index = np.unique(rows.view("V12").reshape(-1), return_index=True, return_inverse=True)
    return Surface(rows[first].astype(np.float64), index[faces].reshape(-1, 3), surface.face_labels)
