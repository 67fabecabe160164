"""Lines about a run that are alike in every task: its data and its split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intertwine.tasks._skipped import skipped_text

_LONGEST = 39
"""A path with more letters is named by its last part."""


def sizes_text(split: Mapping[str, Any]) -> str:
    """How many examples each part of a split has.

    >>> sizes_text({"train": [0, 3, 4], "validation": [1], "test": [2]})
    '3 / 1 / 1'
    """
    return " / ".join(f"{len(split[part]):,}" for part in ("train", "validation", "test"))


def data_line(data: Mapping[str, Any], what: str, split: Mapping[str, Any], folder: Path) -> tuple[str, str]:
    """The line about the data of a run: their name, what they are, how they were split, and what was left out.

    Args:
        data: What the configuration keeps of them: "given", "skipped", and "split" in words if it has no seed.
        what: Number and kind.
        split: The split as JSON.
        folder: The folder of the run.

    >>> split = {"train": [0, 3, 4], "validation": [1], "test": [2], "seed": 0}
    >>> data_line({"given": "scans"}, "5 clouds", split, Path("runs/scans-1"))
    ('data', 'scans: 5 clouds, split 3 / 1 / 1 (seed 0, written to runs/scans-1/split.json)')
    """
    given = data["given"]
    name = given if len(given) <= _LONGEST else Path(given).name
    origin = data["split"] if "split" in data else f"seed {split['seed']}"
    skipped = skipped_text(data.get("skipped", ()))
    text = f"{name}: {what}, split {sizes_text(split)} ({origin}, written to {folder / 'split.json'})"
    return "data", f"{text}; {skipped}" if skipped else text
