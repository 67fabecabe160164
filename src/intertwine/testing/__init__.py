"""Test helpers: an equivariance assertion, and conformance test classes to inherit from.

The classes need pytest; ``assert_equivariant`` does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from intertwine.testing._assert_equivariant import assert_equivariant

if TYPE_CHECKING:
    from intertwine.testing._families import FamilyCase, FamilyTests
    from intertwine.testing._modules import ModuleCase, ModuleTests
    from intertwine.testing._tasks import TaskTests

__all__ = ["FamilyCase", "FamilyTests", "ModuleCase", "ModuleTests", "TaskTests", "assert_equivariant"]

_HOMES = {
    "FamilyCase": "_families",
    "FamilyTests": "_families",
    "ModuleCase": "_modules",
    "ModuleTests": "_modules",
    "TaskTests": "_tasks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise ImportError(f"{name} needs pytest, which is not installed: pip install pytest") from error
