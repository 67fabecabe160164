"""The task `dock`, what `intertwine fit dock` trains: EquiDock's network, from complexes.

Importing this package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.dock.equidock._options import DockOptions
from intertwine.tasks.dock.equidock._task import DockTask

if TYPE_CHECKING:
    from intertwine.tasks.dock.equidock._complexes import Complex, ComplexSet, read_complexes
    from intertwine.tasks.dock.equidock._job import DockJob
    from intertwine.tasks.dock.equidock._predictor import DockPredictor

__all__ = ["Complex", "ComplexSet", "DockJob", "DockOptions", "DockPredictor", "DockTask", "read_complexes"]

_HOMES = {
    "Complex": "_complexes",
    "ComplexSet": "_complexes",
    "DockJob": "_job",
    "DockPredictor": "_predictor",
    "read_complexes": "_complexes",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
