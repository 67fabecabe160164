"""The log of a run, ``log.csv``: one row per validation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from intertwine.training._storage import replace_file

LOG = "log.csv"


def write_log(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Replace the log by the rows of `history`."""
    names = list(dict.fromkeys(name for row in history for name in row))
    lines = [",".join(names)] if names else []
    lines += [_line(row, names) for row in history]
    replace_file(path, "".join(line + "\n" for line in lines).encode())


def append_log(path: Path, row: Mapping[str, float]) -> None:
    """Append a row, after the header if it is the first."""
    with path.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(",".join(row) + "\n")
        file.write(_line(row, list(row)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _line(row: Mapping[str, float], names: Sequence[str]) -> str:
    return ",".join(f"{row[name]:.8g}" if name in row else "" for name in names)
