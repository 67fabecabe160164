"""Images with the symmetry of a wallpaper group, from random fields or from copies of a motif."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, fmod, isfinite, radians, sin

import torch
from torch import Tensor
from torch.nn import functional

from intertwine._bounds import show_count
from intertwine._errors import UsageError
from intertwine.patterns._lattices import lattice_cell, lattice_parameters
from intertwine.patterns._pattern import random_pattern
from intertwine.patterns.crystal import WALLPAPERS, wallpaper

PALETTES: dict[str, tuple[str, str, str, str, str]] = {
    "alhambra": ("16324f", "f4ead5", "2a8f86", "e2a03f", "c04f3a"),
    "morris": ("1f3b2d", "f2e8cf", "5f9160", "d3a13e", "b5484b"),
    "delft": ("0b2545", "eef4ed", "4f7cac", "9cc5d9", "d8a657"),
    "sand": ("3d405b", "f4f1de", "81b29a", "f2cc8f", "df765a"),
    "plum": ("35193e", "fbe9d7", "ad1759", "f37651", "f6b48f"),
    "reef": ("073b4c", "fdf3dc", "118ab2", "06b08a", "ef6f6c"),
}
"""Color palettes of five colors each: lines, background, and three fill colors."""

_OVERSAMPLING = 2
_LINE = 0.022
_DETAIL = 1.45
_MIN_CELLS, _MAX_CELLS = 1.5, 24.0


@dataclass(frozen=True)
class Canvas:
    """Size of an image, and scale and orientation of the lattice in it.

    Args:
        width: In pixels.
        height: In pixels.
        cells: Number of cells across the shorter side, by their mean width.
        rotation: Rotation of the lattice, in degrees, counterclockwise.
    """

    width: int = 768
    height: int = 768
    cells: float = 4.0
    rotation: float = 0.0

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 32 or max(self.width, self.height) > 8192:
            raise UsageError(f"pictures are 32 to 8192 pixels wide and high, got {self.width} x {self.height}")
        if not isfinite(self.rotation):
            raise UsageError(f"the rotation expects a finite number of degrees, got {self.rotation:g}")
        if not _MIN_CELLS <= self.cells <= _MAX_CELLS:
            raise UsageError(f"cells across are {_MIN_CELLS:g} to {_MAX_CELLS:g}, got {self.cells:g}")

    def cell(self, name: str) -> Tensor:
        """The cell of a wallpaper group on this canvas: ``(2, 2)``, columns are lattice vectors in pixels, y down."""
        cell = lattice_cell(
            WALLPAPERS[name].lattice, min(self.width, self.height) / self.cells, -fmod(self.rotation, 360.0)
        )
        if WALLPAPERS[name].lattice != "centered":
            return cell
        # A rhombus is rotated so that its mirror lines are horizontal and vertical.
        half = -radians(lattice_parameters(cell)[2]) / 2
        return torch.tensor([[cos(half), -sin(half)], [sin(half), cos(half)]], dtype=torch.float64) @ cell


def draw_pattern(name: str, canvas: Canvas | None = None, *, seed: int = 0, palette: str | None = None) -> Tensor:
    """An image with the symmetry of a wallpaper group, in five colors.

    Four random invariant fields are drawn as layers: where a field is above a level, its color is painted, with a line
    along the level set. Pointwise functions of invariant fields are invariant.

    Args:
        name: Name of the wallpaper group.
        canvas: Size, scale and orientation.
        seed: Random seed of the fields, and of the palette if none is given.
        palette: One of ``PALETTES``.

    Returns:
        ``(3, height, width)``, float64, 0 .. 1.

    Raises:
        UsageError: If no group or palette has that name.
    """
    canvas = canvas or Canvas()
    name = wallpaper(name).name
    if not -(2**63) <= seed < 2**63:
        raise UsageError(f"the seed expects a whole number below 2^63, got {show_count(seed)}")
    generator = torch.Generator().manual_seed(seed)
    default_palette = int(torch.randint(len(PALETTES), (), generator=generator))
    if palette is not None and palette not in PALETTES:
        raise UsageError(f'no palette "{palette}". Known: {", ".join(PALETTES)}')
    line_color, background, *fill_colors = map(_color, PALETTES[palette or list(PALETTES)[default_palette]])
    # More symmetry leaves fewer independent waves: more detail compensates.
    detail = _DETAIL * wallpaper(name).order ** 0.15
    pattern = random_pattern(name, channels=4, detail=detail, generator=generator)
    cell = canvas.cell(name) * _OVERSAMPLING
    size = canvas.height * _OVERSAMPLING, canvas.width * _OVERSAMPLING
    middle = (size[1] - 1) / 2, (size[0] - 1) / 2
    fields = pattern.sample(size, cell, middle)
    width = _LINE * float(torch.linalg.det(cell).abs().sqrt())
    picture = background.expand(3, *size) * _shade(fields[3])
    for field, fill_color, level in zip(fields[:3], fill_colors, (0.05, 0.55, 0.95), strict=True):
        distance = _signed_distance(field - level)
        inside = (distance + 0.5).clamp(0, 1)
        line = (width / 2 - distance.abs() + 0.5).clamp(0, 1)
        picture = torch.lerp(picture, fill_color.expand(3, *size) * _shade(fields[3]), inside)
        picture = torch.lerp(picture, line_color.expand(3, *size), line)
    return functional.avg_pool2d(picture[None], _OVERSAMPLING)[0].clamp(0, 1)


def draw_motif(name: str, motif: Tensor, canvas: Canvas | None = None) -> Tensor:
    """An image made of copies of a motif, one for each operation of a wallpaper group.

    The motif is placed at the general position farthest from its own images, which also sets its size. Copies blend
    where they meet: a color is the mean of all copies, weighted by the distance to their centers. The weights are
    the same for all operations, so the result is invariant for any motif.

    Args:
        name: Name of the wallpaper group.
        motif: ``(3, h, w)``, 0 .. 1.
        canvas: Size, scale and orientation.

    Returns:
        ``(3, height, width)``, float64, 0 .. 1.

    Raises:
        UsageError: If no group has that name.
    """
    canvas = canvas or Canvas()
    group = wallpaper(name)
    cell = canvas.cell(group.name)
    center, distance = _general_position(group.matrices, cell)
    rows, columns = torch.meshgrid(
        torch.arange(canvas.height, dtype=torch.float64) - (canvas.height - 1) / 2,
        torch.arange(canvas.width, dtype=torch.float64) - (canvas.width - 1) / 2,
        indexing="ij",
    )
    points = torch.stack([columns, rows], -1) @ torch.linalg.inv(cell).T
    total = torch.zeros(3, canvas.height, canvas.width, dtype=torch.float64)
    weights = torch.full((canvas.height, canvas.width), 1e-300, dtype=torch.float64)
    steps = torch.cartesian_prod(torch.arange(-1.0, 2.0), torch.arange(-1.0, 2.0)).to(torch.float64)
    span = (
        1.25 * distance
    )  # of the motif's shorter side in pixels: the distance between two centers, with a margin to blend in
    motif = _downscaled(motif.to(torch.float64), span)
    scale = 2 / span * torch.tensor([min(motif.shape[1:]) / n for n in (motif.shape[2], motif.shape[1])])
    for operation in group.elements:
        offset = operation(points) - center
        offset = offset - offset.floor()
        for step in steps:
            displacement = (offset + step) @ cell.T
            weight = torch.exp(-0.5 * (displacement.norm(dim=-1) / (0.22 * distance)) ** 2)
            if float(weight.max()) < 1e-6:
                continue
            copy = functional.grid_sample(
                motif[None],
                (displacement * scale)[None],
                mode="bilinear",
                padding_mode="reflection",
                align_corners=False,
            )[0]
            total += weight * copy
            weights += weight
    return (total / weights).clamp(0, 1)


def _downscaled(picture: Tensor, pixels: float) -> Tensor:
    """An image with its shorter side at most ``pixels`` long, since finer lines alias differently in each copy."""
    scale = pixels / min(picture.shape[1:])
    if scale >= 1:
        return picture
    size = [max(2, round(scale * n)) for n in picture.shape[1:]]
    return functional.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]


def _general_position(matrices: Tensor, cell: Tensor) -> tuple[Tensor, float]:
    """The point of the cell that is farthest from its images under the group, and that distance."""
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
    """A smooth brightness factor, 0.9 .. 1.04."""
    return 0.97 + 0.07 * torch.tanh(field)


def _signed_distance(field: Tensor) -> Tensor:
    """The signed distance of each pixel from the zero level set of a field, to first order, positive inside."""
    down, across = torch.gradient(field)
    gradient = (down.square() + across.square()).sqrt()
    return field / gradient.clamp_min(0.02 * float(gradient.max()))
