"""Normals of the clouds of a set, estimated from their points as the readers do where a file has none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._sampling import Cloud, with_estimated_normals


def estimate_normals(clouds: PointCloudSet) -> Tensor:
    """Unit normals up to sign: the axis of least variance of the 16 nearest points of the cloud, itself among them.

    Where these points are on a line, its direction. Clouds with fewer points have all of them as neighbors.

    Args:
        clouds: one cloud for each sample of a shape; see `PointCloudSet.unfold`.

    Returns:
        (N, 3) float32.

    Law: with each cloud moved and scaled, its normals turn with it, up to their signs.

    Cost: 4 microseconds a point.

    >>> square = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0), torch.zeros(1))
    >>> estimate_normals(PointCloudSet(square, torch.tensor([0, 25])))[7].abs().tolist()
    [0.0, 0.0, 1.0]
    """
    points = clouds.positions.to(torch.float64).numpy()
    found = [
        with_estimated_normals(Cloud(points[begin:end])).normals for begin, end in pairwise(clouds.offsets.tolist())
    ]
    known = [normals.astype(np.float32) for normals in found if normals is not None]
    return torch.from_numpy(np.concatenate([np.zeros((0, 3), dtype=np.float32), *known]))
