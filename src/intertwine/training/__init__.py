"""The training floor: a job, its settings, `fit`, and checkpoints that survive whatever happens to the process.

It knows nothing of molecules: a task hands it a `Job`. Importing this package loads neither torch nor Lightning.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.training._job import Job, Outcome
from intertwine.training._settings import Settings

if TYPE_CHECKING:
    from intertwine.training._checkpoint import Checkpoint, Run, load_checkpoint, load_run
    from intertwine.training._draws import normal_draws
    from intertwine.training._fit import fit

__all__ = ["Checkpoint", "Job", "Outcome", "Run", "Settings", "fit", "load_checkpoint", "load_run", "normal_draws"]

_HOMES = {
    "Checkpoint": "_checkpoint",
    "Run": "_checkpoint",
    "fit": "_fit",
    "load_checkpoint": "_checkpoint",
    "load_run": "_checkpoint",
    "normal_draws": "_draws",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
