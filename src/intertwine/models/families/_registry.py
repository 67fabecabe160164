"""Registry of families: built-in ones, and those of installed packages (entry points `intertwine.layers`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from intertwine.models.families._attention import AttentionFamily
from intertwine.models.families._depthwise import DepthwiseFamily
from intertwine.models.families._egnn import EGNNFamily
from intertwine.models.families._equiformer import EquiformerFamily
from intertwine.models.families._family import Family
from intertwine.models.families._lifted import LiftedFamily
from intertwine.models.families._message import MessageFamily
from intertwine.models.families._steerable import SteerableFamily
from intertwine.models.families._vector import VectorFamily

ENTRY_POINTS = "intertwine.layers"
"""Entry-point group under which other packages register a family: `name = "package.module:FamilyClass"`."""

_BUILT_IN: tuple[type[Family], ...] = (
    AttentionFamily,
    DepthwiseFamily,
    EGNNFamily,
    EquiformerFamily,
    LiftedFamily,
    MessageFamily,
    SteerableFamily,
    VectorFamily,
)


@cache
def known_families() -> dict[str, type[Family]]:
    """Every family by name."""
    plugins = {entry.name: entry.load() for entry in entry_points(group=ENTRY_POINTS)}
    return {**plugins, **{family.name: family for family in _BUILT_IN}}


def get_family(layer: str | Mapping[str, Any] | Family) -> Family:
    """A family from its name, from a mapping of its name and options, or from itself.

    Args:
        layer: Such as ``"steerable"``, ``{"name": "steerable", "norm": "batch"}`` or ``SteerableFamily(norm="batch")``.

    Raises:
        ValueError: If no family has that name, or the family has no such option.

    Example:
        >>> get_family({"name": "attention", "heads": 2})
        AttentionFamily(heads=2, norm='none')
    """
    if isinstance(layer, Family):
        return layer
    options = {"name": layer} if isinstance(layer, str) else dict(layer)
    name = options.pop("name", None)
    known = known_families()
    if name not in known:
        raise ValueError(f'no layer "{name}"; known: {", ".join(sorted(known))}')
    try:
        return known[name](**options)
    except TypeError as error:
        raise ValueError(f'layer "{name}": {error}') from None


def describe_family(family: Family) -> str | dict[str, Any]:
    """A family as JSON, as :func:`get_family` takes it: its name, with its options if it has any."""
    options = asdict(family)
    return {"name": family.name, **options} if options else family.name
