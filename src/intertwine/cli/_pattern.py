"""`intertwine pattern`: draw one of the 17 wallpaper groups, or name the one that a picture has."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, show_line, show_table

FOUND, NOTHING = 0, 1

_SIZE = re.compile(r"(\d+)(?:x(\d+))?")


def pattern(
    group: Annotated[
        str | None, typer.Argument(help="A wallpaper group; all 17 are listed when not given.", show_default=False)
    ] = None,
    output: Annotated[str | None, typer.Argument(help="The picture to write.", show_default=False)] = None,
    detect: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Name the group of this picture instead.", show_default=False)
    ] = None,
    motif: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Make the pattern of copies of this picture.", show_default=False),
    ] = None,
    size: Annotated[str, typer.Option(metavar="WIDTH[xHEIGHT]", help="In pixels.")] = "768",
    cells: Annotated[float, typer.Option(help="Cells across the shorter side.")] = 4.0,
    turn: Annotated[float, typer.Option(help="Turn the lattice, in degrees, counterclockwise.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of a drawn pattern.")] = 0,
    palette: Annotated[
        str | None, typer.Option(help="Colors; the seed chooses when not given.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="With --detect: everything, as JSON.")] = False,
) -> int:
    """Draw a pattern with the symmetry of a wallpaper group, or name the group of a picture.

    Exit code 1 if the picture does not repeat in two directions.
    """
    if detect is not None:
        if group is not None or motif is not None:
            raise UsageError("--detect names the group of a picture: give no group and no --motif with it")
        return _name(detect, json=json)
    if group is None:
        return _list()
    if output is None:
        raise UsageError(f"give the picture to write: intertwine pattern {group} {group}.png")
    return _draw(group, output, motif, _pixels(size), cells, turn, seed, palette)


def _pixels(size: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(size.strip().lower())
    if match is None:
        raise UsageError(
            f'--size expects a width such as "512", or a width and a height such as "800x600", got "{size}"'
        )
    return int(match[1]), int(match[2] or match[1])


def _list() -> int:
    from intertwine.patterns import WALLPAPERS, wallpaper

    rows = []
    for name, kind in WALLPAPERS.items():
        group = wallpaper(name)
        symmorphic = "symmorphic" if group.symmorphic else "-"
        generators = "   ".join(kind.generators) or "translations only"
        rows.append([name, str(group.order), group.point_group.name, kind.lattice, symmorphic, generators])
    show_table(console(), ["group", "order", "class", "lattice", "", "generators"], rows)
    return FOUND


def _name(path: str, *, json: bool) -> int:
    from intertwine.patterns import detect, read_image

    found = detect(read_image(path))
    console().print(found.to_json() if json else str(found), soft_wrap=True)
    return NOTHING if found.name is None else FOUND


def _draw(
    group: str,
    output: str,
    motif: str | None,
    pixels: tuple[int, int],
    cells: float,
    turn: float,
    seed: int,
    palette: str | None,
) -> int:
    from intertwine.patterns import (
        WALLPAPERS,
        Canvas,
        check_writable,
        draw_motif,
        draw_pattern,
        read_image,
        wallpaper,
        write_image,
    )

    found = wallpaper(group)
    target = check_writable(output)
    canvas = Canvas(*pixels, cells=cells, rotation=turn)
    if motif is not None and palette is not None:
        raise UsageError("--palette is for drawn patterns: a --motif brings its own colors")
    if motif is None:
        picture = draw_pattern(found.name, canvas, seed=seed, palette=palette)
    else:
        picture = draw_motif(found.name, read_image(motif), canvas)
    write_image(target, picture)
    lattice = WALLPAPERS[found.name].lattice
    order = f"{found.order} operation{'s' if found.order > 1 else ''} a cell"
    show_line(console(), found.name, f"{lattice} lattice, {order}, {pixels[0]} x {pixels[1]} pixels")
    show_line(console(), "written", str(target))
    return FOUND
