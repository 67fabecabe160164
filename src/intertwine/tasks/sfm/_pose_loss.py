"""Loss of predicted poses against known ones, which no change of the world frame changes."""

from __future__ import annotations

from torch import Tensor

from intertwine.ops import nearest_rotation

_OF_POSITIONS = 0.1


def pose_loss(projections: Tensor, rotations: Tensor, translations: Tensor) -> Tensor:
    r"""The mean error of rotations after the best rotation of the world, and of positions up to shift and scale.

    .. math:: \frac{1}{m} \sum_i \sin^2 \frac{\theta_i}{2} + \frac{0.1}{m} \sum_i \lVert u(c)_i - u(c^*)_i \rVert^2,
        \qquad Q = \arg\min_Q \sum_i \lVert R_i^* Q - R_i \rVert^2

    with the angle ``theta_i`` between ``R_i`` and ``R_i^* Q``, the positions ``c_i = -R_i^T t_i``, ``c_i^*`` those of
    the known poses turned by ``Q``, and ``u`` the shift to zero mean and scale to a mean square of one.

    Args:
        projections: ``(m, 3, 4)``, ``(R | t)``.
        rotations: ``(m, 3, 3)``, the known ones.
        translations: ``(m, 3)``.

    Returns:
        A scalar.

    Law:
        Rotations, shifts and scales of the predicted or of the known world do not change it.

    Example:
        >>> import torch
        >>> pose = torch.eye(3, 4, dtype=torch.float64).repeat(3, 1, 1)
        >>> pose[:, :, 3] = torch.rand(3, 3)
        >>> moved = pose[:, :, :3], 2 * pose[:, :, 3] + 1
        >>> round(pose_loss(pose, *moved).item(), 9)
        0.0
    """
    found, shifts = projections[:, :, :3], projections[:, :, 3]
    rotations, translations = rotations.to(projections), translations.to(projections)
    turn = nearest_rotation((rotations.mT @ found).sum(0))
    known = rotations @ turn
    turns = (known - found).square().sum((1, 2)) / 8
    positions = _normalized(-(found.mT @ shifts[..., None])[..., 0])
    goals = _normalized(-(known.mT @ translations[..., None])[..., 0])
    return turns.mean() + _OF_POSITIONS * (positions - goals).square().sum(1).mean()


def _normalized(positions: Tensor) -> Tensor:
    centered = positions - positions.mean(0)
    return centered / centered.square().sum(1).mean().clamp_min(1e-12).sqrt()
