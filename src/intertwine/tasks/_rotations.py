"""Rotation matrices of quaternions: random ones from the standard normal numbers that follow from (seed, index)."""

from __future__ import annotations

import torch
from torch import Tensor


def quaternion_rotations(quaternions: Tensor) -> Tensor:
    """The rotations of quaternions (w, x, y, z) of any length but zero: (B, 4) to (B, 3, 3).

    Of four standard normal numbers each they are Haar-random; of two, w and one axis, uniform about that axis.

    >>> quaternion_rotations(torch.tensor([[1.0, 0.0, 0.0, 1.0]]))[0].round().tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    w, x, y, z = (quaternions / torch.linalg.vector_norm(quaternions, dim=1, keepdim=True)).unbind(1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
