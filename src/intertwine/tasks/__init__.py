"""Applications: what each reads, learns, reports and predicts. One folder a task, one line of registration.

`fit`, `resume` and `load` are what the command line calls. Importing this package loads neither torch nor the tasks.

>>> from intertwine import tasks
>>> tasks.get("properties").summary
'Scalars, vectors and tensors of structures or of their atoms: molecules, crystals.'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks._api import FitInterrupted, RunResult, fit, load, restore, resume
from intertwine.tasks._display import FitDisplay
from intertwine.tasks._output import (
    check_output,
    check_output_folder,
    check_prediction_output,
    output_file,
    output_folder,
)
from intertwine.tasks._registry import get, names
from intertwine.tasks._results import AuditSettings, Evaluation, PredictionChunk, PredictionResult, PredictionWriter
from intertwine.tasks._source import PUBLIC, check_source, progress_unit, resolve
from intertwine.tasks._suggestions import nearest, unknown
from intertwine.tasks._task import Task
from intertwine.tasks.options import LARGEST_BATCH, LARGEST_SEED, OPTION, FitOptions, flag, option, share
from intertwine.tasks.runs import (
    RunSummary,
    check_checkpoint_folder,
    check_run_place,
    differing_options,
    evaluation_path,
    find_runs,
    make_run_folder,
    summarize,
)

if TYPE_CHECKING:
    from intertwine.tasks._predictor import Predictor

__all__ = [
    "LARGEST_BATCH",
    "LARGEST_SEED",
    "OPTION",
    "PUBLIC",
    "AuditSettings",
    "Evaluation",
    "FitDisplay",
    "FitInterrupted",
    "FitOptions",
    "PredictionChunk",
    "PredictionResult",
    "PredictionWriter",
    "Predictor",
    "RunResult",
    "RunSummary",
    "Task",
    "check_checkpoint_folder",
    "check_output",
    "check_output_folder",
    "check_prediction_output",
    "check_run_place",
    "check_source",
    "differing_options",
    "evaluation_path",
    "find_runs",
    "fit",
    "flag",
    "get",
    "load",
    "make_run_folder",
    "names",
    "nearest",
    "option",
    "output_file",
    "output_folder",
    "progress_unit",
    "resolve",
    "restore",
    "resume",
    "share",
    "summarize",
    "unknown",
]


def __getattr__(name: str) -> Any:
    if name == "Predictor":
        return import_module(f"{__name__}._predictor").Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
