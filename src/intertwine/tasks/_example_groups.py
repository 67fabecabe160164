"""Groups of examples that stay together in a split: conformers of one molecule, scans of one object."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from intertwine._errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from intertwine.data import PointCloudSet, Split

PARENT = "parent"
"""The value of `--group-by` that groups files by their folder."""
FORMULA = "formula"
"""The value of `--group-by` that groups structures by the counts of their elements."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of `--group-by`.

    Raises:
        UsageError: It is none.
    """
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f'--group-by "{pattern}" is not a regular expression: {error}') from error


def groups_of_names(names: Sequence[str], pattern: str) -> list[int]:
    r"""The group of each file, numbered in the order in which groups occur.

    Args:
        names: Paths.
        pattern: `PARENT` for the folder, or a regular expression that is found in the path: its first parenthesis, or
            all of it, names the group. It must be found in each.

    Raises:
        UsageError: It is not found in a name.

    >>> groups_of_names(["cups/a_1.ply", "cups/a_2.ply", "cups/b_1.ply", "cups/c_1.ply"], r"(\w+)_")
    [0, 0, 1, 2]
    """
    if pattern == PARENT:
        return number([str(PurePath(name).parent) for name in names])
    expression, keys = compile_pattern(pattern), []
    for name in names:
        match = expression.search(name)
        if match is None:
            raise UsageError(f'--group-by "{pattern}" is not found in "{name}"')
        keys.append(match[1] if expression.groups else match[0])
    return number(keys)


def grouped_split(
    given: str,
    names: Sequence[str],
    pattern: str,
    amounts: Mapping[str, Any],
    seed: int,
    *,
    classes: Tensor | None = None,
    class_names: Sequence[str] | None = None,
    prescribed: bool = False,
) -> Split:
    """A random split of files in which no group stands in two parts, stratified where there are classes.

    Args:
        given: The data, for messages.
        names: Paths of the files.
        pattern: The value of `--group-by`, as of `groups_of_names`.
        amounts: How many train, validation and test, None for the usual shares.
        seed: Of the split.
        classes: (n,) integers, if there are any.
        class_names: What they mean, for warnings.
        prescribed: Whether the data prescribe a split, which grouping would break.

    Raises:
        UsageError: There are too few groups, one is too large for a part, or the data prescribe the split.
    """
    from intertwine.data import stratified_split

    if prescribed and amounts["validation"] is None and amounts["test"] is None:
        raise UsageError(
            f"--group-by: {given} prescribes the split; leave --group-by out, or give --validation and --test"
        )
    groups = groups_of_names(names, pattern)
    labels = [0] * len(names) if classes is None else classes
    split = stratified_split(labels, **amounts, seed=seed, groups=groups, names=class_names)
    check_parts(len(split.validation), len(split.test), amounts["test"])
    return split


def check_parts(validation: int, test: int, wanted: object) -> None:
    """Raise if no group was small enough for a part.

    Args:
        validation: How many examples there are to validate on.
        test: How many there are for the test.
        wanted: How many were asked for the test: none are missed where none were wanted.
    """
    for name, size in (("validation", validation), ("test", test if wanted != 0 else 1)):
        if size == 0:
            raise UsageError(f"--group-by: no group is small enough for the {name} set; give a larger --{name}")


def groups_of_formulas(structures: PointCloudSet) -> list[int]:
    """The group of each structure by the counts of its elements, numbered in the order in which groups occur."""
    counts = structures.composition(structures.distinct("numbers"))
    return number([tuple(row) for row in counts.tolist()])


def number(keys: Sequence[object]) -> list[int]:
    """The keys as integers 0, 1, ... in the order in which they first occur.

    Raises:
        UsageError: There are fewer than three, which cannot be split.
    """
    numbers: dict[object, int] = {}
    found = [numbers.setdefault(key, len(numbers)) for key in keys]
    if len(numbers) < 3:
        raise UsageError(f"--group-by gives {len(numbers)} groups; a split needs three at least")
    return found
