"""Settings of the wallpaper groups on a reduced lattice, and the fit of Fourier amplitudes to each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import pi

import torch
from torch import Tensor

from intertwine.patterns._pattern import transformed_waves
from intertwine.patterns.crystal import WALLPAPERS, CrystalGroup, wallpaper

_GRID = 128
_NEWTON_STEPS = 12


@dataclass(frozen=True)
class Setting:
    """Setting: a wallpaper group in the basis of a reduced lattice.

    Args:
        name: Name of the wallpaper group.
        group: Its operations in the basis of the reduced cell.
        basis: Integer matrix P such that ``reduced_cell @ P`` is the conventional cell.
    """

    name: str
    group: CrystalGroup
    basis: tuple[tuple[int, int], tuple[int, int]]


@lru_cache(maxsize=1)
def wallpaper_settings() -> tuple[Setting, ...]:
    """Every setting of every group on a reduced lattice, by increasing order of the group.

    In a reduced basis, symmetries of the lattice and conventional cells have entries -1, 0, 1.
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


def lattice_strain(setting: Setting, cell: Tensor) -> float:
    """The relative deviation of lengths by which the W of a setting fail to be isometries of the lattice."""
    metric = cell.T @ cell
    back = torch.linalg.inv(metric)
    linear = torch.tensor([operation.linear for operation in setting.group.elements], dtype=torch.float64)
    stretch = torch.linalg.eigvals(back @ linear.mT @ metric @ linear).real
    return float((stretch - 1).abs().max()) / 2


@dataclass(frozen=True)
class GroupFit:
    """Fit of Fourier amplitudes to a group.

    Args:
        setting: Setting of the group.
        origin: Best origin, in the fractional coordinates of the amplitudes.
        asymmetry: Power that is not invariant, ``|c - P c|^2``, P the projection onto the invariants.
        power: ``|c|^2`` of the compared waves.
        degrees_of_freedom: Number of independent real amplitudes in the asymmetry.
    """

    setting: Setting
    origin: Tensor
    asymmetry: float
    power: float
    degrees_of_freedom: int


def fit_group(setting: Setting, waves: Tensor, coefficients: Tensor) -> GroupFit:
    """The fit of amplitudes to a group at the best of all origins.

    ``<c, P c> = 1/n sum_g <c, g c>`` is a trigonometric polynomial of the origin x0, because the operation about x0 is
    ``(W | w + (1 - W) x0)``. It is evaluated on a grid by one FFT; its maximum is then refined by Newton's method.

    Args:
        setting: Setting of the group.
        waves: ``(M, 2)``, int64.
        coefficients: ``(C, M)``, complex128.
    """
    group = setting.group
    waves, coefficients = _closed_waves(waves, coefficients, group)
    terms, frequencies = [], []
    for operation in group.elements:
        linear = torch.tensor(operation.linear)
        index, phases = transformed_waves(waves, linear, operation.matrix[:-1, -1])
        terms.append((coefficients[:, index].conj() * coefficients * phases).sum(0))
        frequencies.append(waves @ (torch.eye(2, dtype=torch.int64) - linear))
    amplitudes, waves_of_origin = torch.cat(terms) / group.order, torch.cat(frequencies)
    origin, invariant = _maximize(amplitudes, waves_of_origin)
    power = float(coefficients.abs().square().sum())
    invariants = _invariant_dimension(group, waves)
    degrees_of_freedom = len(coefficients) * (len(waves) - invariants)
    return GroupFit(setting, origin, max(power - invariant, 0.0), power, degrees_of_freedom)


def _closed_waves(waves: Tensor, coefficients: Tensor, group: CrystalGroup) -> tuple[Tensor, Tensor]:
    """The waves whose images under the group are all among the waves, and their coefficients."""
    known = {tuple(wave) for wave in waves.tolist()}
    images = torch.stack([waves @ torch.tensor(operation.linear) for operation in group.elements], 1)
    closed = [index for index, orbit in enumerate(images.tolist()) if all(tuple(wave) in known for wave in orbit)]
    return waves[closed], coefficients[:, closed]


def _invariant_dimension(group: CrystalGroup, waves: Tensor) -> int:
    """The dimension of the space of real invariants: the trace of the projection."""
    total = 0.0
    for operation in group.elements:
        index, phases = transformed_waves(waves, torch.tensor(operation.linear), operation.matrix[:-1, -1])
        total += float(phases.real[index == torch.arange(len(waves))].sum())
    return round(total / group.order)


def _maximize(amplitudes: Tensor, frequencies: Tensor) -> tuple[Tensor, float]:
    """The maximizer in the unit square, and the maximum, of ``Re sum_j a_j exp(2 pi i h_j . x)``."""
    grid = torch.zeros(_GRID * _GRID, dtype=torch.complex128)
    index = (frequencies % _GRID) @ torch.tensor([_GRID, 1])
    heights = torch.fft.ifft2(grid.index_add(0, index, amplitudes).reshape(_GRID, _GRID)).real
    best = int(heights.argmax())
    x = torch.tensor([best // _GRID, best % _GRID], dtype=torch.float64) / _GRID
    h = 2 * pi * frequencies.to(torch.float64)

    def terms_at(point: Tensor) -> Tensor:
        phase = h @ point
        return amplitudes * torch.polar(torch.ones_like(phase), phase)

    values = terms_at(x)
    for _ in range(_NEWTON_STEPS):
        gradient = -(h * values.imag[:, None]).sum(0)
        curvature = (h.T * values.real) @ h
        change = torch.linalg.pinv(curvature, rtol=1e-9, hermitian=True) @ gradient
        trial = terms_at(x + change)
        if float(trial.real.sum()) <= float(values.real.sum()):
            break
        x, values = x + change, trial
    return x % 1.0, float(values.real.sum())
