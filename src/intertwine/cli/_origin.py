"""The origin of a page that a command writes: version, date, seed, command and data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime

from intertwine._version import __version__

WORDS: ContextVar[Sequence[str]] = ContextVar("words", default=())
"""The words after the name of the program."""


def page_origin(data: Sequence[str | None], seed: int | None = None) -> list[tuple[str, str]]:
    """The rows of a table under a page: labels and texts.

    Args:
        data: Names of the files or folders that were read; None is left out.
        seed: Of random numbers, where there are any.

    >>> [label for label, _ in page_origin(["a.pdb"])]
    ['intertwine', 'date', 'command', 'data']
    """
    rows = [
        ("intertwine", __version__),
        ("date", datetime.now(UTC).isoformat(timespec="seconds")),
        ("seed", None if seed is None else str(seed)),
        ("command", shlex.join(["intertwine", *WORDS.get()])),
        ("data", ", ".join(name for name in data if name is not None) or None),
    ]
    return [(label, text) for label, text in rows if text is not None]
