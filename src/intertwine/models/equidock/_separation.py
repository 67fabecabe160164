"""Removal of clashes: the shortest way of two rigid sets of points out of one another."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.models.equidock._losses import intersection_loss
from intertwine.ops import RigidMotion

_STEP = 0.5
"""Root mean square displacement of the points in a step, in the unit of the points."""

_SURFACE, _GROWTH = 10.0, 1.02


def separate(ligand: Tensor, receptor: Tensor, *, distance: float = 3.0, steps: int = 200) -> RigidMotion:
    r"""A rigid motion of a ligand after which no two points of both proteins are nearer than a distance.

    Steps of the natural gradient of `intersection_loss`: the twist :math:`\xi` that lowers the loss most for its mean
    square displacement of all points of both proteins,

    .. math:: \xi = -\epsilon \frac{M^{-1} g}{\sqrt{g^T M^{-1} g}}, \qquad
        \xi^T M \xi = \operatorname{mean}_x |\omega \times (x - c) + v|^2,

    with the gradient g, the step :math:`\epsilon` of 0.5 angstrom and the midpoint c of both centers; until no points
    are too near or the steps are used up. The surface :math:`\gamma` of the loss begins at 10 and grows by 2 % a step,
    so that a ligand that is caught between two parts of the receptor is pushed away as a whole in the end.

    Args:
        ligand: ``(n, 3)``, in its place beside the receptor.
        receptor: ``(m, 3)``.
        distance: Points of the two nearer than this clash.
        steps: The most steps.

    Returns:
        The motion, float64; the identity if nothing clashes.

    Raises:
        UsageError: If the shapes do not fit.

    Law:
        With both moved by g it becomes ``g T g^-1``; with the two exchanged it is the inverse of what moves the other.

    Cost:
        n m for each step.
    """
    for points in (ligand, receptor):
        if points.ndim != 2 or points.shape[1] != 3 or not len(points):
            raise UsageError(f"separate expects points (n, 3) of both proteins, got {tuple(points.shape)}")
    one, two = ligand.detach().double(), receptor.detach().double()
    whole = torch.eye(4, dtype=torch.float64)
    start = one
    for step in range(steps):
        if torch.cdist(one, two).min() >= distance:
            break
        twist = _steepest(one, two, _SURFACE * _GROWTH**step)
        if twist is None:
            break
        whole = twist @ whole
        one = start @ whole[:3, :3].mT + whole[:3, 3]
    return RigidMotion(whole[:3, :3], whole[:3, 3])


def _steepest(one: Tensor, two: Tensor, gamma: float) -> Tensor | None:
    """One step as a matrix ``(4, 4)``; None where the loss is flat."""
    center = (one.mean(0) + two.mean(0)) / 2
    with torch.enable_grad():
        twist = torch.zeros(6, dtype=one.dtype, requires_grad=True)
        moved = one + torch.linalg.cross(twist[:3].expand_as(one), one - center) + twist[3:]
        (gradient,) = torch.autograd.grad(intersection_loss(moved, two, gamma=gamma), twist)
    metric = _metric(torch.cat([one, two]) - center)
    direction = torch.linalg.solve(metric, gradient)
    length = torch.dot(gradient, direction).clamp(min=0).sqrt()
    if not length > 1e-12:
        return None
    step = -_STEP / length * direction
    generator = step.new_zeros(4, 4)
    x, y, z = step[:3]
    zero = torch.zeros_like(x)
    generator[:3, :3] = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    generator[:3, 3] = step[3:]
    motion: Tensor = torch.linalg.matrix_exp(generator)
    motion[:3, 3] += center - motion[:3, :3] @ center
    return motion


def _metric(arms: Tensor) -> Tensor:
    """``(6, 6)``: the mean square displacement of points as a form of twists."""
    columns = [torch.linalg.cross(axis.expand_as(arms), arms) for axis in torch.eye(3, dtype=arms.dtype)]
    turns = torch.stack(columns, dim=2)
    shifts = torch.eye(3, dtype=arms.dtype).expand(len(arms), 3, 3)
    jacobian = torch.cat([turns, shifts], dim=2)
    metric: Tensor = torch.einsum("nai,naj->ij", jacobian, jacobian) / len(arms)
    return metric + 1e-6 * torch.trace(metric) * torch.eye(6, dtype=arms.dtype)
