"""Many point clouds in flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from intertwine.data._names import Names
from intertwine.data._ragged import offsets_of, ragged_ranges


@dataclass(frozen=True, eq=False)
class Structures:
    """S structures of N atoms in all: atom ``i`` belongs to structure ``s`` when ``offsets[s] <= i < offsets[s + 1]``.

    Args:
        numbers: (N,) int64, atomic numbers.
        positions: (N, 3) float64, Angstrom.
        offsets: (S + 1,) int64, from 0 to N, increasing: every structure has an atom.
        targets: name -> (S, d) float64.
        names: S strings; 1, 2, 3, ... when not given.

    Raises:
        TypeError: a tensor has another dtype than the one above.
        ValueError: the lengths do not agree, or a position or a target is NaN or infinite.

    >>> water = Structures(torch.tensor([8, 1, 1]), torch.eye(3, dtype=torch.float64), torch.tensor([0, 3]))
    >>> len(water), water.counts.tolist(), water.composition([1, 6, 8]).tolist()
    (1, [3], [[2.0, 0.0, 1.0]])
    """

    numbers: Tensor
    positions: Tensor
    offsets: Tensor
    targets: dict[str, Tensor] = field(default_factory=dict)
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, dtype in (("numbers", torch.int64), ("positions", torch.float64), ("offsets", torch.int64)):
            _check_dtype(name, getattr(self, name), dtype)
        atoms, size = len(self.numbers), len(self.offsets) - 1
        if self.numbers.dim() != 1 or self.positions.shape != (atoms, 3):
            raise ValueError(
                "expected numbers (N,) and positions (N, 3); "
                f"got {tuple(self.numbers.shape)} and {tuple(self.positions.shape)}"
            )
        if atoms and int(self.numbers.min()) < 0:
            raise ValueError(f"atomic numbers are not negative; got {int(self.numbers.min())}")
        if self.offsets.dim() != 1 or size < 0 or int(self.offsets[0]) != 0 or int(self.offsets[-1]) != atoms:
            raise ValueError(
                f"offsets must run from 0 to the number of atoms, {atoms}; got {self.offsets.tolist()[:8]} ..."
            )
        if bool((self.counts < 1).any()):
            worst = int(self.counts.argmin())
            raise ValueError(f"offsets must increase: structure {worst} has {int(self.counts[worst])} atoms")
        if not bool(self.positions.isfinite().all()):
            raise ValueError(f"position of atom {_first_bad(self.positions)} is not finite")
        for name, values in self.targets.items():
            _check_dtype(f"target {name!r}", values, torch.float64)
            if values.dim() != 2 or len(values) != size:
                raise ValueError(f"target {name!r} must be ({size}, d), one row a structure; got {tuple(values.shape)}")
            if not bool(values.isfinite().all()):
                raise ValueError(f"target {name!r} of structure {_first_bad(values)} is not finite")
        names = self.names if isinstance(self.names, Names) else Names(self.names or range(1, size + 1))
        if len(names) != size:
            raise ValueError(f"{len(names)} names for {size} structures")
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        widths = ", ".join(f"{name}: {values.shape[1]}" for name, values in self.targets.items())
        return f"Structures({len(self)} structures, {len(self.numbers)} atoms, targets {{{widths}}})"

    @property
    def counts(self) -> Tensor:
        """(S,) int64, atoms of each structure."""
        return self.offsets.diff()

    @property
    def batch(self) -> Tensor:
        """(N,) int64, the structure that each atom belongs to."""
        return torch.arange(len(self)).repeat_interleave(self.counts, output_size=len(self.numbers))

    @property
    def elements(self) -> tuple[int, ...]:
        """The atomic numbers that occur, increasing."""
        return tuple(self.numbers.bincount().nonzero().flatten().tolist())

    def select(self, indices: Tensor | Sequence[int]) -> Structures:
        """These structures, in this order.

        Args:
            indices: (K,) integers, of which negative ones count from the end; or (S,) booleans, a mask.

        Raises:
            IndexError: an index is out of range.
        """
        chosen = as_indices(indices, len(self))
        counts = self.counts[chosen]
        atoms = ragged_ranges(self.offsets[chosen], counts)
        assert isinstance(self.names, Names), "names are wrapped on construction"
        return Structures(
            self.numbers[atoms],
            self.positions[atoms],
            offsets_of(counts),
            {name: values[chosen] for name, values in self.targets.items()},
            self.names.select(chosen.numpy()),
        )

    def composition(self, elements: Sequence[int]) -> Tensor:
        """How many atoms of each element each structure has; elements that are not listed are not counted.

        Args:
            elements: K different atomic numbers.

        Returns:
            (S, K) float64.
        """
        listed = torch.tensor(list(elements), dtype=torch.int64)
        same = self.numbers[:, None] == listed
        counts = torch.zeros(len(self), len(listed), dtype=torch.float64)
        return counts.index_add_(0, self.batch, same.to(torch.float64))

    @staticmethod
    def concatenate(parts: Sequence[Structures]) -> Structures:
        """All structures of the first part, then of the second, and so on.

        Raises:
            ValueError: no part is given, or the parts have different targets.
        """
        if not parts:
            raise ValueError("nothing to concatenate: give at least one Structures")
        keys = list(parts[0].targets)
        for part in parts:
            if set(part.targets) != set(keys):
                raise ValueError(f"the parts have different targets: {sorted(keys)} and {sorted(part.targets)}")
        return Structures(
            torch.cat([part.numbers for part in parts]),
            torch.cat([part.positions for part in parts]),
            offsets_of(torch.cat([part.counts for part in parts])),
            {key: torch.cat([part.targets[key] for part in parts]) for key in keys},
            Names.concatenate([part.names for part in parts if isinstance(part.names, Names)]),
        )


def as_indices(indices: Tensor | Sequence[int], size: int) -> Tensor:
    """Integers or a mask as int64 indices in ``0 ... size - 1``; raises IndexError for those out of range."""
    chosen = indices if isinstance(indices, Tensor) else torch.tensor(list(indices))
    if chosen.dtype == torch.bool:
        if chosen.shape != (size,):
            raise IndexError(f"a mask over {size} structures must have {size} entries; got {tuple(chosen.shape)}")
        return chosen.nonzero().flatten()
    chosen = chosen.to(torch.int64).flatten()
    if len(chosen) and not (-size <= int(chosen.min()) and int(chosen.max()) < size):
        raise IndexError(f"index out of range: {int(chosen.min())} ... {int(chosen.max())} for {size} structures")
    return torch.where(chosen < 0, chosen + size, chosen)


def _check_dtype(name: str, value: object, dtype: torch.dtype) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor of {dtype}; got {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}; got {value.dtype}: convert it with .to({dtype})")


def _first_bad(values: Tensor) -> int:
    return int((~values.isfinite()).any(dim=1).nonzero()[0])
