"""Which of the 17 wallpaper groups an image has: its lattice, amplitudes on it, and every group put to the test."""

from __future__ import annotations

from itertools import product
from math import sqrt
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine.patterns._autocorrelation import Repeat, find_repeat
from intertwine.patterns._bragg import Amplitudes, fit_amplitudes
from intertwine.patterns._cells import reduced
from intertwine.patterns._detection import Detection
from intertwine.patterns._settings import Support, all_settings, fits, support

TOLERANCE = 0.03
"""The asymmetry, relative to the amplitude of the pattern, that is still called symmetric."""
STRAIN = 0.01
"""How far lattice vectors may miss the lengths and angles that a group asks for, relatively."""

_SMALLEST = 32
_LARGEST = 640
_CERTAIN = 5.0
_FLAT = 1e-3
_PRIMES = (2, 3, 5)
_FINEST = (2, 3)
_LEAST_EXPLAINED = 0.3
_ROUNDS = 6
_GOOD_PART = 0.3


def detect(image: Tensor, *, tolerance: float = TOLERANCE) -> Detection:
    """Find the lattice of an image and name its wallpaper group.

    1. The lattice: the smallest cell on whose points the autocorrelation comes back to its height.
    2. Lattice vectors and Fourier amplitudes by least squares on the pixels. The noise is read between the points of
       the reciprocal lattice; amplitudes there that stand out make the cell larger, missing ones make it smaller.
    3. Each group that the lattice allows is tried at all origins. It is accepted if the part of the amplitudes that is
       not invariant is what noise would give (within 5 standard deviations) or less than the tolerance.
    4. Of the accepted groups the largest is the answer.

    Args:
        image: ``(C, H, W)`` or ``(H, W)``, any real dtype and scale: several cells of a pattern, in any orientation.
        tolerance: The asymmetry, relative to the amplitude of the pattern, that is still called symmetric.

    Returns:
        The group with its cell and origin in pixels; ``name`` is None if nothing repeats in two directions.

    Raises:
        UsageError: If the image is too small, all of one color, not finite or not an image.

    Reference:
        The tests of amplitudes under each plane group are those of electron crystallography: S. Hovmoeller,
        Ultramicroscopy 41 (1992) 121. That a subgroup always fits better: K. Kanatani, IEEE PAMI 19 (1997) 246.

    Example:
        >>> from intertwine.patterns import cell_of, random_pattern
        >>> pattern = random_pattern("p4g", generator=torch.Generator().manual_seed(0))
        >>> detect(pattern.sample((96, 96), cell_of("square", 23.7, turn=12.0))).name
        'p4g'
    """
    pixels, factor = _prepared(image)
    repeat = find_repeat(pixels)
    if repeat is None or not repeat.significant:
        return Detection.nothing(0.0 if repeat is None else repeat.height)
    amplitudes, noise = _settled(pixels, repeat, tolerance)
    if _one_row(amplitudes, noise, tolerance):
        return Detection.nothing(repeat.height, "stripes repeat in one direction only")
    if amplitudes.explained < _LEAST_EXPLAINED:
        return Detection.nothing(repeat.height)
    tried = [
        support(setting, amplitudes.waves, amplitudes.coefficients)
        for setting in all_settings()
        if fits(setting, amplitudes.cell, STRAIN)
    ]
    return _decided(tried, amplitudes, noise, tolerance, repeat, factor, image.shape)


