"""Many clouds as one: each structure moved far along an axis of its own, so that a single k-d tree serves them all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def as_points(positions: Tensor, name: str = "positions") -> Floats:
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


def as_structures(batch: Tensor | None, size: int, name: str = "batch") -> Integers:
    """The structure of each point, in any order; zero where there is one structure only.

    Raises:
        ValueError: If these are not as many whole numbers, at least 0.
    """
    if batch is None:
        return np.zeros(size, np.int64)
    if batch.shape != (size,) or batch.is_floating_point() or (size and int(batch.min()) < 0):
        shape, dtype = tuple(batch.shape), str(batch.dtype).removeprefix("torch.")
        raise ValueError(
            f"{name} must hold one structure number from 0 on for each of {size} points, got {dtype} {shape}"
        )
    return batch.cpu().numpy().astype(np.int64)


def extent(*clouds: Floats) -> float:
    """The diagonal of the box around all the points: no two of them are farther apart."""
    points = np.concatenate(clouds)
    return float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0


def spread(points: Floats, structures: Integers, reach: float) -> Floats:
    """The points with one more coordinate, in which structures are more than ``reach`` apart.

    Distances within a structure stay what they are, to the last bit.
    """
    if not structures.any():
        return points
    apart = 2 * reach if reach > 0 else 1.0
    return np.concatenate([points, (structures * apart)[:, None]], axis=1)


def squared_distances(points: Floats, source: Integers, target: Integers) -> Floats:
    """Squares of the distances, summed as x x + y y + z z: symmetric to the last bit."""
    squares: Floats = np.zeros(len(source))
    for axis in points.T:
        difference = axis[source] - axis[target]
        squares += difference * difference
    return squares


def edges_like(source: Integers, target: Integers, positions: Tensor) -> Tensor:
    """Edges ``(2, E)`` on the device of the positions."""
    return torch.from_numpy(np.stack([source, target]).astype(np.int64, copy=False)).to(positions.device)
