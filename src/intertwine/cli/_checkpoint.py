"""From a folder that the user names to a model that is ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from intertwine._errors import UsageError

if TYPE_CHECKING:
    from intertwine.tasks import Predictor
    from intertwine.training import Checkpoint

CHECKPOINT_HELP = "A checkpoint, such as runs/qm9-1/best, or a run."


def check_folder(folder: str) -> None:
    """Whether there can be a checkpoint, before torch is imported to read it.

    Raises:
        UsageError: There is no such folder.
    """
    path = Path(folder)
    if not path.exists():
        raise UsageError(f'no checkpoint "{folder}"; expected a folder such as runs/qm9-1/best')
    if not path.is_dir():
        raise UsageError(f'"{folder}" is a file; a checkpoint is a folder such as runs/qm9-1/best')


def restore(folder: str) -> tuple[Predictor, Checkpoint]:
    """The predictor of a checkpoint.

    Args:
        folder: A checkpoint or a run.

    Raises:
        UsageError: It is missing, damaged, foreign, or of a task that is not installed.
    """
    check_folder(folder)
    from intertwine import tasks
    from intertwine.training import load_checkpoint

    path = Path(folder)
    checkpoint = load_checkpoint(path if path.name else path.resolve())
    return tasks.get(checkpoint.task).restore(checkpoint), checkpoint


def run_folder(checkpoint: Checkpoint) -> Path:
    """Where the reports of a checkpoint go: the run's folder if it lies in one, else beside it."""
    return checkpoint.folder.parent if checkpoint.folder.name in ("best", "last") else checkpoint.folder
