"""Weights of statistics of poses under which those near the true one are above decoys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError


class PoseTable(NamedTuple):
    """The poses of one complex.

    Attributes:
        rows: ``(poses, statistics)``, float64.
        near: ``(poses,)`` bool: near the true one.
        far: ``(poses,)`` bool: decoys; poses that are neither are left out.
    """

    rows: Tensor
    near: Tensor
    far: Tensor


def pose_weights(tables: Sequence[PoseTable], penalty: float) -> Tensor:
    r"""The weights w ``(statistics,)`` of scores that are linear in the statistics, :math:`s = x \cdot w`.

    They minimize

    .. math:: \operatorname{mean}_{\text{complexes}} \Bigl( \ln \sum_{\text{near, far}} e^{s} -
        \ln \sum_{\text{near}} e^{s} \Bigr) + \lambda |w|^2,

    a convex problem up to the sum over near poses.
    """
    weights = torch.zeros(tables[0].rows.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = penalty * weights.square().sum()
        for rows, near, far in tables:
            scores = rows @ weights
            gap = torch.logsumexp(scores[near | far], 0) - torch.logsumexp(scores[near], 0)
            total = total + gap / len(tables)
        total.backward()
        return total

    optimizer.step(loss)
    return weights.detach()


def check_poses(name: str, near_and_far: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Raise UsageError where there is no complex, or one without near or far poses."""
    if not near_and_far or not all(bool(near.any()) and bool(far.any()) for near, far in near_and_far):
        raise UsageError(f"{name} expects complexes that each have poses near the true one and decoys")