def _prepared(image: Tensor) -> tuple[Tensor, int]:
    """The image as ``(C, H, W)``, float64, of mean zero and variance one, and by how much it was reduced."""
    if image.dim() == 2:
        image = image.unsqueeze(0)
    if image.dim() != 3:
        raise UsageError(
            f"expected an image (channels, height, width) or (height, width), got shape {tuple(image.shape)}"
        )
    height, width = image.shape[-2:]
    if min(height, width) < _SMALLEST:
        raise UsageError(
            f"the image is too small: {width} x {height} pixels, at least {_SMALLEST} x {_SMALLEST} are needed"
        )
    pixels = image.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(pixels).all()):
        raise UsageError("the image has pixels that are not finite numbers")
    factor = -(-max(height, width) // _LARGEST)
    if factor > 1:
        pixels = functional.avg_pool2d(pixels[None], factor)[0]
    spread = float(pixels.max() - pixels.min())
    pixels = pixels - pixels.mean((-2, -1), keepdim=True)
    deviation = float(pixels.square().mean().sqrt())
    if deviation <= _FLAT * max(spread, float(image.abs().max()) * _FLAT) or deviation == 0:
        raise UsageError("the image is all of one color: there is no pattern to name")
    return pixels / deviation, factor


def _settled(pixels: Tensor, repeat: Repeat, tolerance: float) -> tuple[Amplitudes, float]:
    """Amplitudes on a lattice that is neither too fine nor too coarse, and the variance of noise in each of them."""
    amplitudes = fit_amplitudes(pixels, repeat.cell)
    noise = 0.0
    for _ in range(_ROUNDS):
        between = _between(amplitudes)
        noise = _noise_level(between)
        if _one_row(amplitudes, noise, tolerance):
            break
        basis = _finer(amplitudes, noise, tolerance)
        if basis is None:
            basis = _coarser(between, amplitudes, noise, tolerance, min(pixels.shape[-2:]))
        if basis is None:
            break
        amplitudes = fit_amplitudes(pixels, reduced(amplitudes.cell @ basis))
    return amplitudes, noise


_Offset = tuple[float, float]


def _between(amplitudes: Amplitudes) -> dict[_Offset, Tensor]:
    """The power of the residual at the points of the reciprocal lattices of cells two and three times as large."""
    offsets = [
        (i / prime, j / prime) for prime in _FINEST for i, j in product(range(prime), repeat=2) if (i, j) != (0, 0)
    ]
    return {offset: amplitudes.between(offset) for offset in offsets}


def _noise_level(between: dict[_Offset, Tensor]) -> float:
    """The variance of noise in one amplitude: a median over the offsets, which one class of true peaks cannot move."""
    return median(float(power.mean()) for power in between.values())


def _limit(noise: float, freedom: int, power: float, tolerance: float, channels: int) -> float:
    """What an asymmetry may exceed its expectation ``noise / channels * freedom`` by."""
    return max(_CERTAIN * noise / channels * sqrt(2 * max(freedom, 1)), tolerance**2 * power)


def _one_row(amplitudes: Amplitudes, noise: float, tolerance: float) -> bool:
    """Whether all waves that stand out run in one direction: the image is made of stripes."""
    power = amplitudes.coefficients.abs().square().sum(0)
    x, y = amplitudes.waves[power.argmax()]
    off = amplitudes.waves[:, 0] * y != amplitudes.waves[:, 1] * x
    channels = len(amplitudes.coefficients)
    excess = float(power[off].sum()) - noise * int(off.sum())
    return excess <= _limit(noise, int(off.sum()) * channels, amplitudes.power, tolerance, channels)


def _finer(amplitudes: Amplitudes, noise: float, tolerance: float) -> Tensor | None:
    """The basis of a smaller cell, if all amplitudes off a sublattice of the reciprocal lattice are noise."""
    waves, power = amplitudes.waves, amplitudes.coefficients.abs().square().sum(0)
    channels = len(amplitudes.coefficients)
    for prime in _PRIMES:
        for vector in [(1, step) for step in range(prime)] + [(0, 1)]:
            # Translation by vector / prime is a symmetry if the prime divides k . vector wherever c_k is not 0.
            off = (waves @ torch.tensor(vector)) % prime != 0
            count = int(off.sum())
            excess = float(power[off].sum()) - noise * count
            if excess <= _limit(noise, count * channels, amplitudes.power, tolerance, channels):
                first = torch.tensor(vector, dtype=torch.float64) / prime
                other = torch.tensor([0.0, 1.0] if vector[0] else [1.0, 0.0], dtype=torch.float64)
                return torch.stack([first, other], -1)
    return None


def _coarser(
    between: dict[_Offset, Tensor], amplitudes: Amplitudes, noise: float, tolerance: float, extent: int
) -> Tensor | None:
    """The basis of a larger cell, if amplitudes stand out between the points of the reciprocal lattice."""
    channels = len(amplitudes.coefficients)
    left = float(amplitudes.residual.square().mean((-2, -1)).sum())
    strongest: tuple[float, Tensor] | None = None
    for (x, y), power in between.items():
        excess = float(power.sum()) - noise * len(power)
        # Sharp edges beyond the waves of the fit leave a little everywhere: ask for a good part of all that is left.
        limit = max(_limit(noise, len(power) * channels, amplitudes.power, 2 * tolerance, channels), _GOOD_PART * left)
        if excess <= limit:
            continue
        prime = next(p for p in _FINEST if (x * p) % 1 < 1e-9 and (y * p) % 1 < 1e-9)
        i, j = round(x * prime), round(y * prime)
        # The translations v that keep the wave: k . v whole.
        kept = [v for v in product(range(-prime, prime + 1), repeat=2) if (i * v[0] + j * v[1]) % prime == 0]
        pairs = [(u, v) for u in kept for v in kept if u[0] * v[1] - u[1] * v[0] == prime]
        basis = torch.tensor(pairs[0], dtype=torch.float64).T
        longest = float(reduced(amplitudes.cell @ basis).norm(dim=0).max())
        if 2 * longest <= extent and (strongest is None or excess > strongest[0]):
            strongest = excess, basis
    return None if strongest is None else strongest[1]


def _decided(
    tried: list[Support],
    amplitudes: Amplitudes,
    noise: float,
    tolerance: float,
    repeat: Repeat,
    factor: int,
    shape: torch.Size,
) -> Detection:
    channels = len(amplitudes.coefficients)
    residuals: dict[str, float] = {}
    limits: dict[str, float] = {}
    best: dict[str, Support] = {}
    for item in tried:
        share = noise / channels * item.freedom
        asymmetry = max(item.asymmetry - share, 0.0) / item.power
        name = item.setting.name
        if name not in residuals or asymmetry < residuals[name]:
            residuals[name], best[name] = asymmetry, item
            limits[name] = _limit(noise, item.freedom, item.power, tolerance, channels) / item.power
    accepted = [name for name in residuals if residuals[name] <= limits[name]]
    order = max(best[name].setting.group.order for name in accepted)
    name = min((name for name in accepted if best[name].setting.group.order == order), key=residuals.__getitem__)
    rejected = [1 - limits[other] / residuals[other] for other in residuals if other not in accepted]
    confidence = min([1 - residuals[name] / limits[name], *rejected, repeat.height])
    basis = torch.tensor(best[name].setting.basis, dtype=torch.float64)
    cell = amplitudes.cell @ basis
    middle = torch.tensor([shape[-1] // factor - 1, shape[-2] // factor - 1], dtype=torch.float64) / 2
    origin = middle + amplitudes.cell @ best[name].origin
    return Detection(
        name=name,
        confidence=confidence,
        cell=cell * factor,
        origin=origin * factor + (factor - 1) / 2,
        height=repeat.height,
        noise=sqrt(noise * len(amplitudes.waves) / max(amplitudes.power, 1e-300)),
        asymmetries={key: sqrt(value) for key, value in residuals.items()},
        limits={key: sqrt(value) for key, value in limits.items()},
    )
