"""Data: many point clouds in flat arrays, the readers and writers of users' files, public sets, splits, batches.

Every public name is loaded when it is first used: what the command line needs to answer a typing error (`QM9_TARGETS`,
`RECIPES`, `user_cache`) imports neither torch nor ase.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine.data._batching import Batch, StructureSet
    from intertwine.data._cache import user_cache
    from intertwine.data._circuit_parts import circuit_parts
    from intertwine.data._furniture import furniture
    from intertwine.data._names import Names
    from intertwine.data._qm9 import qm9
    from intertwine.data._reading import iter_structures, read_structures
    from intertwine.data._recipes import QM9_TARGETS, RECIPES, Recipe, TargetInfo
    from intertwine.data._shape_set import ShapeBatch, ShapeSet
    from intertwine.data._shapes import read_shapes
    from intertwine.data._split import Split, make_split, stratified_split
    from intertwine.data._structures import Structures
    from intertwine.data._writing import write_csv, write_extxyz

__all__ = [
    "QM9_TARGETS",
    "RECIPES",
    "Batch",
    "Names",
    "Recipe",
    "ShapeBatch",
    "ShapeSet",
    "Split",
    "StructureSet",
    "Structures",
    "TargetInfo",
    "circuit_parts",
    "furniture",
    "iter_structures",
    "make_split",
    "qm9",
    "read_shapes",
    "read_structures",
    "stratified_split",
    "user_cache",
    "write_csv",
    "write_extxyz",
]

_HOMES = {
    "QM9_TARGETS": "_recipes",
    "RECIPES": "_recipes",
    "Batch": "_batching",
    "Names": "_names",
    "Recipe": "_recipes",
    "ShapeBatch": "_shape_set",
    "ShapeSet": "_shape_set",
    "Split": "_split",
    "StructureSet": "_batching",
    "Structures": "_structures",
    "TargetInfo": "_recipes",
    "circuit_parts": "_circuit_parts",
    "furniture": "_furniture",
    "iter_structures": "_reading",
    "make_split": "_split",
    "qm9": "_qm9",
    "read_shapes": "_shapes",
    "read_structures": "_reading",
    "stratified_split": "_split",
    "user_cache": "_cache",
    "write_csv": "_writing",
    "write_extxyz": "_writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
