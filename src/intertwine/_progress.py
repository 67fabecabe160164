"""Progress callbacks of whatever takes long: readers, public sets, evaluations."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[int, int | None], None]
"""Called now and then with how much is done, and of how much in all: None when nobody knows yet."""


def no_progress(done: int, total: int | None) -> None:
    """The callback that does nothing."""
