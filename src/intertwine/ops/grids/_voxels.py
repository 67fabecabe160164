"""Volumes of point clouds."""

from __future__ import annotations

from itertools import product

from torch import Tensor


def voxelize(positions: Tensor, batch: Tensor, batch_size: int, size: int) -> Tensor:
    """The density of point clouds in a cube of voxels: each point is shared out to the eight voxels around it.

        f(x) = sum_i prod_a max(0, 1 - |s p_ia - x_a|),      s = size / 2

    Points of the cube ``[-1, 1]^3`` fill it; the shares that fall outside are dropped. x, y and z run along the last,
    the second last and the third last axis, and the origin is the center, as for
    :class:`~intertwine.actions.Volumes`.

    Args:
        positions: ``(N, 3)``, in units of half the side of the cube.
        batch: ``(N,)``, int64, the cloud of each point.
        batch_size: The number of clouds.
        size: Voxels along each axis.

    Returns:
        ``(batch_size, 1, size, size, size)``: the number of points in each voxel, of the dtype of the positions and
        differentiable by them.

    Raises:
        ValueError: If the shapes do not fit or the size is less than 1.

    Law: ``voxelize(p R^T) = R voxelize(p)`` for the 48 symmetries of the cube, exactly up to rounding; for other
    rotations up to the resolution. The order of the points does not matter.

    Example:
        >>> import torch
        >>> cloud = torch.tensor([[-0.9, 0.0, 0.0], [0.5, 0.5, 0.5]])
        >>> volumes = voxelize(cloud, torch.tensor([0, 0]), 1, 4)
        >>> volumes.shape, float(volumes.sum())
        (torch.Size([1, 1, 4, 4, 4]), 1.7000000476837158)
    """
    if positions.ndim != 2 or positions.shape[1] != 3 or batch.shape != positions.shape[:1] or size < 1:
        raise ValueError(
            "voxelize expected positions (points, 3), batch (points,) and a size of at least 1, got "
            f"{tuple(positions.shape)}, {tuple(batch.shape)} and {size}"
        )
    places = positions.flip(-1) * (size / 2) + (size - 1) / 2  # along the axes of the volume
    lower = places.detach().floor()
    volumes = positions.new_zeros(batch_size * size**3)
    for corner in product((0, 1), repeat=3):
        voxel = lower + lower.new_tensor(corner)
        inside = ((voxel >= 0) & (voxel < size)).all(1)
        share = (1 - (places - voxel).abs()).prod(1)[inside]
        z, y, x = voxel[inside].long().unbind(1)
        volumes = volumes.index_add(0, ((batch[inside] * size + z) * size + y) * size + x, share)
    return volumes.view(batch_size, 1, size, size, size)
