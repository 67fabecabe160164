"""Many shapes as clouds in flat arrays, with a class each and, if there are any, a part for each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data._names import Names
from intertwine.data._ragged import offsets_of, ragged_ranges
from intertwine.data._split import Amount, Split, stratified_split
from intertwine.data._structures import as_indices


class ShapeBatch(NamedTuple):
    """B clouds of N points in all, as a network takes them.

    positions (N, 3); batch (N,) int64, increasing; shapes B; classes (B,) int64; parts (N,) int64 or None; normals
    (N, 3) or None.
    """

    positions: Tensor
    batch: Tensor
    shapes: int
    classes: Tensor
    parts: Tensor | None
    normals: Tensor | None

    def rotate(self, rotations: Tensor) -> ShapeBatch:
        """Each cloud, and its normals, moved by its own matrix: ``x -> R x``.

        Args:
            rotations: (B, 3, 3), orthogonal.

        Raises:
            ValueError: another shape.
        """
        if rotations.shape != (self.shapes, 3, 3):
            raise ValueError(f"rotations must be ({self.shapes}, 3, 3), one a shape; got {tuple(rotations.shape)}")
        matrices = rotations.to(self.positions.dtype)[self.batch]
        positions = torch.einsum("nij,nj->ni", matrices, self.positions)
        normals = None if self.normals is None else torch.einsum("nij,nj->ni", matrices, self.normals)
        return self._replace(positions=positions, normals=normals)


@dataclass(frozen=True, eq=False)
class ShapeSet:
    """S clouds of N points in all: point ``i`` belongs to shape ``s`` when ``offsets[s] <= i < offsets[s + 1]``.

    Args:
        positions: (N, 3) float32 or float64; z is up where the source has an up.
        offsets: (S + 1,) int64, from 0 to N, increasing.
        classes: (S,) int64, an index of `class_names`.
        class_names: what there is to tell apart.
        parts: (N,) int64, an index of `part_names`; or None.
        part_names: what a shape may be made of; () without parts.
        normals: (N, 3) as positions, of length 1; or None.
        names: S strings; 1, 2, 3, ... when not given.
        split: the one that the source prescribes; or None.
        skipped: (file, reason) of what could not be read.

    Raises:
        TypeError: a tensor has another dtype than the one above.
        ValueError: the lengths do not agree, a position is not finite, or an index has no name.

    >>> pair = ShapeSet(torch.eye(3), torch.tensor([0, 1, 3]), torch.tensor([1, 0]), ("chair", "table"))
    >>> pair, pair.class_counts, pair.select([1]).positions.tolist()
    (ShapeSet(2 shapes, 3 points, 2 classes), {'chair': 1, 'table': 1}, [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    """

    positions: Tensor
    offsets: Tensor
    classes: Tensor
    class_names: tuple[str, ...]
    parts: Tensor | None = None
    part_names: tuple[str, ...] = ()
    normals: Tensor | None = None
    names: Sequence[str] = ()
    split: Split | None = None
    skipped: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        points, size = len(self.positions), len(self.offsets) - 1
        if self.positions.dtype not in (torch.float32, torch.float64):
            raise TypeError(f"positions must be float32 or float64; got {self.positions.dtype}")
        for name, indices in (("offsets", self.offsets), ("classes", self.classes), ("parts", self.parts)):
            if indices is not None and indices.dtype != torch.int64:
                raise TypeError(f"{name} must be torch.int64; got {indices.dtype}")
        if self.positions.shape != (points, 3) or not bool(self.positions.isfinite().all()):
            raise ValueError(f"positions must be (N, 3) and finite; got {tuple(self.positions.shape)}")
        if size < 0 or int(self.offsets[0]) != 0 or int(self.offsets[-1]) != points or bool((self.counts < 1).any()):
            raise ValueError(f"offsets must increase from 0 to the number of points, {points}")
        if self.normals is not None and self.normals.shape != self.positions.shape:
            raise ValueError(f"normals must be {tuple(self.positions.shape)}; got {tuple(self.normals.shape)}")
        _check_indices("classes", self.classes, size, self.class_names)
        if self.parts is not None:
            _check_indices("parts", self.parts, points, self.part_names)
        names = self.names if isinstance(self.names, Names) else Names(self.names or range(1, size + 1))
        if len(names) != size or (self.split is not None and self.split.n != size):
            raise ValueError(f"names and split must be of {size} shapes; got {len(names)} names, split {self.split}")
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        parts = f", {len(self.part_names)} parts" if self.parts is not None else ""
        return f"ShapeSet({len(self)} shapes, {len(self.positions)} points, {len(self.class_names)} classes{parts})"

    @property
    def counts(self) -> Tensor:
        """(S,) int64, points of each shape."""
        return self.offsets.diff()

    @property
    def class_counts(self) -> dict[str, int]:
        """How many shapes each class has."""
        counts = self.classes.bincount(minlength=len(self.class_names)).tolist()
        return dict(zip(self.class_names, counts, strict=True))

    @property
    def part_shares(self) -> dict[str, float]:
        """Which share of all points each part has; empty without parts."""
        if self.parts is None:
            return {}
        counts = self.parts.bincount(minlength=len(self.part_names)).tolist()
        return {name: count / max(1, len(self.parts)) for name, count in zip(self.part_names, counts, strict=True)}

    def select(self, indices: Tensor | Sequence[int]) -> ShapeSet:
        """These shapes, in this order, with all class and part names; what was prescribed or skipped is left behind.

        Args:
            indices: (K,) integers, of which negative ones count from the end; or (S,) booleans, a mask.

        Raises:
            IndexError: an index is out of range.
        """
        chosen = as_indices(indices, len(self))
        counts = self.counts[chosen]
        points = ragged_ranges(self.offsets[chosen], counts)
        assert isinstance(self.names, Names), "names are wrapped on construction"
        return ShapeSet(
            self.positions[points],
            offsets_of(counts),
            self.classes[chosen],
            self.class_names,
            None if self.parts is None else self.parts[points],
            self.part_names,
            None if self.normals is None else self.normals[points],
            self.names.select(chosen.numpy()),
        )

    def unfold(self, draws: int) -> ShapeSet:
        """The clouds that were drawn of each shape as shapes of their own: those of shape s from row s * draws on.

        Args:
            draws: how many clouds stand one after the other along the points of each shape.

        Raises:
            ValueError: a shape's points are no multiple of them.

        >>> ShapeSet(torch.rand(4, 3), torch.tensor([0, 4]), torch.tensor([0]), ("chair",)).unfold(2)
        ShapeSet(2 shapes, 4 points, 1 classes)
        """
        if draws < 1 or bool((self.counts % draws).any()):
            raise ValueError(f"every shape must have a multiple of {draws} points; got {self.counts.unique().tolist()}")
        counts = (self.counts // draws).repeat_interleave(draws)
        assert isinstance(self.names, Names), "names are wrapped on construction"
        return replace(
            self,
            offsets=offsets_of(counts),
            classes=self.classes.repeat_interleave(draws),
            names=self.names.select(torch.arange(len(self)).repeat_interleave(draws).numpy()),
            split=None,
        )

    def batch(
        self, indices: Tensor | Sequence[int], *, rotations: Tensor | None = None, dtype: torch.dtype = torch.float32
    ) -> ShapeBatch:
        """These shapes, one after the other.

        Args:
            indices: (B,) integers; a shape may come more than once.
            rotations: (B, 3, 3) orthogonal matrices, one a shape, applied in float64 before the cast.
            dtype: of positions and normals.

        Raises:
            IndexError: an index is out of range.
            ValueError: the rotations have another shape.
        """
        chosen = as_indices(indices, len(self))
        counts = self.counts[chosen]
        points = ragged_ranges(self.offsets[chosen], counts)
        batch = torch.arange(len(chosen)).repeat_interleave(counts, output_size=len(points))
        before = dtype if rotations is None else torch.float64
        result = ShapeBatch(
            self.positions[points].to(before),
            batch,
            len(chosen),
            self.classes[chosen],
            None if self.parts is None else self.parts[points],
            None if self.normals is None else self.normals[points].to(before),
        )
        if rotations is None:
            return result
        result = result.rotate(rotations)
        normals = None if result.normals is None else result.normals.to(dtype)
        return result._replace(positions=result.positions.to(dtype), normals=normals)

    def make_split(self, train: Amount = None, validation: Amount = None, test: Amount = None, seed: int = 0) -> Split:
        """The prescribed split where there is one, else one that is stratified by class.

        A prescribed split without validation shapes gives up a tenth of its training shapes for them, stratified. Any
        size that is asked for replaces the prescribed split.

        Args:
            train: as in `make_split`.
            validation: the same.
            test: the same.
            seed: from 0 to 2^32 - 1.

        Raises:
            UsageError: as in `make_split`; or the prescribed split has nothing to train on.
        """
        given = self.split
        if given is None or not (train is None and validation is None and test is None):
            return stratified_split(self.classes, train, validation, test, seed, names=self.class_names)
        if not len(given.train):
            raise UsageError(
                "no shape stands in a folder train, others in test or validation: expected some to learn from"
            )
        if len(given.validation):
            return given
        inner = stratified_split(self.classes[given.train], validation=0.1, test=0, seed=seed, names=self.class_names)
        return Split(given.n, given.train[inner.train], given.train[inner.validation], given.test, seed)


def _check_indices(what: str, indices: Tensor, count: int, names: Sequence[str]) -> None:
    if indices.shape != (count,):
        raise ValueError(f"{what} must be ({count},); got {tuple(indices.shape)}")
    if count and (int(indices.min()) < 0 or int(indices.max()) >= len(names)):
        raise ValueError(f"{what} run from {int(indices.min())} to {int(indices.max())} for {len(names)} names")
