"""Metrics of a run, one row per validation: ``metrics.csv`` and, if wanted, TensorBoard events."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intertwine.training.checkpoints import replace_file

LOG = "metrics.csv"
EVENTS = "tensorboard"


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


class EventLog:
    """TensorBoard events of the metrics of a run: a new file for each session, nothing when it is not wanted.

    Args:
        folder: The run folder; None to write nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder / EVENTS))

    def write(self, row: Mapping[str, float]) -> None:
        """Add a row, under its step."""
        if self._writer is None:
            return
        for name, value in row.items():
            if name not in ("epoch", "step"):
                self._writer.add_scalar(name, value, int(row["step"]))
        self._writer.flush()
