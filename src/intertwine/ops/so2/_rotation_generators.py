"""Infinitesimal rotations of features and Wigner matrices: the generators L_x, L_y, L_z of SO(3).

    infinitesimal_rotation(omega, D) = sum_k omega_k L_k D,        torque(g, D)_k = <g, L_k D>

Each is the derivative of the other, and L is antisymmetric, so both are closed under differentiation. They are torch
operators so that tracing does not see their constants.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import SO3
from intertwine.ops._operator import operator
from intertwine.ops._scaled_vectors import scale_vectors


@cached_constant
def generators(degree: int) -> Tensor:
    """``(3, 2 l + 1, 2 l + 1)``, float64: the derivative of D^l about x, y and z."""
    return SO3().irrep(degree).generators


def split_degrees(flat: Tensor, lmax: int) -> list[Tensor]:
    """``(E, 2 l + 1, 2 l + 1)`` for l = 0 .. lmax from their entries side by side."""
    parts = flat.split([(2 * degree + 1) ** 2 for degree in range(lmax + 1)], 1)
    return [part.unflatten(1, (2 * degree + 1, 2 * degree + 1)) for degree, part in enumerate(parts)]


@operator("torque")
def torque(grad: Tensor, flat: Tensor, lmax: int) -> Tensor:
    """``<g, L_k D>``: ``(E, entries), (E, entries) -> (E, 3)``."""
    result = grad.new_zeros(grad.shape[0], 3)
    for degree, (g, d) in enumerate(zip(split_degrees(grad, lmax), split_degrees(flat, lmax), strict=True)):
        if degree:
            result.addmm_((g @ d.mT).flatten(1), generators(degree).to(grad).flatten(1).T)
    return result


@operator("infinitesimal_rotation")
def infinitesimal_rotation(omega: Tensor, flat: Tensor, lmax: int) -> Tensor:
    """``sum_k omega_k L_k D``: ``(E, 3), (E, entries) -> (E, entries)``."""
    columns = []
    for degree, d in enumerate(split_degrees(flat, lmax)):
        generator = (omega @ generators(degree).to(omega).flatten(1)).unflatten(1, d.shape[1:])
        columns.append((generator @ d).flatten(1))
    return torch.cat(columns, 1)


@operator("apply_generator")
def apply_generator(features: Tensor, blocks: list[int], axis: int) -> Tensor:
    """``L_axis x`` for features ``(N, dim)``; ``blocks`` lists degree and channels of each block in turn."""
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    parts = features.split([(2 * degree + 1) * channels for degree, channels in pairs], 1)
    rotated = [
        (part.unflatten(1, (channels, 2 * degree + 1)) @ generators(degree)[axis].to(features).T).flatten(1)
        for part, (degree, channels) in zip(parts, pairs, strict=True)
    ]
    return torch.cat(rotated, 1) if rotated else features.clone()


@torque.register_fake
def _(grad: Tensor, flat: Tensor, lmax: int) -> Tensor:
    return grad.new_empty(grad.shape[0], 3)


@infinitesimal_rotation.register_fake
def _(omega: Tensor, flat: Tensor, lmax: int) -> Tensor:
    return torch.empty_like(flat)


@apply_generator.register_fake
def _(features: Tensor, blocks: list[int], axis: int) -> Tensor:
    return torch.empty_like(features)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    first, flat, ctx.lmax = inputs
    ctx.save_for_backward(first, flat)


def _torque_derivative(ctx, omega):  # type: ignore[no-untyped-def]
    grad, flat = ctx.saved_tensors
    return infinitesimal_rotation(omega, flat, ctx.lmax), -infinitesimal_rotation(omega, grad, ctx.lmax), None


def _rotation_derivative(ctx, grad):  # type: ignore[no-untyped-def]
    omega, flat = ctx.saved_tensors
    return torque(grad, flat, ctx.lmax), -infinitesimal_rotation(omega, grad, ctx.lmax), None


def _generator_setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    _, ctx.blocks, ctx.axis = inputs


def _generator_derivative(ctx, grad):  # type: ignore[no-untyped-def]
    return -apply_generator(grad, ctx.blocks, ctx.axis), None, None


torque.register_autograd(_torque_derivative, setup_context=_setup)
infinitesimal_rotation.register_autograd(_rotation_derivative, setup_context=_setup)
apply_generator.register_autograd(_generator_derivative, setup_context=_generator_setup)


def torque_to_gradient(torque: Tensor, vectors: Tensor) -> Tensor:
    """Gradient in the vectors r of a function of their direction with torque t: ``t x r / r^2``, zero at zero."""
    r = scale_vectors(vectors)
    result: Tensor = torch.linalg.cross(torque, r.scaled) / r.squared * r.factor
    return result
