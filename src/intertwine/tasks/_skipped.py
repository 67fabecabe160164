"""Files that were left out, in words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

_NAMED = 3


def skipped_text(skipped: Sequence[Sequence[str]]) -> str:
    """The files that were left out and why, the first few by name; empty if there are none.

    >>> skipped_text([["a.ply", "no vertices"]])
    '1 file skipped: a.ply (no vertices)'
    """
    if not skipped:
        return ""
    named = ", ".join(f"{name} ({reason})" for name, reason in skipped[:_NAMED])
    more = f", and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return f"{len(skipped):,} file{'' if len(skipped) == 1 else 's'} skipped: {named}{more}"


def warn_skipped(skipped: Sequence[Sequence[str]]) -> None:
    """Name the files that were left out, in one line."""
    if skipped:
        warnings.warn(skipped_text(skipped), stacklevel=2)
