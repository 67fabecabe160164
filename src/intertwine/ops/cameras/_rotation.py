"""Rotation matrices from rotation vectors and unit quaternions, and back."""

from __future__ import annotations

import torch
from torch import Tensor


def cross_matrix(vectors: Tensor) -> Tensor:
    """The skew-symmetric matrices of cross products: ``(..., 3)`` to ``(..., 3, 3)`` with ``[a] b = a x b``."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    entries = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    return entries.view(*entries.shape[:-1], 3, 3)


def matrix_from_rotation_vector(vectors: Tensor) -> Tensor:
    r"""The rotation about an axis by an angle, both given by one vector.

    .. math:: R = I + \frac{\sin\theta}{\theta} [w] + \frac{1 - \cos\theta}{\theta^2} [w]^2, \qquad \theta = |w|

    Args:
        vectors: ``(..., 3)``, axis times angle in radians.

    Returns:
        ``(..., 3, 3)``.

    Example:
        >>> turn = matrix_from_rotation_vector(torch.tensor([0.0, 0.0, torch.pi / 2]))
        >>> (turn @ torch.tensor([1.0, 0.0, 0.0])).round().tolist()
        [-0.0, 1.0, 0.0]
    """
    angle = vectors.norm(dim=-1)[..., None, None]
    skew = cross_matrix(vectors)
    half = torch.sinc(angle / (2 * torch.pi))
    identity = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return identity + torch.sinc(angle / torch.pi) * skew + 0.5 * half.square() * (skew @ skew)


def matrix_from_quaternion(quaternions: Tensor) -> Tensor:
    """The rotation of a quaternion (w, x, y, z), which is divided by its norm first: ``(..., 4)`` to ``(..., 3, 3)``.

    Example:
        >>> matrix_from_quaternion(torch.tensor([0.0, 0.0, 0.0, 2.0])).diagonal().tolist()
        [-1.0, -1.0, 1.0]
    """
    w, x, y, z = (quaternions / quaternions.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    entries = torch.stack(rows, -1)
    return entries.view(*entries.shape[:-1], 3, 3)


def quaternion_from_matrix(rotations: Tensor) -> Tensor:
    """The unit quaternion (w, x, y, z) of a rotation, with w not negative: ``(..., 3, 3)`` to ``(..., 4)``.

    The eigenvector of largest eigenvalue of the symmetric matrix of Bar-Itzhack (2000), so that no angle is singular.

    Example:
        >>> quaternion_from_matrix(torch.eye(3)).tolist()
        [1.0, 0.0, 0.0, 0.0]
    """
    r = rotations
    trace = r.diagonal(dim1=-2, dim2=-1).sum(-1)
    axis = torch.stack([r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], -1)
    matrix = r.new_zeros((*r.shape[:-2], 4, 4))
    matrix[..., 0, 0] = trace
    matrix[..., 0, 1:] = matrix[..., 1:, 0] = axis
    matrix[..., 1:, 1:] = r + r.mT - trace[..., None, None] * torch.eye(3, dtype=r.dtype, device=r.device)
    vector = torch.linalg.eigh(matrix).eigenvectors[..., -1]
    return torch.where(vector[..., :1] < 0, -vector, vector) + 0.0
