"""A filter steered to an angle, what it and its oriented energy say of an image, and a figure of both."""

from __future__ import annotations

from math import cos, degrees, isfinite, pi, radians, sin
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.filters._decomposition import AngularDecomposition, plane_rotations
from intertwine.ops.filters._energy import OrientedEnergy, oriented_energy
from intertwine.ops.filters._sampled import filter_kernels
from intertwine.ops.filters._steering import decomposition, kernel_reach, named_filter, steered_responses

_SMALLEST_SIGMA = 0.5
_KERNEL_SIZE = 61
_WIDTH = 10.0
_BRIGHTEST = 0.995
"""The share of the pixels that are not cut off at the ends of a color scale."""
_FAINT = 1e-2
"""Responses of images within 0 .. 1 below this are drawn as nearly nothing."""


class FilteredImage(NamedTuple):
    """An image, and what a steered filter makes of it.

    Attributes:
        image: ``(height, width)``.
        response: ``(height, width)``, to the steered filter.
        energy: The oriented energy, of the pair G_n, H_n that the filter belongs to.
    """

    image: Tensor
    response: Tensor
    energy: OrientedEnergy


class SteeredFilter(NamedTuple):
    """A filter steered to an angle, ``f^t = sum_j k_j(t) f^{t_j}``, and what it makes of an image.

    Attributes:
        name: Of the filter.
        angle: t, radians.
        parts: The angular decomposition.
        angles: t_j, ``(J,)``, radians: those of the minimal basis.
        weights: k_j(t), ``(J,)``.
        basis: ``f^{t_j}``, ``(J, 61, 61)``, sampled finely.
        kernel: ``sum_j k_j(t) f^{t_j}``, ``(61, 61)``.
        filtered: What it makes of an image; None without one.
    """

    name: str
    angle: float
    parts: AngularDecomposition
    angles: Tensor
    weights: Tensor
    basis: Tensor
    kernel: Tensor
    filtered: FilteredImage | None = None


def steer_filter(name: str, angle: float, image: Tensor | None = None, sigma: float = 1.5) -> SteeredFilter:
    """Steer a filter to an angle, and apply it and its oriented energy to an image.

    Args:
        name: One of `FILTERS`.
        angle: Radians, from x toward y (up).
        image: ``(height, width)``, floating point within 0 .. 1.
        sigma: Of the Gaussian, in pixels of the image.

    Raises:
        UsageError: There is no such filter, the angle is not finite, sigma is below half a pixel, or the image is no
            ``(height, width)`` of finite values or smaller than the kernels.

    Reference: Freeman, Adelson, IEEE PAMI 13 (1991) 891, sections II and IV.

    Example:
        >>> found = steer_filter("G1", radians(30))
        >>> [round(k, 3) for k in found.weights.tolist()]  # cos 30, sin 30
        [0.866, 0.5]
    """
    if not isfinite(angle):
        raise UsageError(f"expected a finite angle, got {angle}")
    if not (isfinite(sigma) and sigma >= _SMALLEST_SIGMA):
        raise UsageError(f"expected a sigma of at least {_SMALLEST_SIGMA} pixels, got {sigma}")
    function = named_filter(name, sigma)
    parts = decomposition(function)
    base = parts.base_rotations()
    turn = torch.tensor(angle, dtype=torch.float64)
    weights, _ = parts.interpolation(base, plane_rotations(turn))
    spacing = 1.6 * kernel_reach(named_filter(name, 1.0)) * sigma / (_KERNEL_SIZE - 1)
    basis = filter_kernels(function, base, _KERNEL_SIZE, spacing)
    angles = torch.atan2(base[:, 1, 0], base[:, 0, 0])
    found = SteeredFilter(name, angle, parts, angles, weights, basis, torch.tensordot(weights, basis, 1))
    if image is None:
        return found
    order = int(name[1])
    _check_image(image, 2 * kernel_reach(named_filter(f"H{order}", sigma)) + 1)
    response = steered_responses(image, function, turn[None])[0]
    return found._replace(filtered=FilteredImage(image, response, oriented_energy(image, sigma, order)))


def _check_image(image: Tensor, size: int) -> None:
    if image.ndim != 2 or not image.is_floating_point() or not bool(torch.isfinite(image).all()):
        raise UsageError(
            f"expected an image (height, width) of finite floating-point numbers, got {tuple(image.shape)},"
            f" {image.dtype}"
        )
    height, width = image.shape
    if min(height, width) < size:
        raise UsageError(f"the image of {width} x {height} pixels is smaller than the filters of {size} x {size}")


