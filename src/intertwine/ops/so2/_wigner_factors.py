"""How features and Wigner matrices change when space turns: the generators L_x, L_y, L_z at work.

    spin(t, D) = sum_k t_k L_k D,        torque(g, D)_k = <g, L_k D>

Each is the derivative of the other, and L is antisymmetric; so all are closed under differentiation. They are operators
of torch because their constants must not be seen by what traces them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import SO3


@cached_constant
def generators(degree: int) -> Tensor:
    """``(3, 2 l + 1, 2 l + 1)``, float64: the derivative of D^l about x, y and z."""
    return SO3().irrep(degree).generators


def split_degrees(flat: Tensor, lmax: int) -> list[Tensor]:
    """``(E, 2 l + 1, 2 l + 1)`` for l = 0 .. lmax from their entries side by side."""
    parts = flat.split([(2 * degree + 1) ** 2 for degree in range(lmax + 1)], 1)
    return [part.unflatten(1, (2 * degree + 1, 2 * degree + 1)) for degree, part in enumerate(parts)]


@torch.library.custom_op("intertwine::torque", mutates_args=())
def torque(grad: Tensor, flat: Tensor, lmax: int) -> Tensor:
    """``<g, L_k D>``: ``(E, entries), (E, entries) -> (E, 3)``."""
    result = grad.new_zeros(grad.shape[0], 3)
    for degree, (g, d) in enumerate(zip(split_degrees(grad, lmax), split_degrees(flat, lmax), strict=True)):
        if degree:
            result.addmm_((g @ d.mT).flatten(1), generators(degree).to(grad).flatten(1).T)
    return result


@torch.library.custom_op("intertwine::spin", mutates_args=())
def spin(turns: Tensor, flat: Tensor, lmax: int) -> Tensor:
    """``sum_k t_k L_k D``: ``(E, 3), (E, entries) -> (E, entries)``."""
    columns = []
    for degree, d in enumerate(split_degrees(flat, lmax)):
        turning = (turns @ generators(degree).to(turns).flatten(1)).unflatten(1, d.shape[1:])
        columns.append((turning @ d).flatten(1))
    return torch.cat(columns, 1)


@torch.library.custom_op("intertwine::turn_features", mutates_args=())
def turn_features(flat: Tensor, blocks: list[int], axis: int) -> Tensor:
    """``L_axis x`` for features ``(N, dim)``; ``blocks`` lists degree and channels of each block."""
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    parts = flat.split([(2 * degree + 1) * channels for degree, channels in pairs], 1)
    turned = [
        (part.unflatten(1, (channels, 2 * degree + 1)) @ generators(degree)[axis].to(flat).T).flatten(1)
        for part, (degree, channels) in zip(parts, pairs, strict=True)
    ]
    return torch.cat(turned, 1) if turned else flat.clone()


@torque.register_fake
def _(grad: Tensor, flat: Tensor, lmax: int) -> Tensor:
    return grad.new_empty(grad.shape[0], 3)


@spin.register_fake
def _(turns: Tensor, flat: Tensor, lmax: int) -> Tensor:
    return torch.empty_like(flat)


@turn_features.register_fake
def _(flat: Tensor, blocks: list[int], axis: int) -> Tensor:
    return torch.empty_like(flat)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    first, flat, ctx.lmax = inputs
    ctx.save_for_backward(first, flat)


def _torque_derivative(ctx, turns):  # type: ignore[no-untyped-def]
    grad, flat = ctx.saved_tensors
    return spin(turns, flat, ctx.lmax), -spin(turns, grad, ctx.lmax), None


def _spin_derivative(ctx, grad):  # type: ignore[no-untyped-def]
    turns, flat = ctx.saved_tensors
    return torque(grad, flat, ctx.lmax), -spin(turns, grad, ctx.lmax), None


def _turn_setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    _, ctx.blocks, ctx.axis = inputs


def _turn_derivative(ctx, grad):  # type: ignore[no-untyped-def]
    return -turn_features(grad, ctx.blocks, ctx.axis), None, None


torque.register_autograd(_torque_derivative, setup_context=_setup)
spin.register_autograd(_spin_derivative, setup_context=_setup)
turn_features.register_autograd(_turn_derivative, setup_context=_turn_setup)


def torque_to_gradient(torque: Tensor, vectors: Tensor) -> Tensor:
    """The gradient in the vectors r of what feels a torque t when they turn: ``t x r / r^2``, zero at zero."""
    squared = vectors.square().sum(1, keepdim=True)
    zero = squared == 0
    inverse = torch.where(zero, 0.0, torch.where(zero, 1.0, squared).reciprocal())
    result: Tensor = torch.linalg.cross(torque, vectors) * inverse
    return result
