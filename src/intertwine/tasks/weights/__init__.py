"""The task `weights`: a class or a number of each network of a folder, from its weights.

Importing this package costs nothing; its names that need torch are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.weights._options import WeightOptions
from intertwine.tasks.weights._task import WeightsTask

if TYPE_CHECKING:
    from intertwine.tasks.weights._job import WeightJob
    from intertwine.tasks.weights._predictor import WeightPredictor

__all__ = ["WeightJob", "WeightOptions", "WeightPredictor", "WeightsTask"]

_HOMES = {"WeightJob": "_job", "WeightPredictor": "_predictor"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
