"""Pictures of wallpaper groups: colors from several fields with the symmetry, or a motif of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import torch
from torch import Tensor
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine.patterns._cells import cell_of, shape
from intertwine.patterns._pattern import random_pattern
from intertwine.patterns._planar import WALLPAPERS, wallpaper

PALETTES: dict[str, tuple[str, str, str, str, str]] = {
    "alhambra": ("16324f", "f4ead5", "2a8f86", "e2a03f", "c04f3a"),
    "morris": ("1f3b2d", "f2e8cf", "5f9160", "d3a13e", "b5484b"),
    "delft": ("0b2545", "eef4ed", "4f7cac", "9cc5d9", "d8a657"),
    "sand": ("3d405b", "f4f1de", "81b29a", "f2cc8f", "df765a"),
    "plum": ("35193e", "fbe9d7", "ad1759", "f37651", "f6b48f"),
    "reef": ("073b4c", "fdf3dc", "118ab2", "06b08a", "ef6f6c"),
}
"""Five colors each: lines, ground, and three fillings."""

_OVERSAMPLING = 2
_LINE = 0.022
_DETAIL = 1.45
_FEWEST, _MOST = 1.5, 24.0


@dataclass(frozen=True)
class Canvas:
    """Where and how large a pattern is drawn.

    Args:
        width: In pixels.
        height: In pixels.
        cells: How many cells go across the shorter side, by their mean width.
        turn: Of the lattice, in degrees, counterclockwise.
    """

    width: int = 768
    height: int = 768
    cells: float = 4.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 32 or max(self.width, self.height) > 8192:
            raise UsageError(f"pictures are 32 to 8192 pixels wide and high, got {self.width} x {self.height}")
        if not _FEWEST <= self.cells <= _MOST:
            raise UsageError(f"cells across are {_FEWEST:g} to {_MOST:g}, got {self.cells:g}")

    def cell(self, name: str) -> Tensor:
        """The cell of a wallpaper group on this canvas: ``(2, 2)``, columns are vectors in pixels, y down."""
        cell = cell_of(WALLPAPERS[name].lattice, min(self.width, self.height) / self.cells, -self.turn)
        if WALLPAPERS[name].lattice != "centered":
            return cell
        # A rhombus stands on its corner: its mirror lines are then level and upright.
        half = -radians(shape(cell)[2]) / 2
        return torch.tensor([[cos(half), -sin(half)], [sin(half), cos(half)]], dtype=torch.float64) @ cell


def draw_pattern(name: str, canvas: Canvas | None = None, *, seed: int = 0, palette: str | None = None) -> Tensor:
    """An ornament with the symmetry of a wallpaper group, in five colors.

    Four random invariant fields are drawn as layers of cut paper: where a field is high its color lies on top, a line
    runs round its edge. What is made of invariant fields point by point is invariant.

    Args:
        name: One of the 17.
        canvas: Size, scale and orientation.
        seed: Of the fields, and of the palette if none is named.
        palette: One of ``PALETTES``.

    Returns:
        ``(3, height, width)``, float64, 0 .. 1.

    Raises:
        UsageError: If there is no such group or palette.
    """
    canvas = canvas or Canvas()
    name = wallpaper(name).name
    generator = torch.Generator().manual_seed(seed)
    chosen = int(torch.randint(len(PALETTES), (), generator=generator))
    if palette is not None and palette not in PALETTES:
        raise UsageError(f'no palette "{palette}". Known: {", ".join(PALETTES)}')
    ink, ground, *fillings = map(_color, PALETTES[palette or list(PALETTES)[chosen]])
    # The more symmetry, the fewer waves are free: more detail makes up for it.
    detail = _DETAIL * wallpaper(name).order ** 0.15
    pattern = random_pattern(name, channels=4, detail=detail, generator=generator)
    cell = canvas.cell(name) * _OVERSAMPLING
    size = canvas.height * _OVERSAMPLING, canvas.width * _OVERSAMPLING
    middle = (size[1] - 1) / 2, (size[0] - 1) / 2
    fields = pattern.sample(size, cell, middle)
    width = _LINE * float(torch.linalg.det(cell).abs().sqrt())
    picture = ground.expand(3, *size) * _shade(fields[3])
    for field, filling, level in zip(fields[:3], fillings, (0.05, 0.55, 0.95), strict=True):
        distance = _distance(field - level)
        inside = (distance + 0.5).clamp(0, 1)
        line = (width / 2 - distance.abs() + 0.5).clamp(0, 1)
        picture = torch.lerp(picture, filling.expand(3, *size) * _shade(fields[3]), inside)
        picture = torch.lerp(picture, ink.expand(3, *size), line)
    return functional.avg_pool2d(picture[None], _OVERSAMPLING)[0].clamp(0, 1)


def draw_motif(name: str, motif: Tensor, canvas: Canvas | None = None) -> Tensor:
    """An ornament made of copies of a picture, one for each operation of a wallpaper group.

    The picture is laid at a point of the cell without symmetry, as large as its distance to its own images asks for.
    Where copies meet they blend: a color is the mean of all copies, weighted by the distance to their centers. The
    distances are the same for all of them, so the result is invariant whatever the picture.

    Args:
        name: One of the 17.
        motif: ``(3, h, w)``, 0 .. 1.
        canvas: Size, scale and orientation.

    Returns:
        ``(3, height, width)``, float64, 0 .. 1.

    Raises:
        UsageError: If there is no such group.
    """
    canvas = canvas or Canvas()
    group = wallpaper(name)
    cell = canvas.cell(group.name)
    center, distance = _most_general_point(group.matrices, cell)
    rows, columns = torch.meshgrid(
        torch.arange(canvas.height, dtype=torch.float64) - (canvas.height - 1) / 2,
        torch.arange(canvas.width, dtype=torch.float64) - (canvas.width - 1) / 2,
        indexing="ij",
    )
    points = torch.stack([columns, rows], -1) @ torch.linalg.inv(cell).T
    total = torch.zeros(3, canvas.height, canvas.width, dtype=torch.float64)
    weights = torch.full((canvas.height, canvas.width), 1e-300, dtype=torch.float64)
    steps = torch.cartesian_prod(torch.arange(-1.0, 2.0), torch.arange(-1.0, 2.0)).to(torch.float64)
    span = 1.25 * distance  # of the picture's shorter side: the space between two centers, with a margin to blend in
    motif = _reduced(motif.to(torch.float64), span)
    scale = 2 / span * torch.tensor([min(motif.shape[1:]) / n for n in (motif.shape[2], motif.shape[1])])
    for operation in group.elements:
        offset = operation(points) - center
        offset = offset - offset.floor()
        for step in steps:
            place = (offset + step) @ cell.T
            near = torch.exp(-0.5 * (place.norm(dim=-1) / (0.22 * distance)) ** 2)
            if float(near.max()) < 1e-6:
                continue
            seen = functional.grid_sample(
                motif[None], (place * scale)[None], mode="bilinear", padding_mode="reflection", align_corners=False
            )[0]
            total += near * seen
            weights += near
    return (total / weights).clamp(0, 1)


def _reduced(picture: Tensor, pixels: float) -> Tensor:
    """The picture with a shorter side of so many pixels at most: finer lines would alias, differently in each copy."""
    share = pixels / min(picture.shape[1:])
    if share >= 1:
        return picture
    size = [max(2, round(share * n)) for n in picture.shape[1:]]
    return functional.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]


def _most_general_point(matrices: Tensor, cell: Tensor) -> tuple[Tensor, float]:
    """The point of the cell that is farthest from all its images, and how far that is."""
    steps = torch.arange(48, dtype=torch.float64) / 48 + 1 / 96
    points = torch.cartesian_prod(steps, steps)
    images = torch.einsum("gij,nj->gni", matrices[:, :-1, :-1], points) + matrices[:, None, :-1, -1]
    around = torch.cartesian_prod(torch.arange(-1.0, 2.0), torch.arange(-1.0, 2.0)).to(torch.float64)
    difference = images - points
    difference = (difference - difference.round())[:, :, None] + around
    lengths = (difference @ cell.T).norm(dim=-1)
    lengths[0, :, 4] = torch.inf
    nearest = lengths.amin((0, 2))
    best = int(nearest.argmax())
    return points[best], float(nearest[best])


def _color(text: str) -> Tensor:
    return torch.tensor([int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)], dtype=torch.float64)[:, None, None]


def _shade(field: Tensor) -> Tensor:
    """A little light and shadow, 0.9 .. 1.04."""
    return 0.97 + 0.07 * torch.tanh(field)


def _distance(field: Tensor) -> Tensor:
    """The distance of each pixel from the line where the field is zero, to first order, positive inside."""
    down, across = torch.gradient(field)
    slope = (down.square() + across.square()).sqrt()
    return field / slope.clamp_min(0.02 * float(slope.max()))
