"""Calls of the contract of tasks, in one place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from intertwine.auditing import Report
from intertwine.tasks import AuditSettings, Evaluation, Predictor, Task
from intertwine.training import FitResult, Job, Settings, fit


def prepare(task: Task, data: str, options: dict[str, Any]) -> tuple[Job, Settings]:
    """Read the data and build the job, from the options of the task."""
    checked = task.options(data=data, **options)
    checked.check()
    return task.prepare(checked), checked.settings


def build(task: Task, config: dict[str, Any], split: dict[str, Any]) -> Job:
    """The job again, from its configuration and split."""
    return task.build(config, split)


def train(job: Job, folder: Path, settings: Settings) -> FitResult:
    """Train in a new folder."""
    return fit(job, folder, settings, console=_silent_console())


def resume(job: Job, folder: Path, settings: Settings, epochs: int) -> FitResult:
    """Train a run for more epochs."""
    return fit(job, folder, replace(settings, epochs=epochs), resume=True, console=_silent_console())


def evaluate(predictor: Predictor[Any, Any], data: str | None) -> Evaluation:
    """Metrics on data, or on the test split."""
    return predictor.evaluate(data)


def predict(predictor: Predictor[Any, Any], data: str, output: Path) -> int:
    """Write predictions into a file or folder, by the suffix of its name; returns the number of predictions."""
    return predictor.predict(data, output=output)


def audit(predictor: Predictor[Any, Any], samples: int) -> Report:
    """Equivariance error on the test split."""
    return predictor.audit(None, AuditSettings(samples=samples, inputs=1))


def _silent_console() -> Any:
    from rich.console import Console

    return Console(quiet=True)
