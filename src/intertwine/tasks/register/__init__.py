"""Registration of two point clouds or meshes: the motion between two files, what is written of it, and a picture.

Importing this package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine.tasks.register._draw import draw_registration
    from intertwine.tasks.register._register_files import RegisteredFiles, register_files
    from intertwine.tasks.register._writing import MOTION_SUFFIXES, write_motion

__all__ = ["MOTION_SUFFIXES", "RegisteredFiles", "draw_registration", "register_files", "write_motion"]

_HOMES = {
    "MOTION_SUFFIXES": "_writing",
    "RegisteredFiles": "_register_files",
    "draw_registration": "_draw",
    "register_files": "_register_files",
    "write_motion": "_writing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
