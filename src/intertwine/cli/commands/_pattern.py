"""Command `intertwine pattern`: draw a pattern of a wallpaper group, or detect the group of a picture."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, show_line, show_table

SUCCESS, NOT_PERIODIC = 0, 1

_SIZE = re.compile(r"(\d{1,9})(?:x(\d{1,9}))?")


def pattern(
    group: Annotated[
        str | None, typer.Argument(help="Wallpaper group; without it, all 17 are listed.", show_default=False)
    ] = None,
    output: Annotated[str | None, typer.Argument(help="Image file to write.", show_default=False)] = None,
    detect: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Detect the group of this image instead.", show_default=False)
    ] = None,
    motif: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE", help="Image that is repeated by the group, instead of a drawn pattern.", show_default=False
        ),
    ] = None,
    size: Annotated[str, typer.Option(metavar="WIDTH[xHEIGHT]", help="Size of the image in pixels.")] = "768",
    cells: Annotated[float, typer.Option(help="Number of unit cells along the shorter side.")] = 4.0,
    rotation: Annotated[float, typer.Option(help="Rotation of the lattice, in degrees, counterclockwise.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Random seed of a drawn pattern.")] = 0,
    palette: Annotated[
        str | None, typer.Option(help="Color palette; by default chosen by the seed.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="With --detect: print the result as JSON.")] = False,
) -> int:
    """Draw a pattern of a wallpaper group, or detect the group of an image.

    Exit code 1 if the image is not periodic in two directions.
    """
    if detect is not None:
        if group is not None or motif is not None:
            raise UsageError("--detect takes neither a group nor --motif")
        return _detect(detect, json=json)
    if group is None:
        return _list()
    name = _known_group(group)
    if output is None:
        raise UsageError(f"give the image to write: intertwine pattern {name} {name}.png")
    return _draw(group, output, motif, _pixels(size), cells, rotation, seed, palette)


def _known_group(group: str) -> str:
    from intertwine.patterns import wallpaper

    return wallpaper(group).name


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
    return SUCCESS


def _detect(path: str, *, json: bool) -> int:
    from intertwine.patterns import detect, read_image

    found = detect(read_image(path))
    console().print(found.to_json() if json else str(found), soft_wrap=True)
    return NOT_PERIODIC if found.name is None else SUCCESS


def _draw(
    group: str,
    output: str,
    motif: str | None,
    pixels: tuple[int, int],
    cells: float,
    rotation: float,
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
    canvas = Canvas(*pixels, cells=cells, rotation=rotation)
    if motif is not None and palette is not None:
        raise UsageError("--palette has no effect with --motif: leave one of them out")
    if motif is None:
        picture = draw_pattern(found.name, canvas, seed=seed, palette=palette)
    else:
        picture = draw_motif(found.name, read_image(motif), canvas)
    write_image(target, picture)
    lattice = WALLPAPERS[found.name].lattice
    order = f"{found.order} operation{'s' if found.order > 1 else ''} a cell"
    show_line(console(), found.name, f"{lattice} lattice, {order}, {pixels[0]} x {pixels[1]} pixels")
    show_line(console(), "written", str(target))
    return SUCCESS
