"""Equivariant deep learning: specify the group, the spaces and the actions; then build layers that respect them.

Every public name is loaded when it is first used, so that ``import intertwine`` and ``intertwine --help`` cost nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine import actions, data, models, nn, ops, reps, testing
    from intertwine.audit import audit
    from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral, Group
    from intertwine.intertwiners import intertwiners
    from intertwine.reps import CONVENTION_VERSION, Irrep, Rep

__version__ = "0.1.0"

__all__ = [
    "CONVENTION_VERSION",
    "O2",
    "O3",
    "SO2",
    "SO3",
    "Cyclic",
    "Dihedral",
    "Group",
    "Irrep",
    "Rep",
    "actions",
    "audit",
    "data",
    "intertwiners",
    "models",
    "nn",
    "ops",
    "reps",
    "testing",
]

_HOMES = {
    "CONVENTION_VERSION": "reps",
    "O2": "groups",
    "O3": "groups",
    "SO2": "groups",
    "SO3": "groups",
    "Cyclic": "groups",
    "Dihedral": "groups",
    "Group": "groups",
    "Irrep": "reps",
    "Rep": "reps",
    "audit": "audit",
    "intertwiners": "intertwiners",
}
_FLOORS = {"actions", "data", "groups", "models", "nn", "ops", "reps", "tasks", "testing", "training"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _FLOORS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _House(ModuleType):
    """Two floors share their name with the verb they exist for, `audit` and `intertwiners`: here the verb wins."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOMES.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _House
