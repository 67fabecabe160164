"""Autocorrelation of an image, and the lattice of its peaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.patterns._lattices import reduced_cell
from intertwine.patterns.detection._filters import gaussian_blur

_MIN_OVERLAP = 1 / 6
_MAX_PEAKS = 36
_HEIGHT_TOLERANCE = 0.06
_BLUR = 1.5
_MIN_HEIGHT = 0.3
_MIN_SIGNIFICANCE = 6.0
_CONSISTENT = 0.6
_INDEPENDENT = 0.2
_MAX_MULTIPLE = 12


@dataclass(frozen=True)
class LatticeEstimate:
    """Lattice of translations estimated from an autocorrelation.

    Args:
        cell: Reduced cell ``(2, 2)``, columns are the lattice vectors in pixels.
        height: Mean autocorrelation at the lattice points: 1 for a periodic image, 0 for noise.
        significance: The height in standard deviations of its distribution for noise.
    """

    cell: Tensor
    height: float
    significance: float

    @property
    def significant(self) -> bool:
        """Whether the lattice is more than chance."""
        return self.height >= _MIN_HEIGHT and self.significance >= _MIN_SIGNIFICANCE


def autocorrelation(image: Tensor) -> tuple[Tensor, Tensor]:
    """The autocorrelation of an image, normalized over the overlap of each shift.

    ``A(s) = sum f(x) f(x + s) / sqrt(sum f(x)^2 sum f(x + s)^2)``, with sums over the overlap.

    Args:
        image: ``(C, H, W)``, float64, mean zero.

    Returns:
        A and the overlap as a fraction of the image, both ``(2 H - 1, 2 W - 1)``, with shift zero in the middle.
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


def find_lattice(image: Tensor) -> LatticeEstimate | None:
    """The lattice with the smallest cell among those whose autocorrelation is near the maximum.

    Args:
        image: ``(C, H, W)``, float64, mean zero, not constant.

    Returns:
        The lattice, significant or not; None if there are not two independent peaks.
    """
    # A slight blur widens peaks enough for a parabola and reduces noise.
    surface = _AutocorrelationMap(*autocorrelation(gaussian_blur(image, _BLUR)))
    shifts, heights = surface.peaks()
    if len(shifts) < 2:
        return None
    highest = (heights >= _CONSISTENT * heights.max()).nonzero().flatten()
    highest = highest[shifts[highest].norm(dim=-1).argsort()][:_MAX_PEAKS]
    # The image has about as many independent patches as the central peak at half height fits into it.
    patch = surface.central_peak_area() / (image.shape[-2] * image.shape[-1])
    found: list[LatticeEstimate] = []
    seen: list[Tensor] = []
    for i, j in combinations(highest.tolist(), 2):
        pair = torch.stack([shifts[i], shifts[j]], -1)
        if abs(float(torch.linalg.det(pair))) < _INDEPENDENT * float(pair[:, 0].norm() * pair[:, 1].norm()):
            continue
        cell = reduced_cell(pair)
        if any(float((cell - other).abs().max()) < 1.0 for other in seen):
            continue
        seen.append(cell)
        estimate = surface.score(cell, patch)
        if estimate is not None:
            found.append(estimate)
    if not found:
        return None
    top = max(estimate.height for estimate in found)
    best = [estimate for estimate in found if estimate.height >= top - _HEIGHT_TOLERANCE]
    smallest = min(best, key=lambda estimate: abs(float(torch.linalg.det(estimate.cell))))
    return replace(smallest, cell=surface.refine_cell(smallest.cell))


def _lattice_points(cell: Tensor, reach: int) -> Tensor:
    """Lattice points of a half plane up to ``reach`` multiples of each vector, nearest first: ``(n, 2)``, int64."""
    steps = torch.arange(-reach, reach + 1)
    grid = torch.cartesian_prod(steps, steps)
    half = grid[(grid[:, 0] > 0) | ((grid[:, 0] == 0) & (grid[:, 1] > 0))]
    return half[(half.to(cell.dtype) @ cell.T).norm(dim=-1).argsort()]


