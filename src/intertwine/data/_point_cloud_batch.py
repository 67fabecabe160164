"""A batch of point clouds as one graph, with named fields of points, clouds and edges."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from intertwine.data._fields import Fields, check_distinct, check_fields, check_vectors, rotate_vectors


@dataclass(frozen=True, eq=False)
class PointCloudBatch:
    """B clouds of N points and E edges in all, as a network takes them.

    Args:
        positions: (N, 3), floating-point.
        edges: (2, E) int64, source row over target row, sorted by target.
        batch: (N,) int64, the cloud of each point, increasing.
        num_clouds: B.
        point_fields: name -> (N, ...), such as numbers, parts, normals.
        cloud_fields: name -> (B, ...), such as classes and targets, which keep the dtype in which they were read.
        edge_fields: name -> (E, ...). Of periodic clouds ``shifts`` (E, 3), the lattice vector that is added to the
            position of the source of an edge.
        vectors: the names of those fields that rotate with the cloud: (N, 3 V), (B, 3 V) or (E, 3 V), V vectors a row.

    Raises:
        TypeError: a field is no tensor, or one of vectors is not floating-point.
        ValueError: the lengths do not agree, a name stands twice, or a field of vectors has no vectors or is missing.

    >>> pair = PointCloudBatch(torch.eye(3)[:2], torch.tensor([[1, 0], [0, 1]]), torch.tensor([0, 0]), 1,
    ...                        {"numbers": torch.tensor([1, 8]), "normals": torch.eye(3)[1:]}, vectors={"normals"})
    >>> quarter = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    >>> pair.rotate(quarter).point_fields["normals"].tolist()
    [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    positions: Tensor
    edges: Tensor
    batch: Tensor
    num_clouds: int
    point_fields: Fields = field(default_factory=dict)
    cloud_fields: Fields = field(default_factory=dict)
    edge_fields: Fields = field(default_factory=dict)
    vectors: Collection[str] = frozenset()

    def __post_init__(self) -> None:
        points, edges = len(self.positions), self.edges.shape[-1]
        if self.positions.shape != (points, 3) or not self.positions.is_floating_point():
            raise ValueError(
                f"positions must be (N, 3), floating-point; got {tuple(self.positions.shape)}, {self.positions.dtype}"
            )
        if self.edges.shape != (2, edges) or self.batch.shape != (points,):
            raise ValueError(
                f"expected edges (2, E) and batch ({points},); "
                f"got {tuple(self.edges.shape)} and {tuple(self.batch.shape)}"
            )
        sizes = {"point": points, "cloud": self.num_clouds, "edge": edges}
        levels = dict(zip(sizes, (self.point_fields, self.cloud_fields, self.edge_fields), strict=True))
        for level, size in sizes.items():
            check_fields(level, levels[level], size, finite=False)
        check_distinct(*levels.values())
        check_vectors(self.vectors, {**self.point_fields, **self.cloud_fields, **self.edge_fields})
        object.__setattr__(self, "vectors", frozenset(self.vectors))

    def rotate(self, rotations: Tensor) -> PointCloudBatch:
        """Each cloud and its vectors moved by a matrix of its own, ``x -> R x``; the edges and all else stay.

        Args:
            rotations: (B, 3, 3), orthogonal.

        Raises:
            ValueError: another shape.
        """
        check_rotations(rotations, self.num_clouds)
        by_point = rotations[self.batch]
        return replace(
            self,
            positions=rotate_vectors(self.positions, by_point.to(self.positions.dtype)),
            point_fields=self._rotated(self.point_fields, by_point),
            cloud_fields=self._rotated(self.cloud_fields, rotations),
            edge_fields=self._rotated(self.edge_fields, by_point[self.edges[1]]) if self.edge_fields else {},
        )

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> PointCloudBatch:
        """The same on another device, in another precision.

        Args:
            device: of every tensor; None leaves them where they are.
            dtype: of the positions, and of the vectors of points and edges. All other fields keep theirs: targets,
                say, stay float64 until the task has normalized them.
        """

        def moved(fields: Fields, cast: bool) -> dict[str, Tensor]:
            return {
                name: values.to(device=device, dtype=dtype if cast and name in self.vectors else None)
                for name, values in fields.items()
            }

        return replace(
            self,
            positions=self.positions.to(device=device, dtype=dtype),
            edges=self.edges.to(device=device),
            batch=self.batch.to(device=device),
            point_fields=moved(self.point_fields, True),
            cloud_fields=moved(self.cloud_fields, False),
            edge_fields=moved(self.edge_fields, True),
        )

    def _rotated(self, fields: Fields, matrices: Tensor) -> Fields:
        return {
            name: rotate_vectors(values, matrices.to(values.dtype)) if name in self.vectors else values
            for name, values in fields.items()
        }


def check_rotations(rotations: Tensor, clouds: int) -> None:
    """Raises ValueError unless there is a matrix for each cloud."""
    if rotations.shape != (clouds, 3, 3):
        raise ValueError(f"rotations must be ({clouds}, 3, 3), one a cloud; got {tuple(rotations.shape)}")
