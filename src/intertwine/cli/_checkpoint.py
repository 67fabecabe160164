"""Checkpoints named on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine import tasks

if TYPE_CHECKING:
    from intertwine.tasks import Predictor
    from intertwine.training import Checkpoint

CHECKPOINT_HELP = "A checkpoint, such as runs/qm9-1/best, or a run."


def check_folder(folder: str) -> None:
    """Raise if there can be no checkpoint, before torch is imported to read it.

    Raises:
        UsageError: There is no such folder.
    """
    tasks.check_checkpoint_folder(Path(folder))


def restore(folder: str) -> tuple[Predictor[Any, Any], Checkpoint]:
    """The predictor of a checkpoint.

    Args:
        folder: A checkpoint or a run.

    Raises:
        UsageError: It is missing, damaged, foreign, or of a task that is not installed.
    """
    return tasks.restore(folder)


def run_folder(checkpoint: Checkpoint) -> Path:
    """Where the reports of a checkpoint go: the run's folder if it lies in one, else beside it."""
    return checkpoint.folder.parent if checkpoint.folder.name in ("best", "last") else checkpoint.folder
