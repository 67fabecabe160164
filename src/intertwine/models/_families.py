"""The families of point encoders by name: ours, and those of installed packages (entry points `intertwine.layers`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from intertwine.models._attention import Attention
from intertwine.models._egnn import Egnn
from intertwine.models._family import Family
from intertwine.models._lifted import Lifted
from intertwine.models._message import Message
from intertwine.models._steerable import Steerable
from intertwine.models._vector import Vector

ENTRY_POINTS = "intertwine.layers"
"""The group under which other packages register theirs: `name = "package.module:FamilyClass"`."""

_OURS: tuple[type[Family], ...] = (Attention, Egnn, Lifted, Message, Steerable, Vector)


@cache
def families() -> dict[str, type[Family]]:
    """Every family by name."""
    foreign = {entry.name: entry.load() for entry in entry_points(group=ENTRY_POINTS)}
    return {**foreign, **{family.name: family for family in _OURS}}


def family(layer: str | Mapping[str, Any] | Family) -> Family:
    """A family from its name, or from what :func:`describe` gave.

    Raises:
        ValueError: If there is none of that name, or it has no such option.
    """
    if isinstance(layer, Family):
        return layer
    options = {"name": layer} if isinstance(layer, str) else dict(layer)
    name = options.pop("name", None)
    known = families()
    if name not in known:
        raise ValueError(f'no layer "{name}"; known: {", ".join(sorted(known))}')
    try:
        return known[name](**options)
    except TypeError as error:
        raise ValueError(f'layer "{name}": {error}') from None


def describe(chosen: Family) -> str | dict[str, Any]:
    """A family as JSON: its name, and its options where it has some."""
    options = asdict(chosen)
    return {"name": chosen.name, **options} if options else chosen.name
