"""Distances between rigid motions of a point set, and suppression of motions near a better one."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.alignment import RigidMotion


def motion_distances(motion: RigidMotion, motions: RigidMotion, points: Tensor) -> Tensor:
    r"""The root mean square distances between points moved by one motion and by others.

    With the mean :math:`\bar x` and covariance C of the points and :math:`D = R' - R`,

    .. math:: d^2 = |D \bar x + t' - t|^2 + \operatorname{tr}(D C D^T),

    so the points enter once, not once for each motion.

    Args:
        motion: One rotation ``(3, 3)`` and translation ``(3,)``.
        motions: Rotations ``(n, 3, 3)`` and translations ``(n, 3)``.
        points: ``(points, 3)``.

    Returns:
        ``(n,)``, float64.

    Example:
        >>> still = RigidMotion(torch.eye(3), torch.zeros(3))
        >>> moved = RigidMotion(torch.eye(3)[None], torch.tensor([[3.0, 0.0, 4.0]]))
        >>> motion_distances(still, moved, torch.rand(5, 3)).tolist()
        [5.0]
    """
    points = points.double()
    center = points.mean(0)
    covariance = (points - center).mT @ (points - center) / len(points)
    difference = motions.rotation.double() - motion.rotation.double()
    shift = difference @ center + motions.translation.double() - motion.translation.double()
    spread = torch.einsum("nij,jk,nik->n", difference, covariance, difference)
    return (shift.square().sum(-1) + spread.clamp(min=0)).sqrt()


def suppress_motions(motions: RigidMotion, scores: Tensor, points: Tensor, *, distance: float, limit: int) -> Tensor:
    """The indices of motions that are better than all motions within a distance of them.

    Greedy: the best motion stays and removes those nearer than ``distance``, then the best of the rest, and so on.

    Args:
        motions: Rotations ``(n, 3, 3)`` and translations ``(n, 3)``.
        scores: ``(n,)``; equal scores keep their order.
        points: ``(points, 3)``, of which the root mean square displacement is taken.
        distance: In the unit of the points.
        limit: The most indices returned.

    Returns:
        Indices, best first.

    Raises:
        UsageError: If the distance is negative or the limit is not positive.
    """
    if distance < 0 or limit < 1:
        raise UsageError(
            f"suppress_motions expects a distance of at least 0 and a limit of at least 1, got {distance} and {limit}"
        )
    order = torch.sort(scores, descending=True, stable=True).indices
    kept: list[int] = []
    while len(order) and len(kept) < limit:
        first = order[0]
        kept.append(int(first))
        rest = order[1:]
        others = RigidMotion(motions.rotation[rest], motions.translation[rest])
        near = motion_distances(RigidMotion(motions.rotation[first], motions.translation[first]), others, points)
        order = rest[near >= distance]
    return torch.tensor(kept, dtype=torch.long)
