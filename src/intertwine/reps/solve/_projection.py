"""Null space of linear constraints without their matrix: random vectors, projected by conjugate gradients.

With L = sum C_i^T C_i, the iterates of conjugate gradients for L y = L z from y = 0 keep z - y free of what they have
removed; z - y tends to the projection of z onto the null space of L. They end after as many steps as L has distinct
eigenvalues: for a rotation group L is a Casimir operator, which has few.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.reps.solve._generators import Constraint
from intertwine.reps.solve._rank import check_rank, count_zeros

_STEPS = 5000
_CONVERGED = 1e-14
_SPARE = 8
_GUESS = 24


def project(constraints: list[Constraint], z: Tensor) -> Tensor:
    """The projections of the columns of z, ``(N, c)``, onto the common null space.

    Raises:
        ArithmeticError: If the constraints are too ill conditioned.
    """
    x = z.clone()
    residual = _normal(constraints, x)
    direction = residual.clone()
    square = residual.square().sum(0)
    target = (_CONVERGED * square.max().sqrt().clamp_min(float(z.norm(dim=0).max()))) ** 2
    for _ in range(_STEPS):
        if bool((square <= target).all()):
            return x
        image = _normal(constraints, direction)
        curvature = (direction * image).sum(0)
        step = torch.where(square > target, square / curvature.clamp_min(1e-300), 0)
        x -= step * direction
        residual -= step * image
        before, square = square, residual.square().sum(0)
        direction = residual + square / before.clamp_min(1e-300) * direction
    raise ArithmeticError(
        f"the constraints did not converge in {_STEPS} steps: relative residual"
        f" {float((square.max() / target).sqrt()) * _CONVERGED:.1e}; are the generators badly scaled?"
    )


def _normal(constraints: list[Constraint], x: Tensor) -> Tensor:
    total = torch.zeros_like(x)
    for constraint in constraints:
        total += constraint.adjoint(constraint(x))
    return total


def null_space(constraints: list[Constraint], size: int, expected: int | None, what: str) -> Tensor:
    """An orthonormal basis of the common null space, with its rank seen twice.

    A random block wider than the null space is projected; what remains has exactly the rank of the null space, with
    nothing between its singular values and zero. Where the rank is known beforehand the two must agree.

    Args:
        constraints: The linear maps whose common null space is wanted.
        size: N, the number of unknowns.
        expected: The dimension by characters, None where it is not known.
        what: The maps that are solved for, for messages.

    Returns:
        ``(k, N)``, float64, orthonormal rows.

    Raises:
        ArithmeticError: If the rank is not clear or disagrees with the characters.
    """
    generator = torch.Generator().manual_seed(size)
    width = min(size, _GUESS if expected is None else expected + _SPARE)
    while True:
        block = torch.randn(size, width, generator=generator, dtype=torch.float64)
        projected = project(constraints, torch.linalg.qr(block).Q)
        u, values, _ = torch.linalg.svd(projected, full_matrices=False)
        rank = width - count_zeros(values, what)
        if rank < width or width == size or expected is not None:
            break
        width = min(size, 2 * width)
    check_rank(rank, expected, what)
    if rank == 0:
        return torch.zeros(0, size, dtype=torch.float64)
    # A second projection removes what rounding left behind in the first.
    basis: Tensor = torch.linalg.qr(project(constraints, u[:, :rank])).Q.T.contiguous()
    return basis
