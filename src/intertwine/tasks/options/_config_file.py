"""Options of a fit in a file: TOML or JSON, or the configuration that a run has written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from intertwine._errors import UsageError

_LARGEST_FILE = 1 << 24
_OF_ONE_RUN = ("output", "config")
"""Options that are not taken over from another run."""


def read_config(path: Path, task: str) -> dict[str, Any]:
    r"""The options in a file, by name.

    A file of options has a key for each, with hyphens or underscores, and may say ``task``. The ``config.json`` of a
    run gives the options of that run, but for its folder.

    Args:
        path: Ends in .toml or .json.
        task: The task they are for.

    Raises:
        UsageError: The file cannot be read, or is of another task.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "run.toml")
    >>> _ = path.write_text('data = "scans"\nbatch-size = 8\n')
    >>> read_config(path, "classify")
    {'data': 'scans', 'batch_size': 8}
    """
    content = _parse(path)
    if "settings" in content and "config" in content:
        return _of_run(content, path, task)
    _check_task(content.get("task", task), path, task)
    return {name.replace("-", "_"): value for name, value in content.items() if name != "task"}


def options_to_json(options: Any) -> dict[str, Any]:
    """The options that are set, as JSON, but for those that belong to one run alone."""
    values = {item.name: getattr(options, item.name) for item in fields(options) if item.name not in _OF_ONE_RUN}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value is not None
    }


def _of_run(content: Mapping[str, Any], path: Path, task: str) -> dict[str, Any]:
    _check_task(content.get("task"), path, task)
    options = content.get("options")
    if not isinstance(options, dict):
        raise UsageError(f"{path} does not hold the options of its run: an older version wrote it; name each")
    return dict(options)


def _check_task(found: Any, path: Path, task: str) -> None:
    if found != task:
        raise UsageError(f"{path} is of the task {found}, not of {task}: intertwine fit {found} --config {path}")


def _parse(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f'no file of options "{path}"; expected one that ends in .toml or .json')
    if path.suffix.lower() not in (".toml", ".json"):
        raise UsageError(f"{path}: expected options in a file that ends in .toml or .json")
    if path.stat().st_size > _LARGEST_FILE:
        raise UsageError(f"{path} is too large to be a file of options")
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} does not hold options: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} does not hold options: expected names with values")
    return content
