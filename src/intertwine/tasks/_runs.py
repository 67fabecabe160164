"""Folders of runs."""

from __future__ import annotations

from pathlib import Path

from intertwine._errors import UsageError

RUNS = Path("runs")


def next_run_folder(name: str) -> Path:
    """The first of runs/NAME-1, runs/NAME-2, ... that does not exist."""
    number = 1
    while (RUNS / f"{name}-{number}").exists():
        number += 1
    return RUNS / f"{name}-{number}"


def check_run_folder(folder: Path) -> Path:
    """The folder for a new run, if it is free.

    Raises:
        UsageError: It is a file, or holds a run.
    """
    if folder.exists() and (not folder.is_dir() or any((folder / name).exists() for name in ("last", "best"))):
        raise UsageError(
            f"{folder} exists already; resume it (intertwine fit --resume {folder}), or choose another --output"
        )
    return folder


def check_checkpoint_folder(folder: Path) -> None:
    """Raise if there can be no checkpoint, before torch is imported to read it.

    Raises:
        UsageError: There is no such folder.
    """
    if not folder.exists():
        raise UsageError(f'no checkpoint "{folder}"; expected a folder such as runs/qm9-1/best')
    if not folder.is_dir():
        raise UsageError(f'"{folder}" is a file; a checkpoint is a folder such as runs/qm9-1/best')
