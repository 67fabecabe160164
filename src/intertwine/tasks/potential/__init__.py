"""The task `potential`: energies, forces and stresses of atoms, learned from a user's own frames.

Importing this package costs nothing; its names that need torch are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.potential._options import PotentialOptions
from intertwine.tasks.potential._task import PotentialTask

if TYPE_CHECKING:
    from intertwine.tasks.potential._dataset import FrameDataset, FrameGraphs
    from intertwine.tasks.potential._job import PotentialJob
    from intertwine.tasks.potential._plan import plan
    from intertwine.tasks.potential._predictor import PotentialPredictor

__all__ = [
    "FrameDataset",
    "FrameGraphs",
    "PotentialJob",
    "PotentialOptions",
    "PotentialPredictor",
    "PotentialTask",
    "plan",
]

_HOMES = {
    "FrameDataset": "_dataset",
    "FrameGraphs": "_dataset",
    "PotentialJob": "_job",
    "PotentialPredictor": "_predictor",
    "plan": "_plan",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
