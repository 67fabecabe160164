"""Record of a run: its options, the command that began it, and when; shown in reports."""

from __future__ import annotations

import json
import shlex
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from intertwine._regular_files import read_regular_file
from intertwine.tasks.options import OPTION, FitOptions, flag, options_to_json


def run_record(task: str, options: FitOptions) -> dict[str, Any]:
    """What the configuration of a run says besides the job and its settings, as JSON.

    Args:
        task: The name of the task.
        options: The options, checked.

    Returns:
        "options" (with which ``--config`` repeats the run), "command", "started".
    """
    return {
        "options": options_to_json(options) | options.resolved,
        "command": command_line(task, options),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def command_line(task: str, options: FitOptions) -> str:
    """The command that means these options; those with their default values are left out."""
    arguments, words = ["intertwine", "fit", task, options.data], list[str]()
    for item in fields(options):
        value = getattr(options, item.name)
        default = item.default if item.default is not MISSING else None
        if OPTION not in item.metadata or item.name in ("data", "config") or value == default or value is None:
            continue
        if item.metadata[OPTION]["argument"]:
            arguments += map(str, value)
            continue
        if value is True:
            words.append(flag(item.name))
            continue
        for one in value if isinstance(value, list | tuple) else (value,):
            words += [flag(item.name), str(one)]
    return shlex.join([*arguments, *words])


def provenance(folder: Path) -> list[tuple[str, str]]:
    """The rows of a table about the origin of a run, for its report: version, date, seed, command and data.

    Args:
        folder: The folder of the run.

    Returns:
        Pairs of a label and a text; what the configuration of the run does not say is left out.
    """
    try:
        content = json.loads(read_regular_file(folder / "config.json"))
    except (OSError, ValueError):
        return []
    settings, data = content.get("settings", {}), content.get("config", {}).get("data", {})
    rows = [
        ("intertwine", content.get("intertwine")),
        ("started", content.get("started")),
        ("seed", settings.get("seed")),
        ("command", content.get("command")),
        ("data", data.get("source")),
    ]
    return [(label, str(text)) for label, text in rows if text is not None]
