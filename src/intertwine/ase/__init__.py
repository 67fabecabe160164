"""Calculators of ase: a trained potential for relaxation, molecular dynamics, and whatever else ase does.

Importing this package loads neither torch nor ase.

    from intertwine.ase import Calculator
    atoms.calc = Calculator("runs/water-1/best")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine.ase._calculator import Calculator
    from intertwine.ase._neighbor_list import NeighborList, find_neighbors

__all__ = ["Calculator", "NeighborList", "find_neighbors"]

_HOMES = {"Calculator": "_calculator", "NeighborList": "_neighbor_list", "find_neighbors": "_neighbor_list"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
