"""The generic task on point clouds: `classify` and `segment` are short declarations on it.

A task on clouds says its model, loss and score (`CloudJob`), its metrics, what it predicts and writes
(`CloudPredictor`) and the figures of its report (`report.RunPage`). What it reads, encoders by name, augmentation,
protocols of evaluation and the page are here. Importing this package costs nothing; names that need torch are loaded
when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.clouds._choices import DESCRIPTORS
from intertwine.tasks.clouds._options import DESCRIPTOR_HELP, CloudOptions
from intertwine.tasks.clouds._task import CloudTask

if TYPE_CHECKING:
    from intertwine.tasks.clouds._builders import build_encoder
    from intertwine.tasks.clouds._confusion import (
        accuracy,
        balanced_accuracy,
        class_table,
        confusion_matrix,
        mean_intersection,
        shape_intersections,
    )
    from intertwine.tasks.clouds._evaluation import Metrics, Predictions, Table, class_rows, percent
    from intertwine.tasks.clouds._job import CloudJob, LabeledBatch, vector_count
    from intertwine.tasks.clouds._network import CloudNetwork, head, layer
    from intertwine.tasks.clouds._predictor import CloudPredictor
    from intertwine.tasks.clouds._rotations import random_rotations
    from intertwine.tasks.clouds._source import rename_labels, replace_normals

__all__ = [
    "DESCRIPTORS",
    "DESCRIPTOR_HELP",
    "CloudJob",
    "CloudNetwork",
    "CloudOptions",
    "CloudPredictor",
    "CloudTask",
    "LabeledBatch",
    "Metrics",
    "Predictions",
    "Table",
    "accuracy",
    "balanced_accuracy",
    "build_encoder",
    "class_rows",
    "class_table",
    "confusion_matrix",
    "head",
    "layer",
    "mean_intersection",
    "percent",
    "random_rotations",
    "rename_labels",
    "replace_normals",
    "shape_intersections",
    "vector_count",
]

_HOMES = {
    "CloudJob": "_job",
    "CloudNetwork": "_network",
    "CloudPredictor": "_predictor",
    "LabeledBatch": "_job",
    "Metrics": "_evaluation",
    "Predictions": "_evaluation",
    "Table": "_evaluation",
    "accuracy": "_confusion",
    "balanced_accuracy": "_confusion",
    "build_encoder": "_builders",
    "class_rows": "_evaluation",
    "class_table": "_confusion",
    "confusion_matrix": "_confusion",
    "head": "_network",
    "layer": "_network",
    "mean_intersection": "_confusion",
    "percent": "_evaluation",
    "random_rotations": "_rotations",
    "rename_labels": "_source",
    "replace_normals": "_source",
    "shape_intersections": "_confusion",
    "vector_count": "_job",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
