"""Maps from an irrep of a finite group, by averages over its elements: exact, with no equations to solve.

For an irrep D of dimension d, real and orthogonal, the operators

    A_a = (d / |G|) sum_g D_a1(g) rho(g)

project onto (a = 1), and carry around, what transforms like the first basis vector of D: for v = A_1 v, the map W with
the columns A_a v commutes, and every map is of this form.
(Serre, Linear Representations of Finite Groups, section 2.7.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.groups import FiniteGroup
from intertwine.reps._rep import Irrep, Rep
from intertwine.reps.solve._constraints import canonical_basis

LARGEST = 1000
"""The most elements of a group that is averaged over."""
_CHUNK = 2**24


def averaged_maps(irrep: Irrep, rep: Rep) -> Tensor:
    """An orthonormal basis of Hom_G(irrep, rep).

    Args:
        irrep: An irrep of a finite group.
        rep: An orthogonal rep of the same group.

    Returns:
        ``(k, rep.dim, irrep.dim)``, float64, orthonormal, depending on the reps alone.

    Raises:
        ArithmeticError: If the average is no projection, because rep is not a representation.
    """
    group = rep.group
    assert isinstance(group, FiniteGroup), "averages are over the elements of finite groups"
    elements = group.elements
    carriers = torch.zeros(irrep.dim, rep.dim, rep.dim, dtype=torch.float64)
    for g in torch.split(elements, max(1, _CHUNK // max(1, rep.dim**2))):
        carriers += torch.einsum("ga,gij->aij", irrep.matrix(g)[..., 0], rep.matrix(g))
    carriers *= irrep.dim / len(elements)
    values, vectors = torch.linalg.eigh((carriers[0] + carriers[0].T) / 2)
    if not bool((values * (1 - values)).abs().le(1e-6).all()):
        raise ArithmeticError(f"averages of {rep!r} over the group do not project: is it a representation of {group}?")
    images = vectors[:, values > 0.5]
    maps = torch.einsum("aij,jk->kia", carriers, images) / irrep.dim**0.5
    return canonical_basis(maps.flatten(1)).reshape(maps.shape)
