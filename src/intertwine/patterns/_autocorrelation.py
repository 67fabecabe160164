"""The lattice of an image: where its autocorrelation comes back to its height."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.patterns._cells import reduced
from intertwine.patterns._filters import gaussian_blur

_LEAST_OVERLAP = 1 / 6
_PEAKS = 36
_SLACK = 0.06
_BLUR = 1.5
_LOWEST_HEIGHT = 0.3
_LEAST_SIGNIFICANCE = 6.0
_CONSISTENT = 0.6
_INDEPENDENT = 0.2
_STRETCHES = 12


@dataclass(frozen=True)
class Repeat:
    """A lattice of translations that an image seems to have.

    Args:
        cell: ``(2, 2)``, columns are the lattice vectors in pixels; reduced.
        height: Mean autocorrelation at its points: 1 for a perfect repeat, 0 for noise.
        significance: The height in standard deviations of what chance would give.
    """

    cell: Tensor
    height: float
    significance: float

    @property
    def significant(self) -> bool:
        """Whether this is more than chance."""
        return self.height >= _LOWEST_HEIGHT and self.significance >= _LEAST_SIGNIFICANCE


def autocorrelation(image: Tensor) -> tuple[Tensor, Tensor]:
    """The correlation of an image with itself, shifted, each shift normalized over the overlap.

    ``A(s) = sum f(x) f(x + s) / sqrt(sum f(x)^2 sum f(x + s)^2)``, sums over the pixels where both are seen.

    Args:
        image: ``(C, H, W)``, float64, mean zero.

    Returns:
        A and the fraction of the image that overlaps, both ``(2 H - 1, 2 W - 1)``, shift zero in the middle.
    """
    height, width = image.shape[-2:]
    size = (2 * height, 2 * width)
    spectrum = torch.fft.rfft2(image, s=size)
    mask = torch.fft.rfft2(torch.ones(height, width, dtype=image.dtype), s=size)
    energy = torch.fft.rfft2(image.square().sum(0), s=size)

    def correlate(left: Tensor, right: Tensor) -> Tensor:
        full = torch.fft.irfft2(left.conj() * right, s=size)
        return torch.roll(full, (height, width), (-2, -1))[1:, 1:]

    product = torch.fft.irfft2((spectrum.conj() * spectrum).sum(0), s=size)
    product = torch.roll(product, (height, width), (-2, -1))[1:, 1:]
    first, second = correlate(energy, mask), correlate(mask, energy)
    scale = (first.clamp_min(0) * second.clamp_min(0)).sqrt()
    floor = 1e-9 * float(image.square().sum())
    overlap = correlate(mask, mask) / (height * width)
    return torch.where(scale > floor, product / scale.clamp_min(floor), 0.0), overlap


def find_repeat(image: Tensor) -> Repeat | None:
    """The lattice with the smallest cell among those on which the autocorrelation is as high as it gets.

    Args:
        image: ``(C, H, W)``, float64, mean zero, not constant.

    Returns:
        The lattice, significant or not; None when there are not two independent peaks.
    """
    # A slight blur: peaks become as wide as a parabola needs, and noise becomes less.
    surface = _Surface(*autocorrelation(gaussian_blur(image, _BLUR)))
    shifts, heights = surface.peaks()
    if len(shifts) < 2:
        return None
    kept = (heights >= _CONSISTENT * heights.max()).nonzero().flatten()
    kept = kept[shifts[kept].norm(dim=-1).argsort()][:_PEAKS]
    # What is independent by chance: patches as large as the central peak is at half height.
    patch = surface.central_lobe() / (image.shape[-2] * image.shape[-1])
    found: list[Repeat] = []
    seen: list[Tensor] = []
    for i, j in combinations(kept.tolist(), 2):
        pair = torch.stack([shifts[i], shifts[j]], -1)
        if abs(float(torch.linalg.det(pair))) < _INDEPENDENT * float(pair[:, 0].norm() * pair[:, 1].norm()):
            continue
        cell = reduced(pair)
        if any(float((cell - other).abs().max()) < 1.0 for other in seen):
            continue
        seen.append(cell)
        repeat = surface.judge(cell, patch)
        if repeat is not None:
            found.append(repeat)
    if not found:
        return None
    top = max(repeat.height for repeat in found)
    chosen = [repeat for repeat in found if repeat.height >= top - _SLACK]
    smallest = min(chosen, key=lambda repeat: abs(float(torch.linalg.det(repeat.cell))))
    return replace(smallest, cell=surface.stretch(smallest.cell))


def _lattice_points(cell: Tensor, reach: int) -> Tensor:
    """Half of the lattice points up to a multiple of the vectors, the nearest first: ``(n, 2)``, int64."""
    steps = torch.arange(-reach, reach + 1)
    grid = torch.cartesian_prod(steps, steps)
    half = grid[(grid[:, 0] > 0) | ((grid[:, 0] == 0) & (grid[:, 1] > 0))]
    return half[(half.to(cell.dtype) @ cell.T).norm(dim=-1).argsort()]


class _Surface:
    """An autocorrelation as a landscape."""

    def __init__(self, values: Tensor, overlap: Tensor) -> None:
        self.values, self.overlap = values, overlap
        self.middle = torch.tensor([values.shape[1] // 2, values.shape[0] // 2])
        self.seen = overlap >= _LEAST_OVERLAP
        self.seen[[0, -1], :] = False
        self.seen[:, [0, -1]] = False

    def central_lobe(self) -> float:
        """The area in which the autocorrelation stays above one half around the middle, in pixels."""
        column, row = self.middle.tolist()
        rays = self.values[row, column:], self.values[row:, column]
        edges = [(ray < 0.5).nonzero() for ray in rays]
        radii = [float(edge[0]) if len(edge) else float(len(ray)) for edge, ray in zip(edges, rays, strict=True)]
        return torch.pi * radii[0] * radii[1]

    def peaks(self) -> tuple[Tensor, Tensor]:
        """Local maxima in one half plane: shifts ``(n, 2)`` to a fraction of a pixel, and heights."""
        around = functional.max_pool2d(self.values[None, None], 5, 1, 2)[0, 0]
        rows, columns = ((self.values == around) & (self.values > 0) & self.seen).nonzero(as_tuple=True)
        x, y = columns - self.middle[0], rows - self.middle[1]
        half = (y > 0) | ((y == 0) & (x > 0))
        return self.summits(rows[half], columns[half])

    def summits(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """The top of the parabola through each maximum and its neighbors."""
        here = self.values[rows, columns]
        offsets, gains = [], torch.zeros_like(here)
        for step_row, step_column in ((0, 1), (1, 0)):
            after = self.values[rows + step_row, columns + step_column]
            before = self.values[rows - step_row, columns - step_column]
            curvature = (2 * here - after - before).clamp_min(1e-12)
            offset = ((after - before) / (2 * curvature)).clamp(-0.5, 0.5)
            offsets.append(offset)
            gains = gains + 0.25 * (after - before) * offset
        where = torch.stack([columns, rows], -1).to(self.values.dtype) - self.middle
        return where + torch.stack(offsets, -1), (here + gains).clamp_max(1.0)

    def near(self, shifts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The highest pixel within one of each shift: which shifts overlap enough, and row and column of the pixel."""
        pixels = shifts.round().to(torch.int64) + self.middle
        limits = torch.tensor([self.values.shape[1], self.values.shape[0]])
        inside = ((pixels >= 2) & (pixels < limits - 2)).all(-1)
        pixels = pixels.clamp_min(2).minimum(limits - 3)
        inside &= self.seen[pixels[:, 1], pixels[:, 0]]
        trial = pixels[inside][:, None] + torch.cartesian_prod(torch.arange(-1, 2), torch.arange(-1, 2))
        best = self.values[trial[..., 1], trial[..., 0]].argmax(-1)
        chosen = trial[torch.arange(len(trial)), best]
        return inside, chosen[:, 1], chosen[:, 0]

    def judge(self, cell: Tensor, patch: float) -> Repeat | None:
        """The mean height at the lattice points in reach; None when they do not agree with one another."""
        _, rows, columns = self.near(_lattice_points(cell, 2).to(cell.dtype) @ cell.T)
        if len(rows) < 2:
            return None
        _, heights = self.summits(rows, columns)
        weights = self.overlap[rows, columns]
        mean = float((weights * heights).sum() / weights.sum())
        if mean <= 0 or float(heights.min()) < _CONSISTENT * mean:
            return None
        return Repeat(cell, mean, mean * sqrt(float(weights.sum()) / patch))

    def stretch(self, cell: Tensor) -> Tensor:
        """Lattice vectors by least squares through peaks farther and farther out."""
        for reach in range(1, _STRETCHES + 1):
            multiples = _lattice_points(cell, reach)
            inside, rows, columns = self.near(multiples.to(cell.dtype) @ cell.T)
            chosen = multiples[inside].to(cell.dtype)
            if len(chosen) >= 2 and int(torch.linalg.matrix_rank(chosen)) == 2:
                where, _ = self.summits(rows, columns)
                weights = self.overlap[rows, columns].sqrt()[:, None]
                cell = torch.linalg.lstsq(chosen * weights, where * weights).solution.T
        return cell
