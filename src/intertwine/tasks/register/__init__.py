"""The task `register`: the motion between two point clouds or meshes, with a trained network or without one.

Importing this package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.register._options import RegisterOptions
from intertwine.tasks.register._task import RegisterTask

if TYPE_CHECKING:
    from intertwine.tasks.register._draw import draw_registration, draw_view_pairs
    from intertwine.tasks.register._job import RegisterJob
    from intertwine.tasks.register._pairs import ViewPair, draw_pairs
    from intertwine.tasks.register._predictor import RegisterPredictor
    from intertwine.tasks.register._register_files import RegisteredFiles, register_files
    from intertwine.tasks.register._writing import MOTION_SUFFIXES, write_motion

__all__ = [
    "MOTION_SUFFIXES",
    "RegisterJob",
    "RegisterOptions",
    "RegisterPredictor",
    "RegisterTask",
    "RegisteredFiles",
    "ViewPair",
    "draw_pairs",
    "draw_registration",
    "draw_view_pairs",
    "register_files",
    "write_motion",
]

_HOMES = {
    "MOTION_SUFFIXES": "_writing",
    "RegisterJob": "_job",
    "RegisterPredictor": "_predictor",
    "RegisteredFiles": "_register_files",
    "ViewPair": "_pairs",
    "draw_pairs": "_pairs",
    "draw_registration": "_draw",
    "draw_view_pairs": "_draw",
    "register_files": "_register_files",
    "write_motion": "_writing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
