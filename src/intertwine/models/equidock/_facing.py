"""Placement of two proteins by their sites: turned to face one another, and slid until they touch."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.models.equidock._separation import ways_out
from intertwine.ops import RigidMotion


def face(
    ligand: Tensor, receptor: Tensor, motion: RigidMotion, sites: tuple[Tensor, Tensor], *, distance: float = 3.0
) -> RigidMotion:
    r"""The motion nearest to a given one with which the sites of two proteins face one another, without clashes.

    With the directions :math:`n_1, n_2` from the center of each protein to its site, the rotation R of the given
    motion is followed by the smallest one that turns :math:`R n_1` onto :math:`-n_2`; then the ligand is put along
    :math:`n_2`, as near to the receptor's center as it can be with no two points nearer than the distance.

    Args:
        ligand: ``(n, 3)``, in angstrom.
        receptor: ``(m, 3)``.
        motion: Of the ligand; it decides the turn about the axis, which the sites leave open.
        sites: A point ``(3,)`` of each, in its own frame.
        distance: Points of the two nearer than this clash.

    Returns:
        The motion, float64. A site in the center of its protein has no direction: the rotation is then the given one,
        and the ligand moves as the given motion has it.

    Raises:
        UsageError: If the shapes do not fit.

    Law:
        ``T(g1 X1, g2 X2) = g2 T(X1, X2) g1^-1`` for motions g1 and g2, and ``T(X2, X1) = T(X1, X2)^-1``, if the given
        motion and the sites have this law.

    Cost:
        n m.
    """
    for points in (ligand, receptor):
        if points.ndim != 2 or points.shape[1] != 3 or not len(points):
            raise UsageError(f"face expects points (n, 3) of both proteins, got {tuple(points.shape)}")
    one, two = (points.detach().double().cpu() for points in (ligand, receptor))
    center_1, center_2 = one.mean(0), two.mean(0)
    rotation = motion.rotation.detach().double().cpu()
    n1, n2 = (
        torch.nn.functional.normalize(site.detach().double().cpu() - center, dim=0)
        for site, center in zip(sites, (center_1, center_2), strict=True)
    )
    if n1.any() and n2.any():
        rotation = _smallest_turn(rotation @ n1, -n2) @ rotation
        way = n2
    else:
        shift = rotation @ center_1 + motion.translation.detach().double().cpu() - center_2
        way = torch.nn.functional.normalize(shift, dim=0)
    turned = (one - center_1) @ rotation.mT
    length = ways_out(turned.numpy(), (two - center_2).numpy(), way.numpy()[None], distance)[0]
    return RigidMotion(rotation, center_2 + length * way - rotation @ center_1)


def _smallest_turn(start: Tensor, end: Tensor) -> Tensor:
    """The rotation ``(3, 3)`` by the least angle that turns one unit vector onto another; of opposite ones, any."""
    if float(start @ end) < -1 + 1e-12:
        across = torch.linalg.cross(start, torch.eye(3, dtype=start.dtype)[int(start.abs().argmin())])
        axis = torch.nn.functional.normalize(across, dim=0)
        return 2 * torch.outer(axis, axis) - torch.eye(3, dtype=start.dtype)
    middle = start + end
    eye = torch.eye(3, dtype=start.dtype)
    return eye + 2 * torch.outer(end, start) - torch.outer(middle, middle) / (1 + start @ end)
