"""The task `segment`: the part of each point of a shape, learned from labeled meshes or clouds.

Importing this package costs nothing; its names that need torch are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.segment._options import SegmentOptions
from intertwine.tasks.segment._task import Segment

if TYPE_CHECKING:
    from intertwine.tasks.segment._job import SegmentJob
    from intertwine.tasks.segment._model import Segmenter
    from intertwine.tasks.segment._predictor import SegmentPredictor

__all__ = ["Segment", "SegmentJob", "SegmentOptions", "SegmentPredictor", "Segmenter"]

_HOMES = {"SegmentJob": "_job", "SegmentPredictor": "_predictor", "Segmenter": "_model"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
