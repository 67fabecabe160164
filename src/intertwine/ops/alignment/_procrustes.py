"""Orthogonal Procrustes problem in space: the rotation nearest to a 3x3 matrix, with a safe derivative."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError

TOLERANCE = 1e-6
"""Below this share of ``s_1 + s_2``, the last two signed singular values cancel: the nearest rotation is not unique."""


def nearest_rotation(matrices: Tensor) -> Tensor:
    r"""The rotations that maximize the inner product with 3x3 matrices.

    With the singular value decomposition :math:`M = U S V^T`,

    .. math:: R = \arg\max_{R \in SO(3)} \operatorname{tr}(R^T M) = U \operatorname{diag}(1, 1, \det U V^T) V^T.

    The determinant is +1 for every matrix, mirrored or singular. The derivative does not go through the decomposition,
    so equal singular values do no harm: with the symmetric :math:`P = R^T M`, a change :math:`dM` turns :math:`R` by
    :math:`R^T dR = [a]_\times`, where

    .. math:: (\operatorname{tr}(P) - P)\, a = \operatorname{axial}(R^T dM - dM^T R).

    The matrix on the left has the eigenvalues :math:`s_i + s_j` of the signed singular values. The last of them,
    :math:`s_2 + s_3 \det U V^T`, is zero where the maximum is not unique; below ``TOLERANCE * (s_1 + s_2)`` it is
    replaced by that, so the derivative is bounded there, and exact elsewhere. A zero matrix gives the identity, with
    derivative zero. It can be differentiated twice.

    Args:
        matrices: ``(..., 3, 3)``, finite.

    Returns:
        ``(..., 3, 3)``, of determinant +1.

    Raises:
        UsageError: If the matrices are not 3x3.

    Law:
        ``nearest_rotation(A @ M @ B.mT) == A @ nearest_rotation(M) @ B.mT`` for rotations A and B.

    References:
        Kabsch, A solution for the best rotation to relate two sets of vectors, 1976; Umeyama, Least-squares estimation
        of transformation parameters between two point patterns, 1991, Eq. 39 to 43.

    Example:
        >>> mirror = torch.diag(torch.tensor([3.0, 2.0, -1.0]))
        >>> nearest_rotation(mirror).diagonal().tolist()
        [1.0, 1.0, 1.0]
    """
    if matrices.shape[-2:] != (3, 3):
        raise UsageError(f"nearest_rotation expects matrices (..., 3, 3), got {tuple(matrices.shape)}")
    rotations: Tensor = _NearestRotation.apply(matrices)  # type: ignore[no-untyped-call]
    return rotations


class _NearestRotation(torch.autograd.Function):
    """The nearest rotation; forward and backward in the precision of the matrices, or float32 for half precision."""

    generate_vmap_rule = True

    @staticmethod
    def forward(matrices: Tensor) -> Tensor:
        wide = matrices.to(torch.promote_types(matrices.dtype, torch.float32))
        u, _, vh = torch.linalg.svd(wide)
        sign = torch.linalg.det(u) * torch.linalg.det(vh)
        rotations = torch.cat([u[..., :2], u[..., 2:] * sign[..., None, None]], dim=-1) @ vh
        nearest: Tensor = rotations.to(matrices.dtype)
        return nearest

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)
        ctx.save_for_forward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        matrices, rotations = ctx.saved_tensors
        gradient: Tensor = rotations @ _rotation_rate(matrices, rotations, grad)
        return gradient

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        matrices, rotations = ctx.saved_tensors
        rate: Tensor = rotations @ _rotation_rate(matrices, rotations, tangent)
        return rate


def _rotation_rate(matrices: Tensor, rotations: Tensor, changes: Tensor) -> Tensor:
    """The antisymmetric matrix A with A P + P A = R^T dM - dM^T R: the derivative of R is R A, and is self-adjoint."""
    dtype = torch.promote_types(matrices.dtype, torch.float32)
    matrices, rotations, changes = matrices.to(dtype), rotations.to(dtype), changes.to(dtype)
    size = matrices.detach().abs().amax((-2, -1), keepdim=True)
    is_zero = size == 0
    size = torch.where(is_zero, 1, size)
    stretch = rotations.mT @ (matrices / size)
    stretch = (stretch + stretch.mT) / 2
    identity = torch.eye(3, dtype=dtype, device=matrices.device)
    system = stretch.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] * identity - stretch
    values = torch.linalg.eigvalsh(system.detach())
    missing = (TOLERANCE * values[..., -1] - values[..., 0]).clamp_min(0)
    system = system + torch.where(is_zero, 1, missing[..., None, None]) * identity
    turned = rotations.mT @ changes
    rate = torch.linalg.solve(system, _axial(turned - turned.mT)[..., None]).squeeze(-1) / size.squeeze(-1)
    return _cross_matrix(torch.where(is_zero.squeeze(-1), 0, rate)).to(changes.dtype)


def _axial(matrices: Tensor) -> Tensor:
    """The vector a of an antisymmetric matrix: ``A x = a x x``."""
    return torch.stack([matrices[..., 2, 1], matrices[..., 0, 2], matrices[..., 1, 0]], dim=-1)


def _cross_matrix(vectors: Tensor) -> Tensor:
    """The antisymmetric matrix of a vector: ``A x = a x x``."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    matrices: Tensor = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    return matrices
