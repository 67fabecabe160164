"""The matrices that commute with a rep, from its generators, with few unknowns.

What commutes with the rep commutes with each of its matrices, so it maps the eigenspaces of one generic matrix into
themselves: its blocks there are the only unknowns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.reps._rep import Rep
from intertwine.reps.solve._casimir import eigenspaces
from intertwine.reps.solve._constraints import canonical_basis

LARGEST = 2**27
"""The most numbers, unknowns times dim^2, that are held at once: 1 GB."""
_ZERO = 1e-10


def commutant(rep: Rep) -> Tensor:
    """All W with rho(g) W = W rho(g), for an orthogonal rep.

    Args:
        rep: An orthogonal representation.

    Returns:
        An orthonormal basis ``(k, dim, dim)``, float64, that depends on the rep alone.

    Raises:
        ValueError: If there are too many unknowns.
    """
    group = rep.group
    generators = torch.cat([rep.algebra(group.lie_algebra), rep.matrix(group.discrete_generators)])
    unknowns = _unknowns(rep)
    gram = torch.zeros(len(unknowns), len(unknowns), dtype=torch.float64)
    for generator in generators:
        residual = (generator @ unknowns - unknowns @ generator).flatten(1)
        gram += residual @ residual.T
    values, vectors = torch.linalg.eigh(gram)
    zero = values <= _ZERO * values.abs().max().clamp_min(1) if len(values) else values > 0
    basis = vectors[:, zero].T @ unknowns.flatten(1)
    return canonical_basis(basis).reshape(-1, rep.dim, rep.dim)


def _unknowns(rep: Rep) -> Tensor:
    """An orthonormal basis ``(u, dim, dim)`` of the matrices that keep the eigenspaces of one generic matrix."""
    group = rep.group
    if len(group.lie_algebra):
        weights = 1 / (1 + torch.arange(len(group.lie_algebra), dtype=torch.float64)).sqrt()
        generic = rep.algebra(group.hat(weights))
        symmetric = -generic @ generic
    else:
        generic = rep.matrix(group.discrete_generators).sum(0)
        symmetric = generic + generic.T
    spaces = [space for _, space in eigenspaces((symmetric + symmetric.T) / 2)]
    count = sum(space.shape[1] ** 2 for space in spaces)
    if count * rep.dim**2 > LARGEST:
        raise ValueError(
            f"what commutes with {rep} has {count} unknowns of dimension {rep.dim}, too many to solve for; take the rep"
            " apart into sums or smaller factors"
        )
    found = [torch.einsum("ia,jb->abij", space, space).flatten(0, 1) for space in spaces]
    return torch.cat(found) if found else torch.zeros(0, rep.dim, rep.dim, dtype=torch.float64)
