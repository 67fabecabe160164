"""Symmetric 3x3 matrices as 0e + 2e: six numbers in the basis in which rotations are block diagonal."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from intertwine.groups import O3

_POLAR_AXIS = 1


@cache
def _change_of_basis() -> Tensor:
    """Q of `symmetric_basis`, read from the decomposition of V (x) V = 0e + 1e + 2e."""
    V = O3().vector
    Q, irreps = (V * V).decompose()
    assert irreps.irreps is not None, "a decomposition is a sum of irreps"
    columns, start = {}, 0
    for copies, irrep in irreps.irreps:
        columns[str(irrep)] = Q[:, start : start + copies * irrep.dim]
        start += copies * irrep.dim
    scalar, tensor = columns["0e"], columns["2e"]
    yy = 3 * _POLAR_AXIS + _POLAR_AXIS
    # Each block is unique up to sign: the trace counts positive, and so does yy in the component m = 0.
    blocks = [scalar * scalar[yy, 0].sign(), tensor * tensor[yy, 2].sign()]
    return torch.cat(blocks, dim=1).to(torch.float64)


def symmetric_basis() -> Tensor:
    """Q with vec(A) = Q y for symmetric A and y in 0e + 2e, so that R A R^T has coordinates D(R) y.

    Returns:
        (9, 6) float64, orthonormal columns; vec runs over rows, xx xy xz yx yy yz zx zy zz. The first column is the
        trace over sqrt(3). Equal to e3nn's CartesianTensor("ij=ji").

    >>> Q = symmetric_basis()
    >>> bool(torch.allclose(Q.T @ Q, torch.eye(6, dtype=torch.float64)))
    True
    """
    return _change_of_basis().clone()


def to_irreps(matrices: Tensor) -> Tensor:
    """Coordinates in 0e + 2e of symmetric matrices.

    Args:
        matrices: (..., 9), rows one after the other.

    Returns:
        (..., 6), with the Frobenius norm kept.
    """
    return matrices @ _change_of_basis().to(matrices)


def to_matrices(coordinates: Tensor) -> Tensor:
    """The symmetric matrices of coordinates in 0e + 2e.

    Args:
        coordinates: (..., 6).

    Returns:
        (..., 9), rows one after the other.
    """
    return coordinates @ _change_of_basis().to(coordinates).mT


def asymmetry(matrices: Tensor) -> Tensor:
    """||A - A^T|| / ||A|| of matrices (..., 9); zero where A is zero."""
    square = matrices.reshape(*matrices.shape[:-1], 3, 3)
    size = torch.linalg.vector_norm(square, dim=(-2, -1))
    gap = torch.linalg.vector_norm(square - square.mT, dim=(-2, -1))
    relative: Tensor = gap / size.clamp_min(torch.finfo(size.dtype).tiny)
    return relative
