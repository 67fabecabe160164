"""Rotations that take the polar axis y to the direction of an edge, as Wigner matrices, without angles.

    R = R_y(a) R_x(b),        cos b = y,   sin b = s,   cos a = z / s,   sin a = x / s,        s = sqrt(x^2 + z^2)

About y a rotation mixes only m and -m. One about x commutes with the reflection of x, so it mixes m < 0 with m < 0 and
m >= 0 with m >= 0. Hence every entry of D^l(R) is one product,

    D_mn = (cos or +-sin of |m| a) (a Fourier polynomial in b of degree l),

and all edges' matrices are the entrywise product of two matrix products with constants.

The roll about the edge is chosen by y, x and z here, and no map that is used with these rotations feels it. So their
derivative may turn the frame by the least rotation, omega = r x dr / r^2: no roll, hence no poles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.ops.functions._safe_norm import unit
from intertwine.ops.so2._wigner_factors import split_degrees, torque, torque_to_gradient
from intertwine.reps import wigner_d


@cached_constant
def _about_x(degree: int) -> Tensor:
    """``(m, n, 2 l + 1)``: D^l(R_x(b)) as a polynomial in 1, cos b, sin b, cos 2b, sin 2b .."""
    swap = torch.tensor([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)  # y to x, z to y, x to z
    turn = wigner_d(degree, swap)
    result = torch.zeros(2 * degree + 1, 2 * degree + 1, 2 * degree + 1, dtype=torch.float64)
    result[:, :, 0] = torch.outer(turn[:, degree], turn[:, degree])
    for k in range(1, degree + 1):
        sine, cosine = turn[:, degree - k], turn[:, degree + k]
        result[:, :, 2 * k - 1] = torch.outer(sine, sine) + torch.outer(cosine, cosine)
        result[:, :, 2 * k] = torch.outer(sine, cosine) - torch.outer(cosine, sine)
    return result


@cached_constant
def factors(degree: int, columns: tuple[int, ...], signs: tuple[int, ...]) -> Tensor:
    """Constants S and T for which ``(angles_a @ S) * (angles_b @ T)`` holds some signed columns n of D^l, in order.

    Returns:
        ``(2, 2 l + 1, columns * (2 l + 1))``, float64: for each column, its rows m = -l .. l.
    """
    about_x = _about_x(degree)
    result = torch.zeros(2, 2 * degree + 1, len(columns), 2 * degree + 1, dtype=torch.float64)
    for place, (n, sign) in enumerate(zip(columns, signs, strict=True)):
        for m in range(-degree, degree + 1):
            row = abs(m) if n >= 0 else -abs(m)  # the row of D(R_x) that R_y brings here
            k = abs(m)
            if (m >= 0) == (n >= 0):
                result[0, 2 * k - 1 if k else 0, place, m + degree] = sign
            else:
                result[0, 2 * k, place, m + degree] = sign if m < 0 else -sign
            result[1, :, place, m + degree] = about_x[row + degree, n + degree]
    return result.flatten(2)


def _multiples(cosine: Tensor, sine: Tensor, highest: int) -> Tensor:
    """``(E, 2 highest + 1)``: 1, cos, sin, cos 2, sin 2 .. by the rule of the sum of angles."""
    c, s = torch.ones_like(cosine), torch.zeros_like(sine)
    columns = [c]
    for _ in range(highest):
        c, s = c * cosine - s * sine, s * cosine + c * sine
        columns += [c, s]
    return torch.stack(columns, 1)


class WignerFactors(NamedTuple):
    """The multiples of a and b of some edges, from which the matrices of all degrees are made.

    Attributes:
        about_y: ``(E, 2 lmax + 1)`` 1, cos a, sin a, cos 2a ..
        about_x: ``(E, 2 lmax + 1)`` 1, cos b, sin b, cos 2b ..
    """

    about_y: Tensor
    about_x: Tensor

    @classmethod
    def of(cls, vectors: Tensor, lmax: int) -> WignerFactors:
        """The turns to the directions of vectors ``(E, 3)``; the identity for zero vectors."""
        x, y, z = unit(vectors).unbind(1)
        y = torch.where(vectors.square().sum(1) == 0, 1.0, y)
        s = torch.hypot(x, z)
        pole = s == 0
        inverse = torch.where(pole, 1.0, s).reciprocal()
        about_y = _multiples(torch.where(pole, 1.0, z * inverse), x * inverse, lmax)
        return cls(about_y, _multiples(y, s, lmax))

    def matrices(self, constants: Tensor, out: Tensor | None = None) -> Tensor:
        """``(E, columns * (2 l + 1))`` of the degree whose :func:`factors` are given."""
        features = constants.shape[1]
        result = torch.mm(self.about_y[:, :features], constants[0], out=out)
        return result.mul_(self.about_x[:, :features] @ constants[1])


@torch.library.custom_op("intertwine::edge_rotations", mutates_args=())
def _rotations(vectors: Tensor, lmax: int) -> Tensor:
    turns = WignerFactors.of(vectors, lmax)
    columns = []
    for degree in range(lmax + 1):
        orders = tuple(range(-degree, degree + 1))
        constants = factors(degree, orders, (1,) * len(orders)).to(vectors)
        columns.append(turns.matrices(constants).unflatten(1, (len(orders), -1)).mT.flatten(1))
    return torch.cat(columns, 1)


@_rotations.register_fake
def _(vectors: Tensor, lmax: int) -> Tensor:
    return vectors.new_empty(vectors.shape[0], _size(lmax))


def _size(lmax: int) -> int:
    """The number of entries of D^0 .. D^lmax."""
    return sum((2 * degree + 1) ** 2 for degree in range(lmax + 1))


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    vectors, ctx.lmax = inputs
    ctx.save_for_backward(vectors, output)


def _derivative(ctx, grad):  # type: ignore[no-untyped-def]
    """Of D under dD = (omega . L) D, by what is differentiable in D itself: hence derivatives of every order."""
    vectors, flat = ctx.saved_tensors
    return torque_to_gradient(torque(grad, flat, ctx.lmax), vectors), None


_rotations.register_autograd(_derivative, setup_context=_setup)


def edge_rotations(vectors: Tensor, lmax: int) -> list[Tensor]:
    """Wigner matrices of a rotation that takes the polar axis y to the direction of each vector.

        D^1(R) y = r / |r|,        D^l(R) Y_l(y) = Y_l(r)

    Which of these rotations is the gauge: ``R_y(a) R_x(b)`` with a the azimuth from z towards x. Use it where the roll
    about the edge makes no difference, as in ``D_out(R) W D_in(R)^T`` with W in Hom_SO(2).

    Args:
        vectors: ``(E, 3)`` in x, y, z order.
        lmax: Highest degree.

    Returns:
        ``(E, 2 l + 1, 2 l + 1)`` for l = 0 .. lmax, of the dtype of ``vectors``. For the zero vector the identity, with
        gradient zero. The gradient is that of the least rotation, which does not roll: finite at the poles, of every
        order, and that of every function which does not feel the roll. It is not that of the single entries.

    Raises:
        ValueError: If ``vectors`` does not have shape (E, 3) or lmax is negative.

    Law: ``D(g r) = D(g) D(r) D(roll)`` for rotations g, with some rotation about y.

    Cost: ``2 (2 l + 1)^3`` multiplications for each edge and degree, in matrix products with constants.

    Reference: Passaro, Zitnick, Reducing SO(3) convolutions to SO(2) for efficient equivariant GNNs, ICML 2023, sec. 3.

    Example:
        >>> _, rotation = edge_rotations(torch.tensor([[0.0, 0.0, 2.0]]), 1)
        >>> rotation[0, :, 1].tolist()
        [0.0, 0.0, 1.0]
    """
    if vectors.ndim != 2 or vectors.shape[1] != 3:
        raise ValueError(f"vectors must have shape (E, 3), got {tuple(vectors.shape)}")
    if lmax < 0:
        raise ValueError(f"lmax must be at least 0, got {lmax}")
    return split_degrees(_rotations(vectors, lmax), lmax)


def frame_orders(degree: int, mmax: int, kind: int) -> tuple[Sequence[int], Sequence[int]]:
    """Which columns of D^l, with which signs, are the components 0, 1, 1', 2, 2' .. in the frame of an edge.

    The reflection of x, which leaves the edge alone, keeps the components m and flips m'. For the parity of the
    spherical harmonics (kind 1) these are cos and sin, m and -m; for the other (kind -1) a quarter turn makes them so.
    Only then 0 is flipped.
    """
    orders, signs = [0], [1]
    for m in range(1, min(degree, mmax) + 1):
        orders += [m, -m] if kind > 0 else [-m, m]
        signs += [1, 1] if kind > 0 else [-1, 1]
    return orders, signs
