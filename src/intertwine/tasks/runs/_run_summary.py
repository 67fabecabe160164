"""Summaries of runs, read from their files without torch: what was trained on what, how far, and how well."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertwine._errors import UsageError
from intertwine._regular_files import read_regular_file
from intertwine.tasks.runs._runs import RUNS

METRICS = "metrics.csv"


@dataclass(frozen=True)
class RunSummary:
    """What the files of a run say.

    Attributes:
        folder: Of the run.
        task: The name of the task.
        data: The data as they were given.
        started: Date and time, in ISO format; empty where nobody wrote it down.
        epochs: Completed epochs.
        planned: Epochs of the settings.
        seconds: Training time.
        monitor: The metric that selects the best epoch.
        metrics: Those of the best checkpoint.
        options: Options and settings by name.
    """

    folder: Path
    task: str
    data: str
    started: str
    epochs: int
    planned: int
    seconds: float
    monitor: str
    metrics: dict[str, float]
    options: dict[str, Any]


def find_runs(root: Path = RUNS) -> list[RunSummary]:
    """All runs directly in a folder, in the order of their start; folders that are no runs are left out."""
    folders = [path.parent for path in root.glob("*/config.json")] if root.is_dir() else []
    found = []
    for folder in sorted(folders):
        try:
            found.append(summarize(folder))
        except UsageError:
            continue
    return sorted(found, key=lambda run: (run.started, run.folder.name))


def summarize(folder: Path) -> RunSummary:
    """The summary of a run.

    Raises:
        UsageError: It is no run, or its configuration is damaged.
    """
    content = _read_json(folder / "config.json")
    if content is None:
        raise UsageError(f"{folder} is not a run: it has no config.json that can be read")
    settings, options = (content.get(name) or {} for name in ("settings", "options"))
    config = content.get("config")
    data = config.get("data") if isinstance(config, dict) else None
    if not isinstance(settings, dict) or not isinstance(options, dict) or not isinstance(content.get("task"), str):
        raise UsageError(f"{folder / 'config.json'} is damaged: it has no task, or no settings")
    best = _read_json(folder / "best" / "checkpoint.json") or _read_json(folder / "last" / "checkpoint.json") or {}
    rows = _rows(folder / METRICS)
    last = rows[-1] if rows else {}
    return RunSummary(
        folder=folder,
        task=content["task"],
        data=str(data.get("given", "")) if isinstance(data, dict) else "",
        started=str(content.get("started", "")),
        epochs=int(last.get("epoch", 0)),
        planned=int(settings.get("epochs") or 0),
        seconds=last.get("seconds", 0.0),
        monitor=str(best.get("monitor", "")),
        metrics=dict(best.get("metrics") or {}),
        options={**settings, **options},
    )


def differing_options(runs: Sequence[RunSummary]) -> list[tuple[str, list[str]]]:
    """The options that are not the same in all runs, each with its value in every run."""
    names = dict.fromkeys(name for run in runs for name in run.options)
    values = {name: [_text(run.options.get(name)) for run in runs] for name in names}
    return [(name, texts) for name, texts in values.items() if len(set(texts)) > 1]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(read_regular_file(path))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _rows(path: Path) -> list[dict[str, float]]:
    try:
        lines = read_regular_file(path).decode("utf-8").splitlines()
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(lines)]
    except (OSError, ValueError, TypeError):
        return []
