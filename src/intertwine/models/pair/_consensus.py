"""Motions that matches agree on: all at once, and most of them."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops.alignment import RigidMotion, nearest_rotation

_REST = 1e-3
"""The part that all matches have in the motion of each."""
_ROUNDS = 2
"""How often a motion is solved again of the matches within the tolerance."""


def motion_of_plan(plan: Tensor, p: Tensor, q: Tensor) -> RigidMotion:
    """The motion that the pairs of a plan agree on best: of p ``(..., n, 3)`` onto q ``(..., m, 3)``."""
    total = plan.sum((-2, -1))[..., None, None].clamp_min(1e-12)
    mean_p, mean_q = plan.sum(-1)[..., None, :] @ p / total, plan.sum(-2)[..., None, :] @ q / total
    rotation = nearest_rotation((q - mean_q).mT @ plan.mT @ (p - mean_p) / total)
    return RigidMotion(rotation, (mean_q - mean_p @ rotation.mT)[..., 0, :])


def consensus(plan: Tensor, p: Tensor, q: Tensor, tolerance: float) -> RigidMotion:
    r"""The motions on which most of the matches of plans agree; not differentiable.

    Each point of either cloud is matched with its heaviest partner, with that weight w. Two matches k and l agree by
    the distances of their points, and have support by the others that agree with both,

    .. math:: C_{kl} = \sqrt{w_k w_l} \Bigl[ 1 - \frac{(d_{kl} - d'_{kl})^2}{\tau^2} \Bigr]_+, \qquad
        S_{kl} = C_{kl} \sum_m C_{km} C_{ml}.

    Each match gives a motion, by Procrustes with its support as weights, and twice again with the matches that the
    motion carries to within the tolerance,

    .. math:: w_k \Bigl[ 1 - \frac{|R p_k + t - q_k|^2}{\tau^2} \Bigr]_+;

    that of the largest sum of these is taken.

    Args:
        plan: ``(B, n, m)``.
        p: ``(B, n, 3)``.
        q: ``(B, m, 3)``.
        tolerance: :math:`\tau`, in the unit of the points.

    Returns:
        The motions, ``(B, 3, 3)`` and ``(B, 3)``.

    Law: with p moved by g and q by h it becomes h motion g^-1, with p and q exchanged its inverse, up to ties.

    Reference: Chen, Sun, Yang, Tao, SC2-PCR: a second order spatial compatibility for efficient and robust point cloud
    registration, CVPR 2022; the weights of the matches are this library's.
    """
    with torch.no_grad():
        weight_1, partner_1 = plan.max(2)
        weight_2, partner_2 = plan.max(1)
        weight = torch.cat([weight_1, weight_2], 1)
        first = torch.cat([p, _rows(p, partner_2)], 1)
        second = torch.cat([_rows(q, partner_1), q], 1)
        gaps = (torch.cdist(first, first) - torch.cdist(second, second)) / tolerance
        agree = (1 - gaps.square()).clamp_min(0) * (weight[:, :, None] * weight[:, None]).sqrt()
        agree = agree * ~torch.eye(agree.shape[1], dtype=torch.bool, device=agree.device)
        motions = _aligned(agree * (agree @ agree), weight, first, second)
        for _ in range(_ROUNDS):
            motions = _aligned(_inside(motions, weight, first, second, tolerance), weight, first, second)
        best = _inside(motions, weight, first, second, tolerance).sum(2).argmax(1)
        rows = torch.arange(len(best), device=best.device)
        return RigidMotion(motions.rotation[rows, best], motions.translation[rows, best])


def _rows(points: Tensor, index: Tensor) -> Tensor:
    return points.gather(1, index[..., None].expand(-1, -1, 3))


def _aligned(weights: Tensor, every: Tensor, p: Tensor, q: Tensor) -> RigidMotion:
    """The motions of matches ``(B, K, 3)`` by each row of weights ``(B, S, K)``.

    All matches, of weights ``(B, K)``, have a small part: where the others are on a line they decide.
    """
    weights = _shares(_shares(weights) + _REST * _shares(every)[:, None])
    mean_p, mean_q = weights @ p, weights @ q
    products = (q[..., :, None] * p[..., None, :]).flatten(2)
    moments = (weights @ products).unflatten(-1, (3, 3)) - mean_q[..., :, None] * mean_p[..., None, :]
    rotation = nearest_rotation(moments)
    return RigidMotion(rotation, mean_q - (rotation @ mean_p[..., None])[..., 0])


def _shares(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True).clamp_min(1e-12)


def _inside(motions: RigidMotion, every: Tensor, p: Tensor, q: Tensor, tolerance: float) -> Tensor:
    """The weights of matches by how far within the tolerance each motion carries them, ``(B, S, K)``; zero beyond."""
    moved = p[:, None] @ motions.rotation.mT + motions.translation[:, :, None]
    return (1 - (moved - q[:, None]).square().sum(-1) / tolerance**2).clamp_min(0) * every[:, None]
