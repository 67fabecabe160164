"""Seeded splits into training, validation and test, that can be written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError

Amount = int | float | None
"""A count (int), a fraction of all structures (float), or None for a sensible share."""


@dataclass(frozen=True, eq=False)
class Split:
    """Which of n structures are for training, for validation and for the test: int64 indices, none in two of them."""

    n: int
    train: Tensor
    validation: Tensor
    test: Tensor
    seed: int

    def __repr__(self) -> str:
        return f"Split({len(self.train)} / {len(self.validation)} / {len(self.test)} of {self.n}, seed {self.seed})"

    def to_json(self) -> dict[str, Any]:
        """Numbers and lists only, for `json.dump`."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {"n": self.n, "seed": self.seed, **{name: part.tolist() for name, part in parts.items()}}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Split:
        """The inverse of `to_json`.

        Raises:
            UsageError: something is missing, is not an index, or stands in two parts.
        """
        try:
            n, seed = int(content["n"]), int(content["seed"])
            parts = [np.array(content[name], dtype=np.int64).reshape(-1) for name in ("train", "validation", "test")]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                f"not a split: expected n, seed, train, validation and test with lists of integers ({error!r})"
            ) from error
        every = np.concatenate(parts)
        if len(every) and (every.min() < 0 or every.max() >= n):
            raise UsageError(f"not a split: index {every.max() if every.max() >= n else every.min()} of {n} structures")
        if len(np.unique(every)) != len(every):
            raise UsageError("not a split: a structure stands in it twice")
        train, validation, test = (torch.from_numpy(part) for part in parts)
        return Split(n, train, validation, test, seed)


def make_split(n: int, train: Amount = None, validation: Amount = None, test: Amount = None, seed: int = 0) -> Split:
    """A random split of n structures.

    With one seed the test set depends only on its own size, and a larger training set contains the smaller: learning
    curves compare like with like. The order comes from a generator whose stream numpy has frozen: a split of today is a
    split of the next years.

    Args:
        n: how many structures there are.
        train: a count (int) or a fraction of n (float); None for all that the others leave.
        validation: the same; None for a tenth of n, or half of what is left when that is less.
        test: the same as for validation.
        seed: from 0 to 2^32 - 1.

    Raises:
        UsageError: they do not fit, are negative, or leave nothing to train on.

    >>> make_split(5123, train=4000, validation=500)
    Split(4000 / 500 / 512 of 5123, seed 0)
    >>> make_split(3)
    Split(1 / 1 / 1 of 3, seed 0)
    """
    if n < 1:
        raise UsageError("there are no structures to split")
    if not 0 <= seed < 1 << 32:
        raise UsageError(f"a seed is an integer from 0 to {(1 << 32) - 1}; got {seed}")
    counts = _counts(n, {"train": train, "validation": validation, "test": test})
    order = torch.from_numpy(np.random.RandomState(seed).permutation(n).astype(np.int64))
    rest = order[counts["test"] :]
    return Split(
        n,
        train=rest[counts["validation"] :][: counts["train"]].clone(),
        validation=rest[: counts["validation"]].clone(),
        test=order[: counts["test"]].clone(),
        seed=seed,
    )


def _counts(n: int, wanted: Mapping[str, Amount]) -> dict[str, int]:
    counts = {name: _count(name, amount, n) for name, amount in wanted.items() if amount is not None}
    shares = [amount for amount in wanted.values() if isinstance(amount, float)]
    if len(shares) == 3 and abs(sum(shares) - 1) < 1e-9 and shares[0] > 0:
        counts["train"] = n - counts["validation"] - counts["test"]  # the whole set, whatever the rounding
    for name in ("validation", "test"):
        if name not in counts:
            # keep one structure for training, and, when the other part is open too, leave it its half
            open_parts = 1 + (name == "validation" and "test" not in counts)
            left = n - sum(counts.values()) - ("train" not in counts)
            counts[name] = max(0, min(max(1, n // 10), -(-left // open_parts)))
    if "train" not in counts:
        counts["train"] = n - counts["validation"] - counts["test"]
    if sum(counts.values()) > n or counts["train"] < 0:
        parts = " + ".join(f"{counts[name]:,}" for name in wanted if counts[name] > 0)
        raise UsageError(f"asked for {parts} of {n:,} structures (training + validation + test): ask for fewer")
    if counts["train"] == 0:
        raise UsageError(
            f"nothing to train on: {counts['validation']:,} + {counts['test']:,} of {n:,} structures are held back"
        )
    return counts


def _count(name: str, amount: int | float, n: int) -> int:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise UsageError(f"{name}: expected a count such as 4000 or a fraction such as 0.8; got {amount!r}")
    if isinstance(amount, int):
        if amount < 0:
            raise UsageError(f"{name}: expected a count such as 4000 or a fraction such as 0.8; got {amount}")
        return amount
    if not 0 <= amount <= 1:
        raise UsageError(f"{name}: a fraction lies between 0 and 1; got {amount:g} (a count has no point: 4000)")
    return max(1, int(amount * n + 1e-9)) if amount else 0
