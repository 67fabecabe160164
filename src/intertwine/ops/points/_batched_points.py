"""Batches of point clouds in numpy: checks, and clouds moved apart along an extra axis to share one k-d tree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def check_points(positions: Tensor, name: str = "positions") -> Floats:
    """Finite positions ``(N, d)`` as float64.

    Raises:
        ValueError: If they are not.
    """
    if positions.ndim != 2:
        raise ValueError(f"{name} must have shape (N, d), got {tuple(positions.shape)}")
    points: Floats = positions.detach().cpu().double().numpy()
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(1).argmax())
        raise ValueError(f"{name} must be finite; point {bad} is {points[bad].tolist()}")
    return points


def check_batch(batch: Tensor | None, size: int, name: str = "batch") -> Integers:
    """The point cloud of each point, in any order, as int64; zeros where there is a single cloud.

    Raises:
        ValueError: If these are not ``size`` integers, at least 0.
    """
    if batch is None:
        return np.zeros(size, np.int64)
    if batch.shape != (size,) or batch.is_floating_point() or (size and int(batch.min()) < 0):
        shape, dtype = tuple(batch.shape), str(batch.dtype).removeprefix("torch.")
        raise ValueError(
            f"{name} must hold the number of a point cloud, from 0 on, for each of {size} points, got {dtype} {shape}"
        )
    return batch.cpu().numpy().astype(np.int64)


def bounding_box_diagonal(*clouds: Floats) -> float:
    """The diagonal of the bounding box of all points: no two of them are farther apart."""
    points = np.concatenate(clouds)
    return float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0


def separate_clouds(points: Floats, batch: Integers, distance: float) -> Floats:
    """The points with one more coordinate, in which clouds are more than ``distance`` apart.

    Distances within a cloud stay what they are, to the last bit.
    """
    if not batch.any():
        return points
    spacing = 2 * distance if distance > 0 else 1.0
    return np.concatenate([points, (batch * spacing)[:, None]], axis=1)


def squared_distances(points: Floats, source: Integers, target: Integers) -> Floats:
    """Squared lengths of edges, summed as x x + y y + z z: symmetric to the last bit."""
    squares: Floats = np.zeros(len(source))
    for axis in points.T:
        difference = axis[source] - axis[target]
        squares += difference * difference
    return squares


def edge_index(source: Integers, target: Integers, positions: Tensor) -> Tensor:
    """``(2, E)`` int64, source row over target row, on the device of the positions."""
    return torch.from_numpy(np.stack([source, target]).astype(np.int64, copy=False)).to(positions.device)
