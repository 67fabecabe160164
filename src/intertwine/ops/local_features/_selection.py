"""Keypoints of a score map: maxima over discs, refined to a fraction of a pixel."""

from __future__ import annotations

from math import isqrt

import torch
from torch import Tensor
from torch.nn import functional

from intertwine.ops.local_features._sampling import disc_offsets


def disc_maximum(scores: Tensor, radius: float) -> Tensor:
    """The maximum over the disc about each pixel.

    Args:
        scores: ``(B, H, W)``.
        radius: In pixels.

    Law: commutes with rotations by 90 degrees and reflections.

    Cost: one maximum over an interval of each row of the disc.

    >>> disc_maximum(torch.tensor([[[0.0, 0.0, 0.0, 5.0]]]), 2.0).tolist()
    [[[0.0, 5.0, 5.0, 5.0]]]
    """
    reach = int(radius)
    padded = functional.pad(scores[:, None], (reach, reach, reach, reach), value=-torch.inf)
    height, width = scores.shape[1:]
    found = scores
    for row in range(-reach, reach + 1):
        half = isqrt(int(radius**2 - row**2))
        part = padded[:, :, reach + row : reach + row + height, reach - half : reach + half + width]
        found = torch.maximum(found, functional.max_pool2d(part, (1, 2 * half + 1), 1)[:, 0])
    return found


def select_keypoints(
    scores: Tensor, count: int, radius: float, margin: int = 0, window: float = 2.0
) -> tuple[Tensor, Tensor]:
    """The keypoints of a score map: its largest maxima over discs, at the mean position of a softmax about each.

        x = sum_{|d| <= window} (k + d) exp(H(k + d)) / sum_{|d| <= window} exp(H(k + d))

    Args:
        scores: ``(H, W)``.
        count: The most keypoints.
        radius: A keypoint is the largest pixel within this distance.
        margin: Pixels at the border without keypoints.
        window: Radius of the disc of the mean, in pixels.

    Returns:
        Positions ``(N, 2)``, x and y in pixels, and scores ``(N,)``, largest first.

    Law: positions move with the map under rotations by 90 degrees.

    Example:
        >>> scores = torch.zeros(9, 9)
        >>> scores[3, 5] = 20.0
        >>> positions, values = select_keypoints(scores, 1, 3.0)
        >>> positions.round().tolist(), values.tolist()
        ([[5.0, 3.0]], [20.0])
    """
    height, width = scores.shape
    if min(height, width) <= 2 * margin or count < 1:
        return scores.new_zeros(0, 2), scores.new_zeros(0)
    rows, columns = slice(margin, height - margin), slice(margin, width - margin)
    peaks = torch.zeros(height, width, dtype=torch.bool)
    inner = scores[rows, columns]
    # A constant region has no maxima: a peak lies above something within its disc.
    lowest = -disc_maximum(-inner[None], radius)[0]
    peaks[rows, columns] = (inner == disc_maximum(inner[None], radius)[0]) & (inner > lowest)
    y, x = peaks.nonzero(as_tuple=True)
    values = scores[y, x]
    order = values.argsort(descending=True, stable=True)[:count]
    y, x, values = y[order], x[order], values[order]
    offsets = disc_offsets(window)
    near_y = (y[:, None] + offsets[:, 0]).clamp(0, height - 1)
    near_x = (x[:, None] + offsets[:, 1]).clamp(0, width - 1)
    weights = torch.softmax(scores[near_y, near_x], 1)
    shift = weights @ offsets.flip(1).to(scores.dtype)
    return torch.stack((x, y), 1).to(scores.dtype) + shift, values
