"""Real Wigner matrices by recursion on the degree: polynomials in the entries of R, hence no angles and no poles.

    D^0 = 1,   D^1(R) = R,   D^l = P_l (D^{l-1} (x) R) P_l^T

with P_l the Clebsch-Gordan isometry from degrees l - 1 and 1 onto degree l.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine._errors import UsageError
from intertwine.reps.solve import wigner_3j

LARGEST_DEGREE = 200
"""The highest degree: an isometry has 1.3e8 entries there."""


@cached_constant
def _isometry(degree: int) -> Tensor:
    return wigner_3j(degree - 1, 1, degree) * sqrt(2 * degree + 1)


def wigner_matrices(max_degree: int, rotation: Tensor) -> list[Tensor]:
    """All Wigner matrices D^0 .. D^max_degree of a rotation.

    Args:
        max_degree: The highest degree.
        rotation: ``(..., 3, 3)`` rotation matrices.

    Returns:
        Matrices ``(..., 2 l + 1, 2 l + 1)`` for l = 0 .. max_degree, of the dtype and device of ``rotation``.

    Raises:
        ValueError: If the matrices are not 3 by 3 or the degree is negative.
    """
    if rotation.shape[-2:] != (3, 3):
        raise ValueError(f"rotations are (..., 3, 3) matrices, got shape {tuple(rotation.shape)}")
    if max_degree < 0:
        raise ValueError(f"the degree is at least 0, got {max_degree}")
    if max_degree > LARGEST_DEGREE:
        raise UsageError(f"Wigner matrices are computed up to degree {LARGEST_DEGREE}, got {max_degree}")
    matrices = [torch.ones_like(rotation[..., :1, :1]), rotation]
    for degree in range(2, max_degree + 1):
        p = _isometry(degree).to(rotation)
        half = torch.einsum("...ab,bjn->...ajn", matrices[-1], p)
        half = torch.einsum("...ij,...ajn->...ain", rotation, half)
        matrices.append(torch.einsum("aim,...ain->...mn", p, half))
    return matrices[: max_degree + 1]


def wigner_d(degree: int, rotation: Tensor) -> Tensor:
    """The real Wigner matrix D^l(R), with D^1(R) = R in x, y, z order.

    Args:
        degree: The degree l.
        rotation: ``(..., 3, 3)`` rotation matrices; for an improper matrix this is D^l(-R) (-1)^l, the polar irrep.

    Returns:
        ``(..., 2 l + 1, 2 l + 1)``, of the dtype and device of ``rotation``; differentiable in it.

    Raises:
        ValueError: If the matrices are not 3 by 3 or the degree is negative.

    Example:
        >>> wigner_d(2, torch.eye(3, dtype=torch.float64)).trace().round().item()
        5.0
    """
    return wigner_matrices(degree, rotation)[degree]
