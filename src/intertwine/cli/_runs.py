"""Where runs go when nobody says."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")
INTERRUPTED = 130
"""The exit code of a run that was interrupted and can go on."""


def first_free(name: str) -> Path:
    """The first of runs/NAME-1, runs/NAME-2, ... that does not exist."""
    number = 1
    while (RUNS / f"{name}-{number}").exists():
        number += 1
    return RUNS / f"{name}-{number}"
