"""The task `classify`: the class of each shape, learned from meshes or clouds of points.

Importing this package costs nothing; its names that need torch are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.classify._options import ClassifyOptions
from intertwine.tasks.classify._task import Classify

if TYPE_CHECKING:
    from intertwine.tasks.classify._job import ClassifyJob
    from intertwine.tasks.classify._model import Classifier
    from intertwine.tasks.classify._predictor import ClassifyPredictor

__all__ = ["Classifier", "Classify", "ClassifyJob", "ClassifyOptions", "ClassifyPredictor"]

_HOMES = {"Classifier": "_model", "ClassifyJob": "_job", "ClassifyPredictor": "_predictor"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
