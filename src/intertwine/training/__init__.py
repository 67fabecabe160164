"""Training loop and checkpoints: `fit` trains a `Job` with `Settings`, resumable after any interruption.

It is independent of the task: what is trained is a `Job`. Importing this package loads neither torch nor Lightning.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.training._job import FitResult, Job, Refit, RefitJob, ScheduledJob
from intertwine.training._settings import OPTIMIZER_NAMES, Settings, check_tensorboard

if TYPE_CHECKING:
    from intertwine.training._fit import fit
    from intertwine.training._random import normal_per_example
    from intertwine.training.checkpoints import Checkpoint, Run, load_checkpoint, load_run

__all__ = [
    "OPTIMIZER_NAMES",
    "Checkpoint",
    "FitResult",
    "Job",
    "Refit",
    "RefitJob",
    "Run",
    "ScheduledJob",
    "Settings",
    "check_tensorboard",
    "fit",
    "load_checkpoint",
    "load_run",
    "normal_per_example",
]

_MODULES = {
    "Checkpoint": "checkpoints",
    "Run": "checkpoints",
    "fit": "_fit",
    "load_checkpoint": "checkpoints",
    "load_run": "checkpoints",
    "normal_per_example": "_random",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
