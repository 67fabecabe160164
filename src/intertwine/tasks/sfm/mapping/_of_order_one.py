"""Pixels in the order of one, where intrinsics are not known."""

from __future__ import annotations

import torch

from intertwine.data.tracks import Tracks


def of_order_one(tracks: Tracks) -> Tracks:
    """The same tracks with matrices K that bring each image to zero mean and a mean distance of the root of two.

    They depend on the pixels alone, and known poses, which belong to calibrated cameras, are left out.

    Args:
        tracks: The tracks; their intrinsics are not used.

    Reference: Hartley, In Defense of the Eight-Point Algorithm, 1997.
    """
    count = torch.bincount(tracks.camera, minlength=tracks.num_cameras).clamp_min(1).double()
    middle = torch.zeros(tracks.num_cameras, 2, dtype=torch.float64)
    middle = middle.index_add_(0, tracks.camera, tracks.xy) / count[:, None]
    distance = (tracks.xy - middle[tracks.camera]).norm(dim=1)
    scale = torch.zeros_like(count).index_add_(0, tracks.camera, distance) / count / 2**0.5
    matrices = torch.diag_embed(torch.stack([scale, scale, torch.ones_like(scale)], 1))
    matrices[:, :2, 2] = middle
    known = torch.where((scale > 0)[:, None, None], matrices, torch.eye(3).double())
    return tracks.replaced(intrinsics=known, poses=None)
