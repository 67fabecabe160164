"""Many point clouds in flat arrays, with named fields of points and of clouds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from intertwine.data._fields import (
    Fields,
    check_cells,
    check_distinct,
    check_dtype,
    check_fields,
    check_labels,
    check_vectors,
    first_not_finite,
)
from intertwine.data._lazy_names import LazyNames
from intertwine.data._ragged import as_indices, batch_from_counts, offsets_from_counts, ragged_ranges
from intertwine.data._split import Amount, Split, make_split, stratified_split, with_validation


@dataclass(frozen=True, eq=False)
class PointCloudSet:
    """S clouds of N points in all: point ``i`` belongs to cloud ``s`` when ``offsets[s] <= i < offsets[s + 1]``.

    Args:
        positions: (N, 3) float32 or float64.
        offsets: (S + 1,) int64, from 0 to N, increasing: every cloud has a point.
        point_fields: name -> (N, ...), such as numbers, parts, normals.
        cloud_fields: name -> (S, ...), such as classes, or targets by their names. Periodic clouds have ``cell``
            (S, 9) float64, one of the vectors: three lattice vectors a row; and ``pbc`` (S, 3) bool, which of them are
            periodic, by default those that are not zero.
        vectors: the names of those fields that rotate with the cloud: (N, 3 V) or (S, 3 V), V vectors a row.
        label_names: for each field of labels, int64, what its labels 0, 1, ... mean.
        names: S strings; 1, 2, 3, ... when not given.
        split: the one that the source prescribes; or None.
        skipped: (file, reason) of what could not be read.

    Raises:
        TypeError: a tensor has another dtype than the one above, or a field is no tensor.
        ValueError: the lengths do not agree, a number is NaN or infinite, or a label has no name.

    >>> pair = PointCloudSet(torch.eye(3), torch.tensor([0, 1, 3]), {"numbers": torch.tensor([8, 1, 1])},
    ...                      {"classes": torch.tensor([1, 0])}, label_names={"classes": ("chair", "table")})
    >>> pair
    PointCloudSet(2 clouds, 3 points; of points: numbers; of clouds: classes)
    >>> pair.label_counts("classes"), pair.composition([1, 8]).tolist(), pair.select([1]).counts.tolist()
    ({'chair': 1, 'table': 1}, [[0.0, 1.0], [2.0, 0.0]], [2])
    """

    positions: Tensor
    offsets: Tensor
    point_fields: Fields = field(default_factory=dict)
    cloud_fields: Fields = field(default_factory=dict)
    vectors: Collection[str] = frozenset()
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Sequence[str] = ()
    split: Split | None = None
    skipped: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_dtype("positions", self.positions, torch.float32, torch.float64)
        check_dtype("offsets", self.offsets, torch.int64)
        points, size = len(self.positions), len(self.offsets) - 1
        if self.positions.shape != (points, 3):
            raise ValueError(f"positions must be (N, 3); got {tuple(self.positions.shape)}")
        if not bool(self.positions.isfinite().all()):
            raise ValueError(f"position of point {first_not_finite(self.positions)} is not finite")
        if self.offsets.dim() != 1 or size < 0 or int(self.offsets[0]) != 0 or int(self.offsets[-1]) != points:
            raise ValueError(
                f"offsets must run from 0 to the number of points, {points}; got {self.offsets.tolist()[:8]} ..."
            )
        if bool((self.counts < 1).any()):
            worst = int(self.counts.argmin())
            raise ValueError(f"offsets must increase: cloud {worst} has {int(self.counts[worst])} points")
        check_fields("point", self.point_fields, points)
        check_fields("cloud", self.cloud_fields, size)
        check_distinct(self.point_fields, self.cloud_fields)
        check_cells(self.cloud_fields, self.vectors)
        check_vectors(self.vectors, self._fields)
        check_labels(self.label_names, self._fields)
        names = self.names if isinstance(self.names, LazyNames) else LazyNames(self.names or range(1, size + 1))
        if len(names) != size or (self.split is not None and self.split.n != size):
            raise ValueError(f"names and split must be of {size} clouds; got {len(names)} names, split {self.split}")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "vectors", frozenset(self.vectors))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        levels = {"points": self.point_fields, "clouds": self.cloud_fields}
        told = "".join(f"; of {level}: {', '.join(fields)}" for level, fields in levels.items() if fields)
        return f"PointCloudSet({len(self)} clouds, {len(self.positions)} points{told})"

    @property
    def _fields(self) -> Fields:
        return {**self.point_fields, **self.cloud_fields}

    @property
    def counts(self) -> Tensor:
        """(S,) int64, points of each cloud."""
        return self.offsets.diff()

    @property
    def lattice(self) -> Tensor | None:
        """(S, 3, 3), the lattice vectors of periodic directions and zeros for the others; None without cells."""
        if "cell" not in self.cloud_fields:
            return None
        cell = self.cloud_fields["cell"].unflatten(1, (3, 3))
        return torch.where(self.cloud_fields["pbc"][:, :, None], cell, 0.0) if "pbc" in self.cloud_fields else cell

    def with_cells(self) -> PointCloudSet:
        """The same clouds with the fields ``cell`` and ``pbc``: zeros and False where they had none."""
        if "cell" in self.cloud_fields:
            return self
        cell = torch.zeros(len(self), 9, dtype=torch.float64)
        pbc = torch.zeros(len(self), 3, dtype=torch.bool)
        fields = {**self.cloud_fields, "cell": cell, "pbc": pbc}
        return replace(self, cloud_fields=fields, vectors=[*self.vectors, "cell"])

    @property
    def batch(self) -> Tensor:
        """(N,) int64, the cloud that each point belongs to."""
        return batch_from_counts(self.counts)

    def select(self, indices: Tensor | Sequence[int]) -> PointCloudSet:
        """These clouds, in this order, with all names of labels; what was prescribed or skipped is left behind.

        Args:
            indices: (K,) integers, of which negative ones count from the end; or (S,) booleans, a mask.

        Raises:
            IndexError: an index is out of range.
        """
        index = as_indices(indices, len(self))
        counts = self.counts[index]
        points = ragged_ranges(self.offsets[index], counts)
        return replace(
            self,
            positions=self.positions[points],
            offsets=offsets_from_counts(counts),
            point_fields={name: values[points] for name, values in self.point_fields.items()},
            cloud_fields={name: values[index] for name, values in self.cloud_fields.items()},
            names=self._lazy_names.select(index.numpy()),
            split=None,
            skipped=(),
        )

    def select_fields(self, *names: str) -> PointCloudSet:
        """The same clouds with these of their fields and no others; a name that they do not have is passed over."""
        return replace(
            self,
            point_fields={name: values for name, values in self.point_fields.items() if name in names},
            cloud_fields={name: values for name, values in self.cloud_fields.items() if name in names},
            vectors=[name for name in self.vectors if name in names],
            label_names={name: labels for name, labels in self.label_names.items() if name in names},
        )

    def unfold(self, draws: int) -> PointCloudSet:
        """The clouds that were drawn of each shape as clouds of their own: those of shape s from row s * draws on.

        Args:
            draws: how many clouds stand one after the other along the points of each shape.

        Raises:
            ValueError: a shape's points are no multiple of them.

        >>> PointCloudSet(torch.rand(4, 3), torch.tensor([0, 4])).unfold(2).counts.tolist()
        [2, 2]
        """
        if draws < 1 or bool((self.counts % draws).any()):
            raise ValueError(f"every cloud must have a multiple of {draws} points; got {self.counts.unique().tolist()}")
        index = torch.arange(len(self)).repeat_interleave(draws)
        return replace(
            self,
            offsets=offsets_from_counts((self.counts // draws)[index]),
            cloud_fields={name: values[index] for name, values in self.cloud_fields.items()},
            names=self._lazy_names.select(index.numpy()),
            split=None,
        )

    def composition(self, values: Sequence[int], field: str = "numbers") -> Tensor:
        """How many points of each value each cloud has: atoms of each element; values that are not listed do not count.

        Args:
            values: K different integers, such as atomic numbers.
            field: a field of points, (N,) integers.

        Returns:
            (S, K) float64.

        Raises:
            KeyError: there is no such field.
        """
        listed = torch.tensor(list(values), dtype=torch.int64)
        same = self._point_field(field)[:, None] == listed
        counts = torch.zeros(len(self), len(listed), dtype=torch.float64)
        return counts.index_add_(0, self.batch, same.to(torch.float64))

    def distinct(self, field: str = "numbers") -> tuple[int, ...]:
        """The integers that occur in a field of points, increasing: of "numbers", the elements.

        Raises:
            KeyError: there is no such field.
        """
        return tuple(self._point_field(field).unique().tolist())

    def label_counts(self, field: str) -> dict[str, int]:
        """How many clouds, or points, each label of a field has, by its name.

        Raises:
            KeyError: the field has no names of labels.
        """
        if field not in self.label_names:
            raise KeyError(f"no field of labels {field!r}; there are {', '.join(self.label_names) or 'none'}")
        names = self.label_names[field]
        return dict(zip(names, self._fields[field].bincount(minlength=len(names)).tolist(), strict=True))

    def make_split(self, train: Amount = None, validation: Amount = None, test: Amount = None, seed: int = 0) -> Split:
        """The prescribed split where there is one, else a random one, stratified where the clouds have classes.

        A prescribed split without validation clouds gives up a tenth of its training clouds for them, stratified. Any
        size that is asked for replaces the prescribed split.

        Args:
            train: as in `make_split`.
            validation: the same.
            test: the same.
            seed: from 0 to 2^32 - 1.

        Raises:
            UsageError: as in `make_split`; or the prescribed split has nothing to train on.
        """
        classes = self.cloud_fields.get("classes")
        if self.split is not None and train is None and validation is None and test is None:
            return with_validation(self.split, classes, seed, self.label_names.get("classes"))
        if classes is None:
            return make_split(len(self), train, validation, test, seed)
        return stratified_split(classes, train, validation, test, seed, names=self.label_names.get("classes"))

    @staticmethod
    def concatenate(parts: Sequence[PointCloudSet]) -> PointCloudSet:
        """All clouds of the first part, then of the second, and so on.

        Raises:
            ValueError: no part is given, or the parts have different fields, vectors or names of labels.
        """
        if not parts:
            raise ValueError("nothing to concatenate: give at least one PointCloudSet")
        first = parts[0]
        for part in parts:
            if part._layout != first._layout:
                raise ValueError(f"the parts have different fields: {first!r} and {part!r}")
        return PointCloudSet(
            torch.cat([part.positions for part in parts]),
            offsets_from_counts(torch.cat([part.counts for part in parts])),
            {name: torch.cat([part.point_fields[name] for part in parts]) for name in first.point_fields},
            {name: torch.cat([part.cloud_fields[name] for part in parts]) for name in first.cloud_fields},
            first.vectors,
            first.label_names,
            LazyNames.concatenate([part._lazy_names for part in parts]),
            skipped=tuple(pair for part in parts for pair in part.skipped),
        )

    @property
    def _layout(self) -> tuple[object, ...]:
        labels = {name: tuple(names) for name, names in self.label_names.items()}
        return set(self.point_fields), set(self.cloud_fields), self.vectors, labels

    @property
    def _lazy_names(self) -> LazyNames:
        assert isinstance(self.names, LazyNames), "names are wrapped on construction"
        return self.names

    def _point_field(self, name: str) -> Tensor:
        if name not in self.point_fields:
            raise KeyError(f"no field of points {name!r}; there are {', '.join(self.point_fields) or 'none'}")
        return self.point_fields[name]