def draw_filter(found: SteeredFilter) -> Any:
    """A figure: the steered filter as a sum of the filters of the basis, and below it the image.

    Of the image its response (red positive, blue negative) and the oriented energy are drawn: the hue is the dominant
    angle, the brightness ``sqrt(C1)``.

    Args:
        found: A result of `steer_filter`.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    from matplotlib.figure import Figure

    count = len(found.angles)
    above = _WIDTH / (count + 1) + 0.75
    if found.filtered is None:
        figure: Any = Figure(figsize=(_WIDTH, above), layout="constrained")
        _draw_sum(figure, found)
        return figure
    height, width = found.filtered.image.shape
    below = min(max(_WIDTH / 3.45 * height / width, 1.1), 1.5 * _WIDTH) + 0.4
    figure = Figure(figsize=(_WIDTH, above + below), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(above, below))
    _draw_sum(upper, found)
    _draw_image(lower, found, found.filtered)
    return figure


def _draw_sum(figure: Any, found: SteeredFilter) -> None:
    """The steered filter, an equals sign, and the filters of the basis with their coefficients."""
    panels = figure.subplots(1, len(found.angles) + 1)
    limit = float(found.basis.abs().max())
    turn = degrees(found.angle)
    _show(panels[0], found.kernel, limit, f"{found.name} at {_number(turn)}°")
    rows = zip(panels[1:], found.basis, found.angles.tolist(), found.weights.tolist(), strict=True)
    for number, (panel, kernel, angle, weight) in enumerate(rows):
        _show(panel, kernel, limit, f"{found.name} at {_number(degrees(angle))}°")
        panel.set_xlabel(f"$k$({_number(turn - degrees(angle))}°) = {_number(round(weight, 3))}", fontsize=8)
        panel.text(-0.09, 0.5, "+" if number else "=", transform=panel.transAxes, ha="center", va="center", fontsize=12)
    symbol = f"{found.name[0]}_{found.name[1]}"
    law = rf"{symbol}^{{\,\theta}} = \sum_j k(\theta - \theta_j)\; {symbol}^{{\,\theta_j}}"
    figure.suptitle(rf"${law}, \qquad k(t) = {_formula(found.parts.degrees)}$", fontsize=11)


def _formula(orders: tuple[int, ...]) -> str:
    r"""k(t) of copies at equal steps, the mean of ``exp(i n t)`` over the frequencies n, positive and negative.

    >>> _formula((1,)), _formula((0, 2))
    ('\\cos t', '(1 + 2\\cos 2t) / 3')
    >>> _formula((1, 3))
    '(\\cos t + \\cos 3t) / 2'
    """
    waves = [rf"\cos {n if n > 1 else ''}t" for n in orders if n]
    if 0 in orders:
        return f"({' + '.join(['1', *(f'2{wave}' for wave in waves)])}) / {2 * len(waves) + 1}"
    return waves[0] if len(waves) == 1 else f"({' + '.join(waves)}) / {len(waves)}"


def _number(value: float) -> str:
    """A number with a minus sign in place of a hyphen, and no negative zero."""
    return f"{round(value, 9) + 0.0:.4g}".replace("-", "−")


def _draw_image(figure: Any, found: SteeredFilter, filtered: FilteredImage) -> None:
    """The image, its response, and its oriented energy beside a wheel of the angles."""
    panels = figure.subplots(1, 4, width_ratios=(1, 1, 1, 0.36))
    panels[0].imshow(filtered.image.numpy(), cmap="gray", vmin=0, vmax=1)
    panels[0].set_title("image", fontsize=9)
    limit = max(float(np.quantile(filtered.response.abs().numpy(), _BRIGHTEST)), _FAINT)
    _show(panels[1], filtered.response, limit, f"response to {found.name} at {_number(degrees(found.angle))}°")
    panels[2].imshow(energy_colors(filtered.energy))
    panels[2].set_title(f"oriented energy of G{found.name[1]} and H{found.name[1]}", fontsize=9)
    for panel in panels[:3]:
        panel.set_xticks([])
        panel.set_yticks([])
    _draw_wheel(panels[3])


def energy_colors(energy: OrientedEnergy) -> npt.NDArray[np.float64]:
    """The dominant angle as the hue and ``sqrt(C1)`` as the brightness, ``(height, width, 3)`` within 0 .. 1."""
    magnitude = energy.mean.clamp(min=0).sqrt().double().numpy()
    brightest = max(float(np.quantile(magnitude, _BRIGHTEST)), _FAINT)
    return _colors(energy.angle.double().numpy(), np.minimum(magnitude / brightest, 1))


def _colors(angle: npt.NDArray[np.float64], brightness: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Colors of angles modulo pi; red are those along y."""
    from matplotlib.colors import hsv_to_rgb

    hue = (angle / pi + 0.5) % 1
    colors: npt.NDArray[np.float64] = hsv_to_rgb(np.stack([hue, np.ones_like(hue), brightness], -1))
    return colors


def _draw_wheel(panel: Any) -> None:
    """What angle each hue is."""
    axis = np.linspace(-1, 1, 161)
    x, y = np.meshgrid(axis, axis[::-1])
    distance = np.hypot(x, y)
    inside = (distance > 0.45) & (distance < 1)
    panel.imshow(np.dstack([_colors(np.arctan2(y, x), np.ones_like(x)), inside]), extent=(-1, 1, -1, 1))
    for angle in (0, 45, 90, 135):
        panel.text(1.5 * cos(radians(angle)), 1.4 * sin(radians(angle)), f"{angle}°", ha="center", va="center",
                   fontsize=8)  # fmt: skip
    panel.text(0, -1.3, "across lines\nand edges", ha="center", va="top", fontsize=8)
    panel.set_xlim(-2, 2)
    panel.set_ylim(-2.3, 1.8)
    panel.set_axis_off()


def _show(panel: Any, values: Tensor, limit: float, title: str) -> None:
    """Values in colors: blue negative, white zero, red positive."""
    panel.imshow(values.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
    panel.set_title(title, fontsize=9)
    panel.set_xticks([])
    panel.set_yticks([])
