"""Public data sets: molecules, shapes, digits, clothing, networks, and the recipes of `intertwine data NAME`.

The recipes import neither torch nor ase; the sets are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.data.public._qm9_targets import QM9_TARGETS, TargetInfo
from intertwine.data.public._recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from intertwine.data.public._circuit_parts import circuit_parts
    from intertwine.data.public._digits import fashion_mnist, mnist, rotated_mnist
    from intertwine.data.public._furniture import furniture
    from intertwine.data.public._mnist_inrs import fit_sine_networks, mnist_inrs
    from intertwine.data.public._qm9 import qm9

__all__ = [
    "QM9_TARGETS",
    "RECIPES",
    "Recipe",
    "TargetInfo",
    "circuit_parts",
    "fashion_mnist",
    "fit_sine_networks",
    "furniture",
    "mnist",
    "mnist_inrs",
    "qm9",
    "rotated_mnist",
]

_HOMES = {
    "circuit_parts": "_circuit_parts",
    "fashion_mnist": "_digits",
    "fit_sine_networks": "_mnist_inrs",
    "furniture": "_furniture",
    "mnist": "_digits",
    "mnist_inrs": "_mnist_inrs",
    "qm9": "_qm9",
    "rotated_mnist": "_digits",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
