"""Upgrades of checkpoints from the format of an older version to the current one, applied on reading.

Each step goes from format n to n + 1 and consists of pure functions on the configuration, the split, the state dict and
the counters; the steps are in `_upgrade_steps`. Nothing on disk is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from intertwine._errors import UsageError
from intertwine.training.checkpoints._upgrade_step import Change, UpgradeStep
from intertwine.training.checkpoints._upgrade_steps import LAST_WITH, STEPS

FORMAT = 3
"""The format that this version writes."""
OLDEST = 2
"""The oldest format that this version reads."""

Value = TypeVar("Value")


def check_format(found: Any, folder: object, version: object) -> None:
    """Raise unless checkpoints of this format can be read.

    Args:
        found: The format of the checkpoint.
        folder: Its folder.
        version: The version that wrote it.

    Raises:
        UsageError: The format is too old or too new; the line says which version reads it.
    """
    if isinstance(found, int) and OLDEST <= found <= FORMAT:
        return
    from intertwine._version import __version__

    if found in LAST_WITH:
        advice = f"it is read by {LAST_WITH[found]}: install that one, or train again"
    else:
        advice = f"install intertwine {version} or newer"
    raise UsageError(
        f"{folder} was written in format {found} by intertwine {version}; this intertwine {__version__} reads formats "
        f"{OLDEST} to {FORMAT}: {advice}"
    )


def upgrade_config(config: dict[str, Any], task: str, found: int) -> dict[str, Any]:
    """The configuration of a task in the current format.

    Args:
        config: As it was read.
        task: Name of the task.
        found: Its format.
    """
    return _apply(config, (step.config for step in _steps(task, found)))


def upgrade_split(split: dict[str, Any], task: str, found: int) -> dict[str, Any]:
    """The split in the current format; arguments as for `upgrade_config`."""
    return _apply(split, (step.split for step in _steps(task, found)))


def upgrade_state_dict(weights: dict[str, Value], task: str, found: int) -> dict[str, Value]:
    """The state dict of a task's model in the current format; arguments as for `upgrade_config`."""
    return _apply(weights, (step.state_dict for step in _steps(task, found)))


def upgrade_metrics(metrics: dict[str, Value], task: str, found: int) -> dict[str, Value]:
    """Values by the current names of the metrics; arguments as for `upgrade_config`."""
    for step in _steps(task, found):
        metrics = {(step.metrics or {}).get(name, name): value for name, value in metrics.items()}
    return metrics


def upgrade_resume_state(values: dict[str, Any], task: str) -> dict[str, Any]:
    """The content of ``resume.pt`` in the current format, without its "format".

    Raises:
        ValueError: It is of a format that cannot be read.
    """
    found = values["format"]
    if not OLDEST <= found <= FORMAT:
        raise ValueError(f"format {found}")
    values = {name: value for name, value in values.items() if name != "format"}
    values = _apply(values, (step.counters for step in _steps(task, found)))
    for name in ("weights", "average"):
        if values[name] is not None:
            values[name] = upgrade_state_dict(values[name], task, found)
    history = [upgrade_metrics(row, task, found) for row in values["state"]["history"]]
    return {**values, "state": {**values["state"], "history": history}}


def _steps(task: str, found: int) -> Iterator[UpgradeStep]:
    for number in range(found, FORMAT):
        yield from (step for step in STEPS if step.format == number and (not step.tasks or task in step.tasks))


def _apply(values: dict[str, Any], changes: Iterator[tuple[Change, ...]]) -> dict[str, Any]:
    for group in changes:
        for change in group:
            values = change(values)
    return values
