"""Rotation generators: what they are the derivatives of, and their own derivatives."""

import torch

from intertwine.groups import O3, SO3
from intertwine.ops.so2._rotation_generators import (
    apply_generator,
    infinitesimal_rotation,
    split_degrees,
    torque,
    torque_to_gradient,
)
from intertwine.reps import wigner_d


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def small_rotation(axis: int, angle: float) -> torch.Tensor:
    return torch.linalg.matrix_exp(angle * SO3().lie_algebra[axis])


def test_infinitesimal_rotations_are_the_derivatives_of_rotations() -> None:
    flat, features, step = draw(2, 35), draw(4, 2 + 6 + 5, seed=1), 1e-5
    rep = O3().rep("2x0e + 2x1e + 1x2e")
    for axis in range(3):
        omega = torch.eye(3, dtype=torch.float64)[axis].expand(2, 3)
        there, back = small_rotation(axis, step), small_rotation(axis, -step)
        for degree, (d, found) in enumerate(
            zip(split_degrees(flat, 2), split_degrees(infinitesimal_rotation(omega, flat, 2), 2), strict=True)
        ):
            expected = (wigner_d(degree, there) - wigner_d(degree, back)) @ d / (2 * step)
            torch.testing.assert_close(found, expected, atol=1e-8, rtol=0)
        expected = features @ (rep.matrix(there) - rep.matrix(back)).T / (2 * step)
        found = apply_generator(features, [0, 2, 1, 2, 2, 1], axis)
        torch.testing.assert_close(found, expected, atol=1e-8, rtol=0)


def test_each_is_the_derivative_of_the_other() -> None:
    grad, flat, omega = (draw(2, size, seed=seed).requires_grad_() for seed, size in enumerate((10, 10, 3)))
    for function, inputs in (
        (lambda a, b: torque(a, b, 1), (grad, flat)),
        (lambda a, b: infinitesimal_rotation(a, b, 1), (omega, flat)),
        (lambda a: apply_generator(a, [1, 2, 0, 4], 1), (grad,)),
    ):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_a_torque_gives_the_gradient_of_a_rotated_vector() -> None:
    vectors, along = draw(3, 3).requires_grad_(), draw(3, 3, seed=1)
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    (expected,) = torch.autograd.grad((unit * along).sum(), vectors)
    found = torque_to_gradient(torch.linalg.cross(unit.detach(), along), vectors.detach())
    torch.testing.assert_close(found, expected)
    assert (torque_to_gradient(along, torch.zeros_like(along)) == 0).all()


def test_the_operators_pass_torchs_own_examination() -> None:
    flat, grad, omega = (draw(2, size, seed=size).requires_grad_() for size in (10, 10, 3))
    torch.library.opcheck(torch.ops.intertwine.torque.default, (grad, flat, 1))
    torch.library.opcheck(torch.ops.intertwine.infinitesimal_rotation.default, (omega, flat, 1))
    torch.library.opcheck(torch.ops.intertwine.apply_generator.default, (flat, [1, 2, 0, 4], 2))
