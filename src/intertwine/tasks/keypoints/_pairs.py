"""Pairs of windows of a photo that differ by a homography and by their light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.training import normal_per_example

_SCALE, _PERSPECTIVE, _SHIFT = 0.12, 0.04, 0.04
"""Standard deviations: of the logarithm of the scale, of the corners and of the center, in shares of the window."""
_CONTRAST, _BRIGHTNESS, _GAMMA, _NOISE = 0.25, 0.1, 0.2, 0.02
_LARGEST = 2.0
"""Random numbers are clamped to so many standard deviations."""
_WARP, _LIGHT = 11, 8
"""Random numbers of a pair for its homography, and for the light of both windows."""


class ImagePairs(NamedTuple):
    """Pairs of windows of one size.

    Attributes:
        first: ``(B, S, S)``, 0 to 1.
        second: ``(B, S, S)``.
        homographies: ``(B, 3, 3)`` float64, from pixels of the first to pixels of the second.
        gumbel: ``(2, B, S, S)``, Gumbel noise for drawing keypoints; empty where none is needed.
    """

    first: Tensor
    second: Tensor
    homographies: Tensor
    gumbel: Tensor

    def __len__(self) -> int:
        return len(self.first)


def random_pairs(
    photos: Sequence[Tensor],
    indices: Tensor,
    seed: int,
    size: int,
    *,
    degrees: float = 180.0,
    noise: bool = True,
) -> ImagePairs:
    """A random pair of windows of each photo, a function of (seed, index).

    Args:
        photos: ``(H, W)`` uint8, one for each index.
        indices: ``(B,)``, of the pairs.
        seed: Of the step.
        size: Side of the windows.
        degrees: The largest rotation between them.
        noise: Whether to draw Gumbel noise as well.
    """
    numbers = normal_per_example(seed, indices, _WARP + _LIGHT + 3)
    uniform = torch.special.ndtr(numbers[:, _WARP + _LIGHT :])
    warp_numbers, light_numbers, _ = numbers.clamp(-_LARGEST, _LARGEST).split((_WARP, _LIGHT, 3), 1)
    angles = (2 * uniform[:, 2] - 1) * degrees
    first, second, between = [], [], []
    warps = _random_homographies(warp_numbers, size)
    for photo, place, warp, angle in zip(photos, uniform[:, :2], warps, angles, strict=True):
        one = _window_at(photo, place, size)
        two = one @ warp @ rotation_about_center(float(angle), size)
        first.append(sample_window(photo, one, size))
        second.append(sample_window(photo, two, size))
        between.append(torch.linalg.inv(two) @ one)
    windows = torch.stack((torch.stack(first), torch.stack(second)))
    grain = normal_per_example(seed + 1, indices, 2 * size**2).reshape(len(indices), 2, size, size).transpose(0, 1)
    lit = change_light(windows, light_numbers.reshape(-1, 2, 4).transpose(0, 1), grain)
    gumbel = torch.zeros(2, len(indices), 0, 0)
    if noise:
        flat = torch.special.log_ndtr(normal_per_example(seed + 2, indices, 2 * size**2))
        gumbel = -(-flat).log().to(torch.float32).reshape(len(indices), 2, size, size).transpose(0, 1)
    return ImagePairs(lit[0], lit[1], torch.stack(between), gumbel)


def turned_pairs(photos: Sequence[Tensor], degrees: float, size: int, seed: int = 0) -> ImagePairs:
    """The middle of each photo, and the same turned by an angle after a small homography and a change of light.

    The homography and the light depend on the seed and the number of the photo, not on the angle, so that numbers at
    different angles compare.

    Args:
        photos: ``(H, W)`` uint8.
        degrees: Counterclockwise.
        size: Side of the windows.
        seed: Of the homographies.
    """
    indices = torch.arange(len(photos))
    random = normal_per_example(seed, indices, _WARP + 4).clamp(-_LARGEST, _LARGEST)
    warps = _random_homographies(random[:, :_WARP], size)
    first, second, between = [], [], []
    for photo, warp in zip(photos, warps, strict=True):
        one = _window_at(photo, torch.tensor([0.5, 0.5]), size)
        two = one @ warp @ rotation_about_center(degrees, size)
        first.append(sample_window(photo, one, size))
        second.append(sample_window(photo, two, size))
        between.append(torch.linalg.inv(two) @ one)
    grain = normal_per_example(seed + 1, indices, size**2).reshape(1, len(indices), size, size)
    lit = change_light(torch.stack(second)[None], random[None, :, _WARP:], grain)[0]
    return ImagePairs(torch.stack(first), lit, torch.stack(between), torch.zeros(2, len(photos), 0, 0))


def rotation_about_center(degrees: float, size: int) -> Tensor:
    """``(3, 3)``: pixels of a window to pixels of the same, so that what it shows turns counterclockwise.

    >>> rotation_about_center(90.0, 3).round().abs().tolist()
    [[0.0, 1.0, 2.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    quarter, rest = divmod(degrees, 90.0)
    angle = math.radians(degrees)
    exact = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarter) % 4]
    cosine, sine = exact if rest == 0 else (math.cos(angle), math.sin(angle))
    center = (size - 1) / 2
    linear = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, :2] = linear
    matrix[:2, 2] = center - linear @ torch.full((2,), center, dtype=torch.float64)
    return matrix


