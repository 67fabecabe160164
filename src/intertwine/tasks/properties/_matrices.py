"""3x3 matrices as irreps: 0e + 2e if they are symmetric, 0e + 1e + 2e if not."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from intertwine.groups import O3

_POLAR_AXIS = 1
_SYMMETRIC = 6


@cache
def _change_of_basis(dim: int) -> Tensor:
    """Q of `symmetric_basis` (six columns) or of `matrix_basis` (nine), from V (x) V = 0e + 1e + 2e."""
    V = O3().vector
    Q, irreps = (V * V).decompose()
    assert irreps.irreps is not None, "a decomposition is a sum of irreps"
    columns, start = {}, 0
    for copies, irrep in irreps.irreps:
        columns[str(irrep)] = Q[:, start : start + copies * irrep.dim]
        start += copies * irrep.dim
    scalar, axial, tensor = columns["0e"], columns["1e"], columns["2e"]
    yy = 3 * _POLAR_AXIS + _POLAR_AXIS
    # Each block is unique up to sign: the trace counts positive, as do yz in x, and yy in the component m = 0.
    blocks = [scalar * scalar[yy, 0].sign(), axial * axial[5, 0].sign(), tensor * tensor[yy, 2].sign()]
    return torch.cat(blocks[::2] if dim == _SYMMETRIC else blocks, dim=1).to(torch.float64)


def symmetric_basis() -> Tensor:
    """Q with vec(A) = Q y for symmetric A and y in 0e + 2e, so that R A R^T has coordinates D(R) y.

    Returns:
        (9, 6) float64, orthonormal columns; vec runs over rows, xx xy xz yx yy yz zx zy zz. The first column is the
        trace over sqrt(3). Equal to e3nn's CartesianTensor("ij=ji").

    >>> Q = symmetric_basis()
    >>> bool(torch.allclose(Q.T @ Q, torch.eye(6, dtype=torch.float64)))
    True
    """
    return _change_of_basis(_SYMMETRIC).clone()


def matrix_basis() -> Tensor:
    """Q with vec(A) = Q y for any A and y in 0e + 1e + 2e; see `symmetric_basis`, whose columns are among its own.

    Returns:
        (9, 9) float64, orthogonal. Columns 1 to 3 give (A_yz - A_zy, A_zx - A_xz, A_xy - A_yx) / sqrt(2).

    >>> Q = matrix_basis()
    >>> bool(torch.allclose(Q.T @ Q, torch.eye(9, dtype=torch.float64)))
    True
    """
    return _change_of_basis(9).clone()


def to_irreps(matrices: Tensor, dim: int = _SYMMETRIC) -> Tensor:
    """Coordinates of matrices in 0e + 2e, of symmetric ones, or in 0e + 1e + 2e.

    Args:
        matrices: (..., 9), rows one after the other.
        dim: 6 or 9.

    Returns:
        (..., dim), with the Frobenius norm kept.
    """
    return matrices @ _change_of_basis(dim).to(matrices)


def to_matrices(coordinates: Tensor) -> Tensor:
    """The matrices of coordinates in 0e + 2e or 0e + 1e + 2e.

    Args:
        coordinates: (..., 6) or (..., 9).

    Returns:
        (..., 9), rows one after the other.
    """
    return coordinates @ _change_of_basis(coordinates.shape[-1]).to(coordinates).mT


def asymmetry(matrices: Tensor) -> Tensor:
    """||A - A^T|| / ||A|| of matrices (..., 9); zero where A is zero."""
    square = matrices.reshape(*matrices.shape[:-1], 3, 3)
    size = torch.linalg.vector_norm(square, dim=(-2, -1))
    gap = torch.linalg.vector_norm(square - square.mT, dim=(-2, -1))
    relative: Tensor = gap / size.clamp_min(torch.finfo(size.dtype).tiny)
    return relative
