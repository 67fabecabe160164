"""The split of a run's files, as its options ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from intertwine.data import Split
from intertwine.tasks._example_groups import grouped_split
from intertwine.tasks.options import GroupedFitOptions


def split_examples(
    options: GroupedFitOptions,
    names: Sequence[str],
    ungrouped: Callable[..., Split],
    *,
    classes: Tensor | None = None,
    class_names: Sequence[str] | None = None,
    prescribed: bool = False,
) -> Split:
    """The split that the options ask for, with groups kept together if that is one of them.

    Args:
        options: Those of the run.
        names: Paths of the files.
        ungrouped: Makes a split of the sizes train, validation and test and a seed, without groups.
        classes: As for `grouped_split`.
        class_names: The same.
        prescribed: The same.

    Raises:
        UsageError: As `grouped_split` and `ungrouped` do.
    """
    amounts = options.shares
    if options.group_by is None:
        return ungrouped(**amounts, seed=options.seed)
    return grouped_split(
        options.data, names, options.group_by, amounts, options.seed,
        classes=classes, class_names=class_names, prescribed=prescribed,
    )  # fmt: skip
