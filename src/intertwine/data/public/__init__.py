"""Public data sets: QM9, furniture and circuit parts, and the recipes by which `intertwine data NAME` gets them.

The recipes import neither torch nor ase; the sets are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.data.public._qm9_targets import QM9_TARGETS, TargetInfo
from intertwine.data.public._recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from intertwine.data.public._circuit_parts import circuit_parts
    from intertwine.data.public._furniture import furniture
    from intertwine.data.public._qm9 import qm9

__all__ = ["QM9_TARGETS", "RECIPES", "Recipe", "TargetInfo", "circuit_parts", "furniture", "qm9"]

_SETS = ("circuit_parts", "furniture", "qm9")


def __getattr__(name: str) -> Any:
    if name not in _SETS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}._{name}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
