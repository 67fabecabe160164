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
            help='Representations "GROUP: IN -> OUT", such as "SO3: 1 x 1 -> 0 + 1 + 2", or, for a product of groups,'
            ' "S4 x S3: V1 x V2 -> V1 x V2". The group may be a JSON file'
            ' {"generators": [..], "algebra": [..], "reps": {"W": {"generators": [..], "algebra": [..]}}}.',
            show_default=False,
        ),
    ],
    plot: Annotated[str | None, typer.Option(help="File for a plot of the maps (png, svg, pdf).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    limit: Annotated[int, typer.Option(help="Largest number of maps to print.")] = 12,
    count: Annotated[
        bool, typer.Option("--count", help="Print only how many there are, by characters, and none of them.")
    ] = False,
    cache: Annotated[bool, typer.Option("--cache", help="Store the maps in the user's cache folder.")] = False,
) -> int:
    """List the linear maps that commute with a group. Exit code 1 if characters disagree with their number."""
    if limit < 0:
        raise UsageError(f"--limit expects at least 0, got {limit}")
    if plot is not None and Path(plot).suffix.lower() not in _PICTURES:
        raise UsageError(f'--plot expects a file that ends in {", ".join(_PICTURES)}, got "{plot}"')
    if count:
        if plot is not None:
            raise UsageError("--plot draws the maps, and --count finds none: leave one of them out")
        typer.echo(count_maps(maps, json=json))
        return AGREES
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


def count_maps(maps: str, *, json: bool = False) -> str:
    """How many maps commute, by characters; nothing is solved.

    Args:
        maps: "GROUP: IN -> OUT".
        json: Whether to say it as JSON.

    Raises:
        UsageError: If the text cannot be parsed, or there are no characters to count with.
    """
    from intertwine.hom import character_count, parse_hom

    rep_in, rep_out = parse_hom(maps)
    found = character_count(rep_in, rep_out)
    if found is None:
        raise UsageError(
            f"{rep_in.group} has no characters to count these maps with, or too many; without --count they are"
            " solved for"
        )
    if json:
        size = {"in": {"rep": str(rep_in), "dim": rep_in.dim}, "out": {"rep": str(rep_out), "dim": rep_out.dim}}
        return codec.dumps({"group": str(rep_in.group), **size, "characters": found._asdict()})
    number = "1 map" if found.dimension == 1 else f"{found.dimension:,} maps"
    return f"{number} (of {rep_in.dim * rep_out.dim:,} dense), by {found.method}"


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
