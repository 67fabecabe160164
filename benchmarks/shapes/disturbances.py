"""What `noise.py` does to clouds in the unit sphere: noise, outliers, a view from one side."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.data import PointCloudSet, unit_sphere

LEVELS = {"noise": (0.0, 0.01, 0.02, 0.05, 0.1), "outliers": (0.0, 0.01, 0.05, 0.1, 0.2), "view": (1.0, 0.8, 0.6)}
"""The first of each leaves a cloud as it is."""


def noisy(cloud: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Every point moved by a normal vector."""
    return cloud + sigma * torch.randn(cloud.shape, generator=generator, dtype=cloud.dtype)


def with_outliers(cloud: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Points replaced by such as are uniform in the unit ball; more of them at a larger share, the others the same."""
    directions = torch.randn(cloud.shape, generator=generator, dtype=cloud.dtype)
    radii = torch.rand(len(cloud), 1, generator=generator, dtype=cloud.dtype) ** (1 / 3)
    chosen = torch.randperm(len(cloud), generator=generator)[: round(share * len(cloud))]
    return cloud.index_copy(0, chosen, (radii * directions / directions.norm(dim=1, keepdim=True))[chosen])


def one_side(cloud: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """The share of the points that lies farthest in a random direction."""
    along = cloud @ torch.randn(3, generator=generator, dtype=cloud.dtype)
    return cloud[along.topk(round(share * len(cloud))).indices.sort().values]


DISTURB = {"noise": noisy, "outliers": with_outliers, "view": one_side}


def disturbed(shapes: PointCloudSet, kind: str, level: float, seed: int) -> PointCloudSet:
    """All clouds of a set, disturbed in the unit sphere; the same draws at every level."""
    generator = torch.Generator().manual_seed(seed)
    whole = unit_sphere(shapes.positions.double(), shapes.offsets).split(shapes.counts.tolist())
    draws = torch.randint(2**31, (len(whole),), generator=generator).tolist()
    parts = [
        DISTURB[kind](cloud, level, torch.Generator().manual_seed(draw))
        for cloud, draw in zip(whole, draws, strict=True)
    ]
    offsets = torch.tensor([0, *(len(part) for part in parts)]).cumsum(0)
    label_names = {"classes": shapes.label_names["classes"]}
    return PointCloudSet(
        torch.cat(parts), offsets, cloud_fields=shapes.cloud_fields, label_names=label_names, names=shapes.names
    )
