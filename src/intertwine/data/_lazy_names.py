"""Lazy sequences of names: eight bytes each, made into strings when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt


class LazyNames(Sequence[str]):
    """A sequence of strings ``prefix + key``, made when asked for; the keys are integers or strings.

    Args:
        keys: integers, or strings.
        prefix: what stands before each key.
        digits: integers are filled with zeros to this width.

    >>> LazyNames([1, 130831], prefix="qm9/dsgdb9nsd_", digits=6)[1]
    'qm9/dsgdb9nsd_130831'
    >>> LazyNames(["methane", "ammonia"]) == ("methane", "ammonia")
    True
    """

    __slots__ = ("digits", "keys", "prefix")

    def __init__(self, keys: Iterable[Any] | npt.NDArray[Any], prefix: str = "", digits: int = 0) -> None:
        array = keys if isinstance(keys, np.ndarray) else np.array(list(keys), dtype=object)
        if array.dtype == object and len(array) and all(isinstance(key, int) for key in array):
            array = array.astype(np.int64)
        self.keys = array
        self.prefix = prefix
        self.digits = digits

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> LazyNames: ...

    def __getitem__(self, index: int | slice) -> str | LazyNames:
        if isinstance(index, slice):
            return LazyNames(self.keys[index], self.prefix, self.digits)
        key = self.keys[index]
        return f"{self.prefix}{key}" if isinstance(key, str) else f"{self.prefix}{int(key):0{self.digits}d}"

    def select(self, indices: npt.NDArray[np.int64]) -> LazyNames:
        """The names of these indices, in this order."""
        return LazyNames(self.keys[indices], self.prefix, self.digits)

    @staticmethod
    def concatenate(parts: Sequence[LazyNames]) -> LazyNames:
        """One sequence after the other; stays compact when all have the same prefix and width."""
        first = parts[0]
        if all(
            (part.prefix, part.digits, part.keys.dtype) == (first.prefix, first.digits, first.keys.dtype)
            for part in parts
        ):
            return LazyNames(np.concatenate([part.keys for part in parts]), first.prefix, first.digits)
        return LazyNames(np.array([name for part in parts for name in part], dtype=object))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        first = ", ".join(repr(name) for name in self[:3])
        return f"LazyNames({first}{', ...' if len(self) > 3 else ''}; {len(self)} in all)"
