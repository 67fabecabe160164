"""The task `properties`: scalars, vectors and tensors of structures or atoms, learned from atoms and their positions.

Importing this package costs nothing; its names that need torch are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.tasks.properties._options import PropertiesOptions
from intertwine.tasks.properties._targets import Target, parse_target
from intertwine.tasks.properties._task import Properties

if TYPE_CHECKING:
    from intertwine.tasks.properties._composition import Composition, fit_composition
    from intertwine.tasks.properties._job import PropertyJob
    from intertwine.tasks.properties._model import PropertyModel
    from intertwine.tasks.properties._plan import plan
    from intertwine.tasks.properties._predictor import PropertyPredictor

__all__ = [
    "Composition",
    "Properties",
    "PropertiesOptions",
    "PropertyJob",
    "PropertyModel",
    "PropertyPredictor",
    "Target",
    "fit_composition",
    "parse_target",
    "plan",
]

_HOMES = {
    "Composition": "_composition",
    "PropertyJob": "_job",
    "PropertyModel": "_model",
    "PropertyPredictor": "_predictor",
    "fit_composition": "_composition",
    "plan": "_plan",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