class _AutocorrelationMap:
    """Autocorrelation by shift, with its peaks at sub-pixel precision."""

    def __init__(self, values: Tensor, overlap: Tensor) -> None:
        self.values, self.overlap = values, overlap
        self.middle = torch.tensor([values.shape[1] // 2, values.shape[0] // 2])
        self.valid = overlap >= _MIN_OVERLAP
        self.valid[[0, -1], :] = False
        self.valid[:, [0, -1]] = False

    def central_peak_area(self) -> float:
        """The area of the central peak above half its height, in pixels."""
        column, row = self.middle.tolist()
        rays = self.values[row, column:], self.values[row:, column]
        edges = [(ray < 0.5).nonzero() for ray in rays]
        radii = [float(edge[0]) if len(edge) else float(len(ray)) for edge, ray in zip(edges, rays, strict=True)]
        return torch.pi * radii[0] * radii[1]

    def peaks(self) -> tuple[Tensor, Tensor]:
        """The local maxima in a half plane: shifts ``(n, 2)`` with sub-pixel precision, and heights."""
        around = functional.max_pool2d(self.values[None, None], 5, 1, 2)[0, 0]
        rows, columns = ((self.values == around) & (self.values > 0) & self.valid).nonzero(as_tuple=True)
        x, y = columns - self.middle[0], rows - self.middle[1]
        half = (y > 0) | ((y == 0) & (x > 0))
        return self.refine_peaks(rows[half], columns[half])

    def refine_peaks(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """The positions and heights of maxima by parabolic interpolation of neighboring pixels."""
        center = self.values[rows, columns]
        offsets, gains = [], torch.zeros_like(center)
        for step_row, step_column in ((0, 1), (1, 0)):
            after = self.values[rows + step_row, columns + step_column]
            before = self.values[rows - step_row, columns - step_column]
            curvature = (2 * center - after - before).clamp_min(1e-12)
            offset = ((after - before) / (2 * curvature)).clamp(-0.5, 0.5)
            offsets.append(offset)
            gains = gains + 0.25 * (after - before) * offset
        pixels = torch.stack([columns, rows], -1).to(self.values.dtype) - self.middle
        return pixels + torch.stack(offsets, -1), (center + gains).clamp_max(1.0)

    def nearest_peaks(self, shifts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The highest pixel next to each shift: which shifts overlap enough, and row and column of their pixels."""
        pixels = shifts.round().to(torch.int64) + self.middle
        limits = torch.tensor([self.values.shape[1], self.values.shape[0]])
        inside = ((pixels >= 2) & (pixels < limits - 2)).all(-1)
        pixels = pixels.clamp_min(2).minimum(limits - 3)
        inside &= self.valid[pixels[:, 1], pixels[:, 0]]
        trial = pixels[inside][:, None] + torch.cartesian_prod(torch.arange(-1, 2), torch.arange(-1, 2))
        best = self.values[trial[..., 1], trial[..., 0]].argmax(-1)
        highest = trial[torch.arange(len(trial)), best]
        return inside, highest[:, 1], highest[:, 0]

    def score(self, cell: Tensor, patch: float) -> LatticeEstimate | None:
        """The lattice with its mean height at nearby lattice points; None if their heights disagree."""
        _, rows, columns = self.nearest_peaks(_lattice_points(cell, 2).to(cell.dtype) @ cell.T)
        if len(rows) < 2:
            return None
        _, heights = self.refine_peaks(rows, columns)
        weights = self.overlap[rows, columns]
        mean = float((weights * heights).sum() / weights.sum())
        if mean <= 0 or float(heights.min()) < _CONSISTENT * mean:
            return None
        return LatticeEstimate(cell, mean, mean * sqrt(float(weights.sum()) / patch))

    def refine_cell(self, cell: Tensor) -> Tensor:
        """The cell refined by least squares through peaks at increasing distance."""
        for reach in range(1, _MAX_MULTIPLE + 1):
            multiples = _lattice_points(cell, reach)
            inside, rows, columns = self.nearest_peaks(multiples.to(cell.dtype) @ cell.T)
            used = multiples[inside].to(cell.dtype)
            if len(used) >= 2 and int(torch.linalg.matrix_rank(used)) == 2:
                shifts, _ = self.refine_peaks(rows, columns)
                weights = self.overlap[rows, columns].sqrt()[:, None]
                cell = torch.linalg.lstsq(used * weights, shifts * weights).solution.T
        return cell
