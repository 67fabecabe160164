"""Wigner matrices of rotations from the polar axis to edge directions, differentiable to every order.

The roll about the edge is a gauge freedom: no function that these matrices are used in depends on it. So the derivative
may be that of the least rotation, omega = r x dr / r^2: no roll, hence no poles.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine.ops._operator import operator
from intertwine.ops.so2._rotation_generators import split_degrees, torque, torque_to_gradient
from intertwine.ops.so2._wigner_factors import WignerFactors, factor_constants


@operator("edge_wigner_d")
def _edge_wigner_d(vectors: Tensor, lmax: int) -> Tensor:
    factors = WignerFactors.from_vectors(vectors, lmax)
    columns = []
    for degree in range(lmax + 1):
        orders = tuple(range(-degree, degree + 1))
        constants = factor_constants(degree, orders, (1,) * len(orders)).to(vectors)
        columns.append(factors.matrices(constants).unflatten(1, (len(orders), -1)).mT.flatten(1))
    return torch.cat(columns, 1)


@_edge_wigner_d.register_fake
def _(vectors: Tensor, lmax: int) -> Tensor:
    return vectors.new_empty(vectors.shape[0], _num_entries(lmax))


def _num_entries(lmax: int) -> int:
    """Number of entries of D^0 .. D^lmax."""
    return sum((2 * degree + 1) ** 2 for degree in range(lmax + 1))


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    vectors, ctx.lmax = inputs
    ctx.save_for_backward(vectors, output)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    """Of dD = (omega . L) D, by operators that are differentiable in D themselves: hence derivatives of every order."""
    vectors, flat = ctx.saved_tensors
    return torque_to_gradient(torque(grad, flat, ctx.lmax), vectors), None


_edge_wigner_d.register_autograd(_derivative, setup_context=_setup)


def edge_wigner_d(vectors: Tensor, lmax: int) -> list[Tensor]:
    """Wigner matrices of a rotation that takes the polar axis y to the direction of each edge.

        D^1(R) y = r / |r|,        D^l(R) Y_l(y) = Y_l(r)

    The rotation is ``R_y(a) R_x(b)`` with a the azimuth from z towards x, which fixes the roll about the edge, a gauge
    freedom. Use it where the roll makes no difference, as in ``D_out(R) W D_in(R)^T`` with W in Hom_SO(2).

    Args:
        vectors: ``(E, 3)`` in x, y, z order.
        lmax: Highest degree.

    Returns:
        ``(E, 2 l + 1, 2 l + 1)`` for l = 0 .. lmax, of the dtype of ``vectors``. For the zero vector the identity, with
        gradient zero. The gradient is that of the least rotation omega = r x dr / r^2, which does not roll: finite at
        the poles, of every order, and right for every function that does not depend on the roll. It is not the gradient
        of single entries.

    Raises:
        ValueError: If ``vectors`` does not have shape (E, 3) or lmax is negative.

    Law: ``D(g r) = D(g) D(r) D(roll)`` for rotations g, with some rotation about y.

    Cost: ``2 (2 l + 1)^3`` multiplications for each edge and degree, in matrix products with constants.

    Reference: Passaro, Zitnick, Reducing SO(3) convolutions to SO(2) for efficient equivariant GNNs, ICML 2023, sec. 3.

    Example:
        >>> _, rotation = edge_wigner_d(torch.tensor([[0.0, 0.0, 2.0]]), 1)
        >>> rotation[0, :, 1].tolist()
        [0.0, 0.0, 1.0]
    """
    if vectors.ndim != 2 or vectors.shape[1] != 3:
        raise ValueError(f"vectors must have shape (E, 3), got {tuple(vectors.shape)}")
    if lmax < 0:
        raise ValueError(f"lmax must be at least 0, got {lmax}")
    return split_degrees(_edge_wigner_d(vectors, lmax), lmax)
