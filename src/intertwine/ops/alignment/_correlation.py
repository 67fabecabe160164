"""Correlation of steerable features over the rotations, and its maximum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine._errors import UsageError
from intertwine.groups import SO3
from intertwine.reps import wigner_matrices

_DIRECTIONS, _ANGLES = 150, 16
_STARTS = 8
_STEPS = 12


def rotation_correlation(forms: Sequence[Tensor], rotations: Tensor) -> Tensor:
    r"""The correlation of two functions on the sphere, one of them turned.

    .. math:: s(R) = \sum_l \operatorname{tr} \bigl( D^l(R)^T M_l \bigr), \qquad
        M_l = \sum_c f_{2,c}^l (f_{1,c}^l)^T

    Args:
        forms: M_0, M_1, ...: ``(..., 2 l + 1, 2 l + 1)`` for each degree.
        rotations: ``(..., 3, 3)``, leading axes that broadcast.

    Returns:
        ``(...)``.

    Law: with the first features turned by g and the second by h, s'(h R g^-1) = s(R).
    """
    matrices = wigner_matrices(len(forms) - 1, rotations)
    return torch.stack([(d * m).sum((-2, -1)) for d, m in zip(matrices, forms, strict=True)]).sum(0)


def maximal_rotation(forms: Sequence[Tensor]) -> Tensor:
    r"""The rotation at which the correlation is largest.

    The best of a grid of rotations are refined by Newton's method on the Lie algebra; the derivative is that of the
    maximum itself, by one last step. Of degree 1 alone the result is that of :func:`nearest_rotation`. The grid has the
    rotations :math:`g R_y(\gamma)`, with 16 angles or more about the polar axis y and 150 rotations g that spread y
    over the sphere. With :math:`N^l = D^l(g)^T M_l`,

    .. math:: s(g R_y(\gamma)) = \sum_m a_m \cos m \gamma + b_m \sin m \gamma, \quad
        a_m = \sum_l N^l_{m,m} + N^l_{-m,-m}, \; b_m = \sum_l N^l_{-m,m} - N^l_{m,-m}

    (:math:`a_0 = \sum_l N^l_{00}`), so that all angles are one Fourier transform. No rotation is farther than 15.6
    degrees from the grid.

    Args:
        forms: M_0, M_1, ...: ``(..., 2 l + 1, 2 l + 1)`` for each degree.

    Returns:
        ``(..., 3, 3)``.

    Raises:
        UsageError: If there is no degree above 0, or the shapes do not fit.

    Law: with M_l turned to D^l(h) M_l D^l(g)^T the rotation becomes h R g^T: the grid is not equivariant, its refined
    maximum is.

    Cost: of the grid two products for each direction and entry of the forms; then the Newton steps, which cost more.

    Example:
        >>> turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
        >>> torch.allclose(maximal_rotation([torch.zeros(1, 1, dtype=torch.float64), turn]), turn)
        True
    """
    if len(forms) < 2 or any(m.shape[-2:] != (2 * k + 1, 2 * k + 1) for k, m in enumerate(forms)):
        shapes = ", ".join(str(tuple(m.shape)) for m in forms)
        raise UsageError(f"maximal_rotation expects forms (..., 2 l + 1, 2 l + 1) for l = 0, 1, ..; got {shapes}")
    fixed = [m.detach() for m in forms]
    with torch.no_grad():
        angles = max(_ANGLES, 2 * len(forms))
        best = _grid_scores(fixed, angles).topk(_STARTS, dim=-1).indices
        rotations = _grid(angles).to(fixed[0])[best]
        spread = [m[..., None, :, :] for m in fixed]
        for _ in range(_STEPS):
            rotations = _newton_step(spread, rotations)
        best = rotation_correlation(spread, rotations).argmax(-1)
        start = torch.take_along_dim(rotations, best[..., None, None, None], -3).squeeze(-3)
    return _newton_step(forms, start)


def _grid_scores(forms: Sequence[Tensor], angles: int) -> Tensor:
    """The correlations ``(..., rotations)`` on the grid, by a Fourier transform in the angle about the polar axis."""
    size = len(forms)
    even = forms[0].new_zeros(*forms[0].shape[:-2], _DIRECTIONS, size)
    odd = torch.zeros_like(even)
    for degree, form in enumerate(forms):
        columns = _frame_matrices(degree).to(form)
        same = torch.einsum("qim,...im->...qm", columns, form)
        opposite = torch.einsum("qim,...im->...qm", columns.flip(-1), form)
        even[..., : degree + 1] += same[..., degree:]
        even[..., 1 : degree + 1] += same[..., :degree].flip(-1)
        odd[..., 1 : degree + 1] += opposite[..., degree + 1 :] - opposite[..., :degree].flip(-1)
    even[..., 0] *= 2
    scores: Tensor = torch.fft.irfft(torch.complex(even, -odd), n=angles, norm="forward").flatten(-2) / 2
    return scores


@cached_constant
def _frames() -> Tensor:
    """``(directions, 3, 3)``: rotations that take y to the points of a spiral on the sphere (Fibonacci)."""
    k = torch.arange(_DIRECTIONS, dtype=torch.float64)
    polar, azimuth = torch.acos(1 - (2 * k + 1) / _DIRECTIONS), math.pi * (3 - math.sqrt(5)) * k
    generators = SO3().lie_algebra
    tilt = torch.linalg.matrix_exp(polar[:, None, None] * generators[0])
    turn = torch.linalg.matrix_exp(azimuth[:, None, None] * generators[1])
    frames: Tensor = turn @ tilt
    return frames


@cached_constant
def _grid(angles: int) -> Tensor:
    """``(rotations, 3, 3)``: each frame after each turn about y."""
    steps = 2 * math.pi / angles * torch.arange(angles, dtype=torch.float64)
    turns = torch.linalg.matrix_exp(steps[:, None, None] * SO3().lie_algebra[1])
    rotations: Tensor = (_frames()[:, None] @ turns).flatten(0, 1)
    return rotations


@cached_constant
def _frame_matrices(degree: int) -> Tensor:
    """``(directions, 2 l + 1, 2 l + 1)``: the Wigner matrices of the frames."""
    return wigner_matrices(degree, _frames())[degree]


def _newton_step(forms: Sequence[Tensor], rotations: Tensor) -> Tensor:
    """exp(w) R with the step w of Newton's method for a maximum, at most half a radian long."""
    gradient, hessian = _derivatives(forms, rotations)
    values, vectors = torch.linalg.eigh(hessian.detach())
    size = values.abs().amax(-1, keepdim=True)
    curved = values.abs() > 1e-9 * size
    inverse = torch.where(curved, -1 / torch.where(curved, values.abs(), 1.0), 0.0)
    step = -(vectors * inverse[..., None, :]) @ (vectors.mT @ gradient[..., None])
    length = torch.linalg.vector_norm(step.detach(), dim=-2, keepdim=True)
    step = step * (0.5 / length.clamp_min(0.5))
    basis = SO3().lie_algebra.to(rotations)
    turned: Tensor = torch.linalg.matrix_exp((step.squeeze(-1)[..., None, None] * basis).sum(-3)) @ rotations
    return turned


def _derivatives(forms: Sequence[Tensor], rotations: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient ``(..., 3)`` and the Hessian ``(..., 3, 3)`` of w -> s(exp(w) R) at 0."""
    gradient: list[Tensor] = []
    hessian: list[Tensor] = []
    for degree, (d, m) in enumerate(zip(wigner_matrices(len(forms) - 1, rotations), forms, strict=True)):
        if degree:
            inner = d @ m.mT
            gradient.append(torch.einsum("aij,...ji->...a", _generators(degree).to(d), inner))
            hessian.append(torch.einsum("abij,...ji->...ab", _generator_products(degree).to(d), inner))
    return torch.stack(gradient).sum(0), torch.stack(hessian).sum(0)


@cached_constant
def _generators(degree: int) -> Tensor:
    """``(3, 2 l + 1, 2 l + 1)`` the generators of rotations about the axes."""
    return SO3().irrep(degree).algebra(SO3().lie_algebra)


@cached_constant
def _generator_products(degree: int) -> Tensor:
    """``(3, 3, 2 l + 1, 2 l + 1)`` their symmetrized products."""
    products = torch.einsum("aij,bjk->abik", _generators(degree), _generators(degree))
    return (products + products.transpose(0, 1)) / 2
