"""Command `intertwine basis`: the linear maps that commute with a group."""

from __future__ import annotations

import json as codec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError

if TYPE_CHECKING:
    from intertwine.hom import MapTable

AGREES, DISAGREES = 0, 1
_PICTURES = (".png", ".svg", ".pdf", ".jpg")


def basis(
    maps: Annotated[
        str,
        typer.Argument(
            help='Representations "GROUP: IN -> OUT", such as "SO3: 1 x 1 -> 0 + 1 + 2". The group may be a JSON file'
            ' {"generators": [..], "algebra": [..], "reps": {"W": {"generators": [..], "algebra": [..]}}}.',
            show_default=False,
        ),
    ],
    plot: Annotated[str | None, typer.Option(help="File for a plot of the maps (png, svg, pdf).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    limit: Annotated[int, typer.Option(help="Largest number of maps to print.")] = 12,
    cache: Annotated[bool, typer.Option("--cache", help="Store the maps in the user's cache folder.")] = False,
) -> int:
    """List the linear maps that commute with a group. Exit code 1 if characters disagree with their number."""
    if limit < 0:
        raise UsageError(f"--limit expects at least 0, got {limit}")
    if plot is not None and Path(plot).suffix.lower() not in _PICTURES:
        raise UsageError(f'--plot expects a file that ends in {", ".join(_PICTURES)}, got "{plot}"')
    folder = _cache_folder() if cache else None
    table = find(maps, folder)
    typer.echo(codec.dumps(table.to_json()) if json else report(table, limit))
    if plot is not None:
        save_plot(table, Path(plot))
        typer.echo(f"plot          {plot}", err=json)
    if folder is not None:
        typer.echo(f"cached        {folder}", err=json)
    return AGREES if table.agrees else DISAGREES


def _cache_folder() -> Path:
    from intertwine.data import user_cache

    return user_cache() / "bases"


def find(maps: str, folder: Path | None = None) -> MapTable:
    """The maps between the representations in a line of text.

    Args:
        maps: "GROUP: IN -> OUT".
        folder: Folder of the cache, if any.

    Raises:
        UsageError: If the text cannot be parsed, or the maps cannot be computed.
    """
    from intertwine.hom import parse_hom, tabulate

    rep_in, rep_out = parse_hom(maps)
    try:
        return tabulate(rep_in, rep_out, folder=folder)
    except (ValueError, ArithmeticError) as error:
        raise UsageError(str(error)) from error


def report(table: MapTable, limit: int) -> str:
    """Text of the summary and of each map.

    Args:
        table: The maps.
        limit: Largest number of maps to print.
    """
    shown = table.rows[:limit]
    paragraphs = [table.summary(), *("\n".join(row.lines()) for row in shown)]
    if limit and len(table.rows) > limit:
        paragraphs.append(f"and {len(table.rows) - limit:,} more; --limit {len(table.rows)} shows them all")
    return "\n\n".join(paragraphs)


def save_plot(table: MapTable, path: Path) -> None:
    """Draw the maps into a file.

    Raises:
        UsageError: If there are no maps or the file cannot be written.
    """
    from intertwine.hom import draw

    if not table.rows:
        raise UsageError("--plot has nothing to draw: only the zero map commutes")
    try:
        draw(table).savefig(path, dpi=160)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None
