"""Detection of the wallpaper group of an image: lattice, Fourier amplitudes, and a test of every group."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import sqrt
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine.patterns._lattices import reduced_cell
from intertwine.patterns.detection._amplitudes import Amplitudes, fit_amplitudes
from intertwine.patterns.detection._autocorrelation import LatticeEstimate, find_lattice
from intertwine.patterns.detection._detection import Detection
from intertwine.patterns.detection._group_fit import GroupFit, fit_group, lattice_strain, wallpaper_settings
from intertwine.patterns.detection._perspective import SMALLEST, estimate_perspective, rectify

TOLERANCE = 0.03
"""Asymmetry, relative to the amplitude of the pattern, that still counts as symmetric."""
STRAIN = 0.01
"""Relative deviation of lattice vectors from the lengths and angles that a group requires."""

_STRAIN_OF_VIEW = 2.0
"""The strain of the lattice that is allowed for each unit of perspective: a tilt also shortens one direction."""
_SUSPICIOUS_STRAIN = 0.1
"""The strain up to which a group that the amplitudes have, but the lattice has not, casts doubt."""
_MIN_SIZE = 32
_MAX_SIZE = 640
_SIGMAS = 5.0
_MIN_CONTRAST = 1e-3
_CELL_PRIMES = (2, 3, 5)
_SUPERLATTICE_PRIMES = (2, 3)
_MIN_EXPLAINED = 0.3
_MAX_ROUNDS = 6
_MIN_RESIDUAL_PART = 0.3


def detect(image: Tensor, *, tolerance: float = TOLERANCE) -> Detection:
    """The lattice and the wallpaper group of an image.

    1. The lattice: the smallest cell on whose points the autocorrelation is near its maximum. If the image shows it in
       perspective, the image is rectified first.
    2. Lattice vectors and Fourier amplitudes by least squares on the pixels. The noise is estimated between the points
       of the reciprocal lattice; significant amplitudes there enlarge the cell, systematic absences make it smaller.
    3. Each group compatible with the lattice is tested at all origins. It is accepted if the part of the amplitudes
       that is not invariant is consistent with noise (5 standard deviations) or less than the tolerance.
    4. The largest accepted group is the result. A larger one that the amplitudes have and only the lattice denies, as
       when a pattern is photographed at an angle, lowers the confidence.

    Args:
        image: ``(C, H, W)`` or ``(H, W)``, any real dtype and scale: several cells of a pattern, in any orientation.
        tolerance: Asymmetry, relative to the amplitude of the pattern, that still counts as symmetric.

    Returns:
        The group with its cell and origin in pixels; ``name`` is None if the image is not periodic in two directions.

    Raises:
        UsageError: If the image is too small, constant, not finite or not an image.
        TypeError: If it is not a tensor, such as a path: ``read_image`` reads a file.

    Reference:
        S. Hovmoeller, Ultramicroscopy 41 (1992) 121, for tests of amplitudes under each plane group; K. Kanatani, IEEE
        PAMI 19 (1997) 246, for why subgroups always fit better.

    Example:
        >>> from intertwine.patterns import lattice_cell, random_pattern
        >>> pattern = random_pattern("p4g", generator=torch.Generator().manual_seed(0))
        >>> detect(pattern.sample((96, 96), lattice_cell("square", 23.7, rotation=12.0))).name
        'p4g'
    """
    if not 0 <= tolerance < 1:
        raise UsageError(f"tolerance expects a number from 0 to below 1, got {tolerance}")
    pixels, factor = _normalize_image(image)
    estimate = find_lattice(pixels)
    if estimate is None or not estimate.significant:
        return Detection.aperiodic(0.0 if estimate is None else estimate.height)
    pixels, estimate, perspective = _rectified(pixels, estimate)
    amplitudes, noise = _fit_lattice(pixels, estimate, tolerance)
    if _is_one_dimensional(amplitudes, noise, tolerance):
        return Detection.aperiodic(estimate.height, "stripes repeat in one direction only")
    if amplitudes.explained < _MIN_EXPLAINED:
        return Detection.aperiodic(estimate.height)
    strain = STRAIN + _STRAIN_OF_VIEW * float(perspective.norm())
    strains = [(setting, lattice_strain(setting, amplitudes.cell)) for setting in wallpaper_settings()]
    fits = [
        fit_group(setting, amplitudes.waves, amplitudes.coefficients) for setting, each in strains if each <= strain
    ]
    found = _select_group(fits, amplitudes, noise, tolerance, estimate, factor, image.shape)
    found = replace(found, perspective=tuple(perspective.tolist()))
    assert found.group is not None, "p1 is always accepted"
    for setting, each in strains:
        doubt = (each - strain) / _SUSPICIOUS_STRAIN
        if 0 < doubt < found.confidence and setting.group.order > found.group.order:
            fit = fit_group(setting, amplitudes.waves, amplitudes.coefficients)
            if _asymmetry(fit, amplitudes, noise) <= _limit(fit, amplitudes, noise, tolerance):
                found = replace(found, confidence=doubt)
    return found


def _rectified(pixels: Tensor, estimate: LatticeEstimate) -> tuple[Tensor, LatticeEstimate, Tensor]:
    """The image without perspective, its lattice, and the perspective that was removed, zero where there is none."""
    perspective = estimate_perspective(pixels, estimate.cell)
    if float(perspective.norm()) >= SMALLEST:
        flat = rectify(pixels, perspective)
        better = find_lattice(flat) if min(flat.shape[-2:]) >= _MIN_SIZE else None
        if better is not None and better.significant and better.height > estimate.height:
            return flat / flat.square().mean().sqrt(), better, perspective
    return pixels, estimate, torch.zeros(2, dtype=torch.float64)


def _normalize_image(image: Tensor) -> tuple[Tensor, int]:
    """The image as ``(C, H, W)``, float64, of mean zero and variance one, and the factor it was downscaled by."""
    if not isinstance(image, Tensor):
        raise TypeError(
            f"expected an image as a tensor (channels, height, width), got {type(image).__name__};"
            " intertwine.patterns.read_image(path) reads one from a file"
        )
    if image.dim() == 2:
        image = image.unsqueeze(0)
    if image.dim() != 3:
        raise UsageError(
            f"expected an image (channels, height, width) or (height, width), got shape {tuple(image.shape)}"
        )
    height, width = image.shape[-2:]
    if min(height, width) < _MIN_SIZE:
        raise UsageError(
            f"the image is too small: {width} x {height} pixels, at least {_MIN_SIZE} x {_MIN_SIZE} are needed"
        )
    pixels = image.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(pixels).all()):
        raise UsageError("the image has pixels that are not finite numbers")
    factor = -(-max(height, width) // _MAX_SIZE)
    if factor > 1:
        pixels = functional.avg_pool2d(pixels[None], factor)[0]
    spread = float(pixels.max() - pixels.min())
    pixels = pixels - pixels.mean((-2, -1), keepdim=True)
    deviation = float(pixels.square().mean().sqrt())
    if deviation <= _MIN_CONTRAST * max(spread, float(image.abs().max()) * _MIN_CONTRAST) or deviation == 0:
        raise UsageError("the image is all of one color: there is no pattern to name")
    return pixels / deviation, factor


def _fit_lattice(pixels: Tensor, estimate: LatticeEstimate, tolerance: float) -> tuple[Amplitudes, float]:
    """The amplitudes on a primitive lattice of the image, and the variance of noise in each of them."""
    amplitudes = fit_amplitudes(pixels, estimate.cell)
    noise = 0.0
    for _ in range(_MAX_ROUNDS):
        superlattice = _superlattice_power(amplitudes)
        noise = _noise_variance(superlattice)
        if _is_one_dimensional(amplitudes, noise, tolerance):
            break
        basis = _smaller_cell(amplitudes, noise, tolerance)
        if basis is None:
            basis = _larger_cell(superlattice, amplitudes, noise, tolerance, min(pixels.shape[-2:]))
        if basis is None:
            break
        amplitudes = fit_amplitudes(pixels, reduced_cell(amplitudes.cell @ basis))
    return amplitudes, noise


_Offset = tuple[float, float]


def _superlattice_power(amplitudes: Amplitudes) -> dict[_Offset, Tensor]:
    """The residual power at the reciprocal lattice points of superlattices with cells two and three times as large."""
    offsets = [
        (i / prime, j / prime)
        for prime in _SUPERLATTICE_PRIMES
        for i, j in product(range(prime), repeat=2)
        if (i, j) != (0, 0)
    ]
    return {offset: amplitudes.residual_power(offset) for offset in offsets}


def _noise_variance(superlattice: dict[_Offset, Tensor]) -> float:
    """The variance of noise in one amplitude: a median over the offsets, robust to one class of true peaks."""
    return median(float(power.mean()) for power in superlattice.values())


def _asymmetry_threshold(noise: float, degrees_of_freedom: int, power: float, tolerance: float, channels: int) -> float:
    """How much an asymmetry may exceed its expectation ``noise / channels * degrees_of_freedom``."""
    return max(_SIGMAS * noise / channels * sqrt(2 * max(degrees_of_freedom, 1)), tolerance**2 * power)


def _is_one_dimensional(amplitudes: Amplitudes, noise: float, tolerance: float) -> bool:
    """Whether all significant waves are parallel, so that the image consists of stripes."""
    power = amplitudes.coefficients.abs().square().sum(0)
    x, y = amplitudes.waves[power.argmax()]
    off = amplitudes.waves[:, 0] * y != amplitudes.waves[:, 1] * x
    channels = len(amplitudes.coefficients)
    excess = float(power[off].sum()) - noise * int(off.sum())
    return excess <= _asymmetry_threshold(noise, int(off.sum()) * channels, amplitudes.power, tolerance, channels)


def _smaller_cell(amplitudes: Amplitudes, noise: float, tolerance: float) -> Tensor | None:
    """The basis of a smaller cell, if all amplitudes off a sublattice of the reciprocal lattice are absent."""
    waves, power = amplitudes.waves, amplitudes.coefficients.abs().square().sum(0)
    channels = len(amplitudes.coefficients)
    for prime in _CELL_PRIMES:
        for vector in [(1, step) for step in range(prime)] + [(0, 1)]:
            # Translation by vector / prime is a symmetry if the prime divides k . vector wherever c_k is not 0.
            off = (waves @ torch.tensor(vector)) % prime != 0
            count = int(off.sum())
            excess = float(power[off].sum()) - noise * count
            if excess <= _asymmetry_threshold(noise, count * channels, amplitudes.power, tolerance, channels):
                first = torch.tensor(vector, dtype=torch.float64) / prime
                other = torch.tensor([0.0, 1.0] if vector[0] else [1.0, 0.0], dtype=torch.float64)
                return torch.stack([first, other], -1)
    return None


def _larger_cell(
    superlattice: dict[_Offset, Tensor], amplitudes: Amplitudes, noise: float, tolerance: float, extent: int
) -> Tensor | None:
    """The basis of a larger cell, if there are significant amplitudes between the reciprocal lattice points."""
    channels = len(amplitudes.coefficients)
    residual = float(amplitudes.residual.square().mean((-2, -1)).sum())
    strongest: tuple[float, Tensor] | None = None
    for (x, y), power in superlattice.items():
        excess = float(power.sum()) - noise * len(power)
        # Sharp edges beyond the fitted frequencies leave some power everywhere: require a good part of the residual.
        limit = max(
            _asymmetry_threshold(noise, len(power) * channels, amplitudes.power, 2 * tolerance, channels),
            _MIN_RESIDUAL_PART * residual,
        )
        if excess <= limit:
            continue
        prime = next(p for p in _SUPERLATTICE_PRIMES if (x * p) % 1 < 1e-9 and (y * p) % 1 < 1e-9)
        i, j = round(x * prime), round(y * prime)
        # The translations v that preserve the wave: k . v is an integer.
        preserved = [v for v in product(range(-prime, prime + 1), repeat=2) if (i * v[0] + j * v[1]) % prime == 0]
        pairs = [(u, v) for u in preserved for v in preserved if u[0] * v[1] - u[1] * v[0] == prime]
        basis = torch.tensor(pairs[0], dtype=torch.float64).T
        longest = float(reduced_cell(amplitudes.cell @ basis).norm(dim=0).max())
        if 2 * longest <= extent and (strongest is None or excess > strongest[0]):
            strongest = excess, basis
    return None if strongest is None else strongest[1]


def _asymmetry(fit: GroupFit, amplitudes: Amplitudes, noise: float) -> float:
    """The part of the power that is not invariant, beyond what noise makes."""
    expected = noise / len(amplitudes.coefficients) * fit.degrees_of_freedom
    return max(fit.asymmetry - expected, 0.0) / fit.power


def _limit(fit: GroupFit, amplitudes: Amplitudes, noise: float, tolerance: float) -> float:
    """The largest such part that is accepted."""
    channels = len(amplitudes.coefficients)
    return _asymmetry_threshold(noise, fit.degrees_of_freedom, fit.power, tolerance, channels) / fit.power


def _select_group(
    fits: list[GroupFit],
    amplitudes: Amplitudes,
    noise: float,
    tolerance: float,
    estimate: LatticeEstimate,
    factor: int,
    shape: torch.Size,
) -> Detection:
    """The largest accepted group, its cell and origin in pixels of the original image, and its confidence."""
    residuals: dict[str, float] = {}
    limits: dict[str, float] = {}
    best: dict[str, GroupFit] = {}
    for fit in fits:
        asymmetry = _asymmetry(fit, amplitudes, noise)
        name = fit.setting.name
        if name not in residuals or asymmetry < residuals[name]:
            residuals[name], best[name] = asymmetry, fit
            limits[name] = _limit(fit, amplitudes, noise, tolerance)
    accepted = [name for name in residuals if residuals[name] <= limits[name]]
    order = max(best[name].setting.group.order for name in accepted)
    name = min((name for name in accepted if best[name].setting.group.order == order), key=residuals.__getitem__)
    rejected = [1 - limits[other] / residuals[other] for other in residuals if other not in accepted]
    confidence = min([1 - residuals[name] / limits[name], *rejected, estimate.height])
    basis = torch.tensor(best[name].setting.basis, dtype=torch.float64)
    cell = amplitudes.cell @ basis
    middle = torch.tensor([shape[-1] // factor - 1, shape[-2] // factor - 1], dtype=torch.float64) / 2
    origin = middle + amplitudes.cell @ best[name].origin
    return Detection(
        name=name,
        confidence=confidence,
        cell=cell * factor,
        origin=origin * factor + (factor - 1) / 2,
        height=estimate.height,
        noise=sqrt(noise * len(amplitudes.waves) / max(amplitudes.power, 1e-300)),
        asymmetries={key: sqrt(value) for key, value in residuals.items()},
        limits={key: sqrt(value) for key, value in limits.items()},
    )
