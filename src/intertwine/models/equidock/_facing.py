"""Placement of two proteins by their sites: turned to face one another, and in one place."""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops import RigidMotion


def face(motion: RigidMotion, sites: tuple[Tensor, Tensor], centers: tuple[Tensor, Tensor]) -> RigidMotion:
    r"""The motion nearest to a given one with which the sites of two proteins coincide and face one another.

    With the directions :math:`n_1, n_2` from the center of each protein to its site, the rotation R of the given
    motion is followed by the smallest one that turns :math:`R n_1` onto :math:`-n_2`; the translation lays the site of
    the ligand on that of the receptor. `separate` then takes the proteins out of one another.

    Args:
        motion: Of the ligand; it decides the turn about the axis, which the sites leave open.
        sites: A point ``(3,)`` of ligand and receptor, each in its own frame.
        centers: Of both, ``(3,)``.

    Returns:
        The motion, float64. A site in the center of its protein has no direction: the rotation is then the given one.

    Law:
        ``T(g1 X1, g2 X2) = g2 T(X1, X2) g1^-1`` for motions g1 and g2, and ``T(X2, X1) = T(X1, X2)^-1``, if the given
        motion and the sites have this law; not of sites that the motion turns to exactly the same direction.
    """
    rotation = motion.rotation.double()
    n1, n2 = (
        torch.nn.functional.normalize(site.double() - center.double(), dim=0)
        for site, center in zip(sites, centers, strict=True)
    )
    if n1.any() and n2.any():
        rotation = _smallest_turn(rotation @ n1, -n2) @ rotation
    return RigidMotion(rotation, sites[1].double() - rotation @ sites[0].double())


def _smallest_turn(start: Tensor, end: Tensor) -> Tensor:
    """The rotation ``(3, 3)`` by the least angle that turns one unit vector onto another; of opposite ones, any."""
    eye = torch.eye(3).to(start)
    if float(start @ end) < -1 + 1e-12:
        across = torch.linalg.cross(start, eye[int(start.abs().argmin())])
        axis = torch.nn.functional.normalize(across, dim=0)
        return 2 * torch.outer(axis, axis) - eye
    middle = start + end
    return eye + 2 * torch.outer(end, start) - torch.outer(middle, middle) / (1 + start @ end)
