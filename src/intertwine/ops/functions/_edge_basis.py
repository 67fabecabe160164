"""Functions of the edges of a potential in one operator: distances, harmonics, Bessel functions and the cutoff.

All of them are functions of the vector of an edge alone, so that the operator computes their Jacobian with them, in a
few operations on long rows: the gradient in the vectors is one batched product with it, and so is the derivative along
vectors that training on forces asks for. Derivatives beyond that are those of the functions one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine._transforms import is_transformed
from intertwine.ops._operator import operator, will_execute
from intertwine.ops._scaled_vectors import scale_vectors
from intertwine.ops.functions._harmonic_derivatives import derivative_tensor
from intertwine.ops.functions._radial import bessel_basis, bessel_with_derivative, smooth_cutoff
from intertwine.ops.functions._safe_norm import safe_norm
from intertwine.ops.functions._spherical_harmonics import solid_harmonics, spherical_harmonics

_POWER = 6


class EdgeBasis(NamedTuple):
    """Functions of edges.

    Attributes:
        harmonics: ``(E, (lmax + 1)^2)``, see :func:`spherical_harmonics`.
        distances: ``(E,)``.
        bessel: ``(E, n)``, see :func:`bessel_basis`.
        envelope: ``(E,)``, see :func:`smooth_cutoff`.
        columns: ``(E, (lmax + 1)^2 + n + 2)``, all of them in this order.
    """

    harmonics: Tensor
    distances: Tensor
    bessel: Tensor
    envelope: Tensor
    columns: Tensor

    @classmethod
    def from_columns(cls, columns: Tensor, num_functions: int) -> EdgeBasis:
        """The parts of what :func:`edge_basis` computes for this many Bessel functions."""
        width = columns.shape[1]
        harmonics, distances, bessel, envelope = columns.split([width - num_functions - 2, 1, num_functions, 1], 1)
        return cls(harmonics, distances[:, 0], bessel, envelope[:, 0], columns)

    def index_select(self, index: Tensor) -> EdgeBasis:
        """Those of some edges."""
        return EdgeBasis.from_columns(self.columns.index_select(0, index), self.bessel.shape[1])


def _plain(vectors: Tensor, lmax: int, cutoff: float, num_functions: int) -> Tensor:
    """The columns, one function after the other."""
    distances = safe_norm(vectors)
    parts = [bessel_basis(distances, cutoff, num_functions), smooth_cutoff(distances, cutoff, _POWER)[:, None]]
    return torch.cat([spherical_harmonics(lmax, vectors), distances[:, None], *parts], 1)


@cached_constant
def _gradient_matrix(lmax: int) -> Tensor:
    """``(lmax^2, 3 (lmax + 1)^2)``: the derivatives of the solid harmonics in x, y, z from those of one degree less."""
    result = torch.zeros(lmax**2, (lmax + 1) ** 2, 3, dtype=torch.float64)
    for degree in range(1, lmax + 1):
        rows, columns = slice((degree - 1) ** 2, degree**2), slice(degree**2, (degree + 1) ** 2)
        result[rows, columns] = derivative_tensor(degree, "component").permute(2, 0, 1)
    return result.flatten(1)


@cached_constant
def _degrees(lmax: int) -> Tensor:
    """``((lmax + 1)^2,)``, the degree of each harmonic."""
    degrees = torch.arange(lmax + 1)
    return degrees.repeat_interleave(2 * degrees + 1)


@operator("edge_basis")
def _edge_basis(vectors: Tensor, lmax: int, cutoff: float, num_functions: int) -> tuple[Tensor, Tensor]:
    """The columns ``(E, F)`` and their derivatives ``(E, F, 3)`` in the vectors."""
    scaled = scale_vectors(vectors)
    direction, distance = scaled.scaled * scaled.squared.rsqrt(), scaled.norm()[:, 0]
    harmonics = solid_harmonics(direction, lmax, "component")
    bessel, of_bessel = bessel_with_derivative(distance, cutoff, num_functions)
    t = (distance / cutoff).clamp(max=1.0)
    p = _POWER
    envelope = smooth_cutoff(distance, cutoff, p)
    of_envelope = t ** (p - 1) * (1 - t).square() * (-p * (p + 1) * (p + 2) / (2 * cutoff))
    columns = torch.cat([harmonics, distance[:, None], bessel, envelope[:, None]], 1)
    slopes = torch.cat([torch.ones_like(distance)[:, None], of_bessel, of_envelope[:, None]], 1)
    jacobian = columns.new_empty(*columns.shape, 3)
    size = harmonics.shape[1]
    torch.mul(slopes[:, :, None], direction[:, None], out=jacobian[:, size:])
    matrix = _gradient_matrix(lmax).to(columns)
    gradient = (harmonics[:, : lmax**2] @ matrix).unflatten(1, (size, 3))
    gradient.addcmul_((harmonics * _degrees(lmax).to(columns))[:, :, None], direction[:, None], value=-1)
    inverse = torch.where(distance > 0, distance.reciprocal(), 0.0)
    torch.mul(gradient, inverse[:, None, None], out=jacobian[:, :size])
    return columns, jacobian


@operator("edge_basis_backward")
def _backward(grad: Tensor, vectors: Tensor, jacobian: Tensor, lmax: int, cutoff: float, num_functions: int) -> Tensor:
    """The gradient in the vectors. It is a function of grad and the vectors: the Jacobian is their own."""
    return torch.bmm(grad[:, None], jacobian)[:, 0]


@_edge_basis.register_fake
def _(vectors: Tensor, lmax: int, cutoff: float, num_functions: int) -> tuple[Tensor, Tensor]:
    width = (lmax + 1) ** 2 + num_functions + 2
    return vectors.new_empty(vectors.shape[0], width), vectors.new_empty(vectors.shape[0], width, 3)


@_backward.register_fake
def _(grad: Tensor, vectors: Tensor, jacobian: Tensor, lmax: int, cutoff: float, num_functions: int) -> Tensor:
    return torch.empty_like(vectors)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    vectors, *ctx.options = inputs
    ctx.save_for_backward(vectors, output[1])
    ctx.set_materialize_grads(False)


def _derivative(ctx, grad, of_jacobian):  # type: ignore[no-untyped-def]
    assert of_jacobian is None, "the Jacobian is an intermediate result, not an output"
    if grad is None:
        return (None,) * 4
    return _backward(grad, *ctx.saved_tensors, *ctx.options), None, None, None


def _setup_backward(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *tensors, ctx.lmax, ctx.cutoff, ctx.num_functions = inputs
    ctx.save_for_backward(*tensors)


def _derivative_of_backward(ctx, v):  # type: ignore[no-untyped-def]
    grad, vectors, jacobian = ctx.saved_tensors
    if not torch.is_grad_enabled() and not will_execute(ctx, 1):
        return torch.bmm(jacobian, v[:, :, None])[:, :, 0], *(None,) * 5

    def directional(grad: Tensor, vectors: Tensor) -> Tensor:
        value = torch.func.jvp(lambda x: _plain(x, ctx.lmax, ctx.cutoff, ctx.num_functions), (vectors,), (v,))[1]
        product: Tensor = (grad * value).sum()
        return product

    total, pullback, *_ = torch.func.vjp(directional, grad, vectors)
    return *pullback(torch.ones_like(total)), *(None,) * 4


_edge_basis.register_autograd(_derivative, setup_context=_setup)
_backward.register_autograd(_derivative_of_backward, setup_context=_setup_backward)


def edge_basis(vectors: Tensor, lmax: int, cutoff: float, num_functions: int) -> EdgeBasis:
    """Distances, spherical harmonics, Bessel functions and the smooth cutoff of edges.

    Args:
        vectors: ``(E, 3)``.
        lmax: Highest degree of the harmonics, of component normalization.
        cutoff: Of the Bessel functions and of the polynomial cutoff (p = 6).
        num_functions: Number of Bessel functions.

    Returns:
        All of them, with derivatives of every order.

    Cost: that of the functions, and 3 times as many numbers for their Jacobian.

    Example:
        >>> basis = edge_basis(torch.tensor([[0.0, 3.0, 4.0]]), 1, 5.0, 2)
        >>> basis.distances.tolist(), basis.envelope.tolist(), basis.harmonics.shape
        ([5.0], [0.0], torch.Size([1, 4]))
    """
    if torch.compiler.is_compiling() or is_transformed():
        return EdgeBasis.from_columns(_plain(vectors, lmax, cutoff, num_functions), num_functions)
    return EdgeBasis.from_columns(_edge_basis(vectors, lmax, cutoff, num_functions)[0], num_functions)
