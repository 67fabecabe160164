"""Seeded splits into training, validation and test sets, as JSON."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine._errors import UsageError

_log = logging.getLogger(__name__)

SPLIT_PARTS = ("train", "validation", "test")

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


def stratified_split(
    classes: Tensor | Sequence[int],
    train: Amount = None,
    validation: Amount = None,
    test: Amount = None,
    seed: int = 0,
    groups: Tensor | Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> Split:
    """A random split in which every part has its share of each class, and no group stands in two parts.

    The members of each class, shuffled, are spread evenly over one line; the parts are cut from that line: test, then
    validation, then training. As with `make_split`, the test set depends only on its own size and a larger training set
    contains the smaller. A class of one shape, or of one group, goes to training, with a warning.

    Args:
        classes: (n,) integers.
        train: a count (int) or a fraction of n (float); None for all that the others leave.
        validation: the same; None for a tenth of n, or half of what is left when that is less.
        test: the same as for validation.
        seed: from 0 to 2^32 - 1.
        groups: (n,) integers; what has the same number, such as near-duplicates, stays together, in the class of its
            first member. A group that does not fit goes further down the line, so the parts may be some members short.
        names: of the classes, for the warning.

    Raises:
        UsageError: as for `make_split`.
        ValueError: the lengths differ.

    >>> split = stratified_split([0] * 60 + [1] * 20, validation=0.1, test=0.25)
    >>> split, [int((part >= 60).sum()) for part in (split.train, split.validation, split.test)]
    (Split(52 / 8 / 20 of 80, seed 0), [13, 2, 5])
    """
    labels = np.asarray(classes, dtype=np.int64).reshape(-1)
    group_ids = np.arange(len(labels)) if groups is None else np.asarray(groups, dtype=np.int64).reshape(-1)
    if len(group_ids) != len(labels):
        raise ValueError(f"{len(group_ids)} groups for {len(labels)} classes; expected as many")
    whole = make_split(len(labels), train, validation, test, seed)
    line, alone = _stratified_line(labels, group_ids, seed)
    if alone:
        few = ", ".join(f'"{names[label]}"' if names else str(label) for label in alone[:8])
        more = f" and {len(alone) - 8} more" if len(alone) > 8 else ""
        _log.warning("class %s%s: one member, or one group, only, which goes to training", few, more)
    parts: dict[str, Tensor] = {}
    for name, wanted in (("test", len(whole.test)), ("validation", len(whole.validation)), ("train", len(whole.train))):
        taken: list[npt.NDArray[np.int64]] = []
        rest: list[tuple[npt.NDArray[np.int64], bool]] = []
        for members, free in line:
            if (free or name == "train") and len(members) <= wanted:
                taken.append(members)
                wanted -= len(members)
            else:
                rest.append((members, free))
        line = rest
        parts[name] = torch.from_numpy(np.concatenate([*taken, np.zeros(0, dtype=np.int64)]))
    if train is None and line:  # no fraction was asked for: groups that fitted nowhere are trained on
        parts["train"] = torch.cat([parts["train"], *(torch.from_numpy(members) for members, _ in line)])
    return Split(len(labels), parts["train"], parts["validation"], parts["test"], seed)


def with_validation(split: Split, classes: Tensor | None, seed: int, names: Sequence[str] | None = None) -> Split:
    """A prescribed split; where it has nothing to validate on, a tenth of what it trains on, stratified if possible.

    Args:
        split: the prescribed one.
        classes: (n,) int64; None where there are none.
        seed: of what is moved from training to validation.
        names: of the classes.

    Raises:
        UsageError: there is nothing to train on.
    """
    if not len(split.train):
        raise UsageError("no shape stands in a folder train, others in test or validation: expected some to learn from")
    if len(split.validation):
        return split
    if classes is None:
        inner = make_split(len(split.train), validation=0.1, test=0, seed=seed)
    else:
        inner = stratified_split(classes[split.train], validation=0.1, test=0, seed=seed, names=names)
    return Split(split.n, split.train[inner.train], split.train[inner.validation], split.test, seed)


def labeled_split(
    n: int,
    classes: Tensor | None,
    names: Sequence[str] | None,
    prescribed: Split | None,
    train: Amount = None,
    validation: Amount = None,
    test: Amount = None,
    seed: int = 0,
) -> Split:
    """The prescribed split where there is one, else a random one, stratified where there are classes.

    A size of the training part that is asked for only shortens that of a prescribed split: learning curves on a
    published split keep its test part.

    Args:
        n: how many examples there are.
        classes: (n,) int64; None where there are none.
        names: of the classes.
        prescribed: a split, if the data have one.
        train: as in `make_split`.
        validation: the same; given, it replaces the prescribed split.
        test: the same.
        seed: from 0 to 2^32 - 1.

    Raises:
        UsageError: as in `make_split`; or the prescribed split has nothing to train on.
    """
    if prescribed is not None and validation is None and test is None:
        whole = with_validation(prescribed, classes, seed, names)
        return whole if train is None else _shortened(whole, train, classes, seed)
    if classes is None:
        return make_split(n, train, validation, test, seed)
    return stratified_split(classes, train, validation, test, seed, names=names)


def _shortened(split: Split, train: int | float, classes: Tensor | None, seed: int) -> Split:
    """The split with so many of its training examples, each class with its share."""
    if classes is None:
        part = make_split(len(split.train), train, 0, 0, seed)
    else:
        part = stratified_split(classes[split.train], train, 0, 0, seed)
    return replace(split, train=split.train[part.train], seed=seed)


def split_from_parts(parts: Tensor) -> Split:
    """The split in which each of n structures stands in the part of `SPLIT_PARTS` that its number says: (n,) int64."""
    train, validation, test = ((parts == part).nonzero().flatten() for part in range(len(SPLIT_PARTS)))
    return Split(len(parts), train, validation, test, seed=0)


def _stratified_line(
    labels: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], seed: int
) -> tuple[list[tuple[npt.NDArray[np.int64], bool]], list[int]]:
    """All groups, each class spread evenly, with whether they may be held back; and the classes of one group."""
    generator = np.random.RandomState(seed)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    members.sort(key=lambda group: int(group[0]))
    first = np.array([labels[group[0]] for group in members])
    sizes = np.array([len(group) for group in members])
    ties = generator.permutation(len(members))
    middles = np.zeros(len(members))
    alone: list[int] = []
    for label in np.unique(first):
        mine = generator.permutation(np.flatnonzero(first == label))
        ends = sizes[mine].cumsum()
        middles[mine] = (ends - sizes[mine] / 2) / ends[-1]
        if len(mine) == 1:
            alone.append(int(label))
    line = np.lexsort((ties, middles))
    return [(members[index], int(first[index]) not in alone) for index in line], alone


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
