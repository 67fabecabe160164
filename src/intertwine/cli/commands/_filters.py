"""Command `intertwine filters`: draw a steerable filter, and what it says of a photo."""

from __future__ import annotations

from math import degrees, radians
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, show_line

if TYPE_CHECKING:
    from rich.console import Console
    from torch import Tensor

    from intertwine.ops import FilteredImage, SteeredFilter

SUCCESS = 0

_LARGEST_SIDE = 1024
_SIGMA = 1.5


def filters(
    photo: Annotated[
        str | None,
        typer.Argument(
            metavar="PHOTO", help="Image whose response and oriented energy are drawn as well.", show_default=False
        ),
    ] = None,
    filter: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="G1 to G4, derivatives of a Gaussian; H1 to H4, fits to their Hilbert transforms."
        ),
    ] = "G2",
    angle: Annotated[
        float, typer.Option(metavar="DEGREES", help="Angle that the filter is steered to, counterclockwise.")
    ] = 20.0,
    sigma: Annotated[
        float | None,
        typer.Option(
            metavar="PIXELS",
            help="Of the Gaussian, in pixels of the image, from 0.5 on; by default 1.5.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="IMAGE",
            help="Picture to write (.png, .svg, .pdf); by default NAME.png.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> int:
    """Draw a steerable filter as a sum of its basis, and the response and the oriented energy of a photo."""
    from intertwine.ops import FILTERS, draw_filter, steer_filter
    from intertwine.tasks import check_output, output_file, unknown

    name = filter.strip().upper()
    if name not in FILTERS:
        raise unknown("filter", filter, FILTERS)
    if sigma is not None and photo is None:
        raise UsageError("--sigma is in pixels of an image: give one, or leave it out")
    target = Path(f"{name}.png" if output is None else output)
    check_output(target, force=force)
    if target.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise UsageError(f"{target}: the picture is written as .png, .pdf or .svg")
    image, remarks = (None, ()) if photo is None else _read(photo)
    found = steer_filter(name, radians(angle), image, _SIGMA if sigma is None else sigma)
    figure = draw_filter(found)
    screen = console()
    _show(screen, found)
    if photo is not None and found.filtered is not None:
        _show_photo(screen, photo, found.filtered, remarks)
    with output_file(target, force=force) as path:
        figure.savefig(path, format=target.suffix[1:].lower(), dpi=110)
    show_line(screen, "written", str(target))
    return SUCCESS


def _read(photo: str) -> tuple[Tensor, tuple[str, ...]]:
    """The luma of an image file, of at most 1,024 pixels a side, and what was done to get it."""
    from torch.nn import functional

    from intertwine.data import read_image, to_float

    pixels, remarks = read_image(photo, channels=1)
    image = to_float(pixels)
    scale = _LARGEST_SIDE / max(image.shape)
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in image.shape[1:])
        remarks = (*remarks, f"scaled from {image.shape[2]} x {image.shape[1]} pixels")
        image = functional.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0]
    return image[0], remarks


def _show(screen: Console, found: SteeredFilter) -> None:
    angles = ", ".join(f"{degrees(angle):g}" for angle in found.angles.tolist())
    weights = ", ".join(f"{round(weight, 3) + 0.0:g}" for weight in found.weights.tolist())
    show_line(screen, found.name, f"{found.parts.basis_size} filters span all rotated ones, {found.parts.rep} of SO(2)")
    show_line(screen, "basis", f"{angles} degrees")
    show_line(screen, "coefficients", f"{weights} at {degrees(found.angle):g} degrees")


def _show_photo(screen: Console, photo: str, found: FilteredImage, remarks: tuple[str, ...]) -> None:
    import torch

    height, width = found.image.shape
    show_line(screen, photo, f"{width} x {height} pixels")
    for remark in remarks:
        show_line(screen, "note", remark)
    show_line(screen, "response", f"{float(found.response.min()):.4g} to {float(found.response.max()):.4g}")
    energy = found.energy
    y, x = divmod(int(energy.mean.argmax()), width)
    show_line(screen, "energy", f"mean {float(energy.mean.mean()):.4g}, {float(energy.mean[y, x]):.4g} at ({x}, {y})")
    dominant = degrees(float(torch.atan2(energy.sine.sum(), energy.cosine.sum())) / 2)
    show_line(screen, "dominant", f"{round(dominant, 1) + 0.0:.1f} degrees, across lines and edges")