def warp_points(points: Tensor, homography: Tensor) -> Tensor:
    """Points ``(..., N, 2)`` moved by homographies ``(..., 3, 3)``; far away where they pass through infinity."""
    moved = points.to(homography.dtype) @ homography[..., :2].mT + homography[..., None, :, 2]
    depth = moved[..., 2:]
    found = moved[..., :2] / torch.where(depth > 1e-6, depth, torch.nan)
    return found.nan_to_num(-1e6)


def sample_window(photo: Tensor, homography: Tensor, size: int) -> Tensor:
    """A window ``(S, S)`` of a photo ``(H, W)`` uint8, bilinear; the photo is mirrored at its borders."""
    axis = torch.arange(size, dtype=torch.float64)
    points = torch.stack((axis.expand(size, size), axis[:, None].expand(size, size)), -1).reshape(-1, 2)
    sides = torch.tensor([photo.shape[1], photo.shape[0]], dtype=torch.float64)
    grid = ((2 * warp_points(points, homography) + 1) / sides - 1).to(torch.float32).reshape(1, size, size, 2)
    values = photo[None, None].to(torch.float32) / 255
    window: Tensor = functional.grid_sample(values, grid, "bilinear", "reflection", align_corners=False)[0, 0]
    return window


def change_light(windows: Tensor, random: Tensor, grain: Tensor) -> Tensor:
    """Windows with another contrast, brightness and gamma, and with noise.

    Args:
        windows: ``(V, B, S, S)``, 0 to 1.
        random: ``(V, B, 4)``, normal numbers.
        grain: ``(V, B, S, S)``, normal numbers.
    """
    contrast, brightness, gamma, noise = random.to(torch.float32)[..., None, None].unbind(2)
    changed = windows.clamp_min(1e-4) ** (_GAMMA * gamma).exp()
    changed = (changed - 0.5) * (_CONTRAST * contrast).exp() + 0.5 + _BRIGHTNESS * brightness
    return (changed + _NOISE * noise.abs() * grain.to(torch.float32)).clamp(0, 1)


def _window_at(photo: Tensor, place: Tensor, size: int) -> Tensor:
    """``(3, 3)`` float64: pixels of a window to pixels of the photo; place: 0 to 1 along x and y."""
    height, width = photo.shape
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, 2] = place.to(torch.float64) * torch.tensor([width - size, height - size], dtype=torch.float64)
    return matrix


def _random_homographies(random: Tensor, size: int) -> Tensor:
    """``(B, 3, 3)`` float64: a scale, a shift, and a perspective that moves each corner on its own, in pixels.

    Args:
        random: ``(B, 11)``, normal numbers: eight for the corners, the scale, two for the shift.
        size: Side of the windows.
    """
    corners = torch.tensor([[0.0, 0.0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64) * (size - 1)
    center = (size - 1) / 2
    scale = (_SCALE * random[:, 8]).exp()[:, None, None]
    shift = _SHIFT * size * random[:, None, 9:11]
    moved = center + scale * (corners - center) + shift + _PERSPECTIVE * size * random[:, :8].reshape(-1, 4, 2)
    return homography_from_points(corners.expand(len(random), 4, 2), moved)


def homography_from_points(source: Tensor, target: Tensor) -> Tensor:
    """``(B, 3, 3)``: the homographies that take four points ``(B, 4, 2)`` to four others."""
    x, y = source.unbind(-1)
    u, v = target.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = torch.cat(
        (
            torch.stack((x, y, one, zero, zero, zero, -x * u, -y * u), -1),
            torch.stack((zero, zero, zero, x, y, one, -x * v, -y * v), -1),
        ),
        1,
    )
    found = torch.linalg.solve(rows, torch.cat((u, v), 1))
    return torch.cat((found, torch.ones_like(found[:, :1])), 1).reshape(-1, 3, 3)
