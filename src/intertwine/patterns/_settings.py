"""The ways to lay each wallpaper group onto a reduced lattice, and how well amplitudes bear each of them out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import pi

import torch
from torch import Tensor

from intertwine.patterns._crystal import CrystalGroup
from intertwine.patterns._pattern import wave_images
from intertwine.patterns._planar import WALLPAPERS, wallpaper

_GRID = 128
_NEWTON_STEPS = 12


@dataclass(frozen=True)
class Setting:
    """A wallpaper group in the basis of a reduced lattice.

    Args:
        name: Which of the 17.
        group: Its operations in the basis of the reduced cell.
        basis: P, whole numbers: the columns of ``reduced_cell @ P`` are the cell of the tables.
    """

    name: str
    group: CrystalGroup
    basis: tuple[tuple[int, int], tuple[int, int]]


@lru_cache(maxsize=1)
def all_settings() -> tuple[Setting, ...]:
    """Every setting of every group on a reduced lattice, by increasing order of the group.

    In a reduced basis the symmetries of a lattice, and the vectors of the cells of the tables, have entries -1, 0, 1.
    """
    bases = [((a, b), (c, d)) for a, b, c, d in product((1, 0, -1), repeat=4) if abs(a * d - b * c) == 1]
    bases.sort(key=lambda rows: -(rows[0][0] * rows[1][1] - rows[0][1] * rows[1][0]))
    found: dict[tuple[str, frozenset[object]], Setting] = {}
    for name in sorted(WALLPAPERS, key=lambda name: wallpaper(name).order):
        for (a, b), (c, d) in bases:
            sign = a * d - b * c
            back = ((sign * d, -sign * b), (-sign * c, sign * a))
            group = wallpaper(name).transformed(back)
            key = name, frozenset(group.elements)
            if key not in found:
                found[key] = Setting(name, group, ((a, b), (c, d)))
    return tuple(found.values())


def fits(setting: Setting, cell: Tensor, strain: float) -> bool:
    """Whether all W are isometries of the lattice, up to a relative strain of lengths."""
    metric = cell.T @ cell
    back = torch.linalg.inv(metric)
    for operation in setting.group.elements:
        W = torch.tensor(operation.linear, dtype=torch.float64)
        stretch = torch.linalg.eigvals(back @ W.T @ metric @ W).real
        if float((stretch - 1).abs().max()) > 2 * strain:
            return False
    return True


@dataclass(frozen=True)
class Support:
    """How well amplitudes agree with a group.

    Args:
        setting: The group in a setting.
        origin: Where its origin lies best, in the coordinates of the amplitudes.
        asymmetry: The power that is not invariant, ``|c - P c|^2``, P the projection onto the invariants.
        power: ``|c|^2`` of the waves that were compared.
        freedom: How many real numbers the asymmetry consists of.
    """

    setting: Setting
    origin: Tensor
    asymmetry: float
    power: float
    freedom: int


def support(setting: Setting, waves: Tensor, coefficients: Tensor) -> Support:
    """Try a group at all origins and keep the best.

    ``<c, P c> = 1/n sum_g <c, g c>`` is a trigonometric polynomial of the origin x0, because the operation about x0 is
    ``(W | w + (1 - W) x0)``. It is summed on a grid by one FFT; its highest point is then refined by Newton's method.

    Args:
        setting: The group.
        waves: ``(M, 2)``, int64.
        coefficients: ``(C, M)``, complex128.
    """
    group = setting.group
    waves, coefficients = _closed(waves, coefficients, group)
    terms, frequencies = [], []
    for operation in group.elements:
        linear = torch.tensor(operation.linear)
        places, phases = wave_images(waves, linear, operation.matrix[:-1, -1])
        terms.append((coefficients[:, places].conj() * coefficients * phases).sum(0))
        frequencies.append(waves @ (torch.eye(2, dtype=torch.int64) - linear))
    amplitudes, waves_of_origin = torch.cat(terms) / group.order, torch.cat(frequencies)
    origin, invariant = _highest(amplitudes, waves_of_origin)
    power = float(coefficients.abs().square().sum())
    orbits = _invariant_numbers(group, waves)
    freedom = len(coefficients) * (len(waves) - orbits)
    return Support(setting, origin, max(power - invariant, 0.0), power, freedom)


def _closed(waves: Tensor, coefficients: Tensor, group: CrystalGroup) -> tuple[Tensor, Tensor]:
    """The waves whose images under the group are all there."""
    known = {tuple(wave) for wave in waves.tolist()}
    images = torch.stack([waves @ torch.tensor(operation.linear) for operation in group.elements], 1)
    kept = [place for place, orbit in enumerate(images.tolist()) if all(tuple(wave) in known for wave in orbit)]
    return waves[kept], coefficients[:, kept]


def _invariant_numbers(group: CrystalGroup, waves: Tensor) -> int:
    """The dimension of the real invariants: the trace of the projection, by the fixed waves of every operation."""
    total = 0.0
    for operation in group.elements:
        places, phases = wave_images(waves, torch.tensor(operation.linear), operation.matrix[:-1, -1])
        total += float(phases.real[places == torch.arange(len(waves))].sum())
    return round(total / group.order)


def _highest(amplitudes: Tensor, frequencies: Tensor) -> tuple[Tensor, float]:
    """The highest point in the unit square, and the height, of ``Re sum_j a_j exp(2 pi i h_j . x)``."""
    grid = torch.zeros(_GRID * _GRID, dtype=torch.complex128)
    places = (frequencies % _GRID) @ torch.tensor([_GRID, 1])
    heights = torch.fft.ifft2(grid.index_add(0, places, amplitudes).reshape(_GRID, _GRID)).real
    best = int(heights.argmax())
    x = torch.tensor([best // _GRID, best % _GRID], dtype=torch.float64) / _GRID
    h = 2 * pi * frequencies.to(torch.float64)

    def height(point: Tensor) -> Tensor:
        phase = h @ point
        return amplitudes * torch.polar(torch.ones_like(phase), phase)

    values = height(x)
    for _ in range(_NEWTON_STEPS):
        slope = -(h * values.imag[:, None]).sum(0)
        curvature = (h.T * values.real) @ h
        change = torch.linalg.pinv(curvature, rtol=1e-9, hermitian=True) @ slope
        trial = height(x + change)
        if float(trial.real.sum()) <= float(values.real.sum()):
            break
        x, values = x + change, trial
    return x % 1.0, float(values.real.sum())
