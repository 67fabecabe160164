"""Lorentz groups SO+(1,3) and O(1,3); not compact, their samples are of moderate size and not Haar."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups._classical import preserves_form
from intertwine.groups._describe import describe_orthogonal_3d
from intertwine.groups._group import Group
from intertwine.groups._orthogonal import SO3


@dataclass(frozen=True, repr=False)
class Lorentz(Group):
    """SO+(1,3): Lorentz transformations of (t, x, y, z) that keep the arrow of time and the handedness of space.

    They keep the form t^2 - x^2 - y^2 - z^2, in units with c = 1. The basis of the Lie algebra: boosts along x, y, z,
    then rotations about x, y, z. Draws: a Haar rotation, then a boost of normal rapidity, deviation 1/2 an axis.

    Example:
        >>> g = Lorentz().sample(5)
        >>> bool(Lorentz().contains(g).all())
        True
    """

    @property
    def name(self) -> str:
        """SO+(1,3)."""
        return "SO+(1,3)"

    @property
    def dimension(self) -> int:
        """4."""
        return 4

    @property
    def metric(self) -> Tensor:
        """diag(1, -1, -1, -1)."""
        return torch.diag(torch.tensor([1, -1, -1, -1], dtype=torch.float64))

    @property
    def lie_algebra(self) -> Tensor:
        """Boosts along x, y and z, then rotations about x, y and z: ``(6, 4, 4)``."""
        return _boosts_and_rotations()

    def inverse(self, g: Tensor) -> Tensor:
        """The matrices eta g^T eta, exact: ``(..., 4, 4)``."""
        metric = self.metric.to(g)
        return metric @ g.mT @ metric

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        rotation = torch.eye(4, dtype=torch.float64).repeat(count, 1, 1)
        rotation[:, 1:, 1:] = SO3().sample(count, generator=generator)
        rapidity = 0.5 * torch.randn(count, 3, generator=generator, dtype=torch.float64)
        boost = torch.einsum("sd,dij->sij", rapidity, _boosts_and_rotations()[:3])
        return self.exp(boost) @ rotation

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., 4, 4)`` keeps the metric, the arrow of time and handedness: ``(...)``, bool."""
        self.check_shape(g)
        proper: Tensor = (torch.linalg.det(g.to(torch.float64)) > 0) & (g[..., 0, 0] > 0)
        return preserves_form(self.metric, g, tolerance) & proper

    def _log(self, g: Tensor) -> Tensor:
        if not bool(Lorentz.contains(self, g.detach(), 1e-3).all()):
            raise ValueError("a reversal of time or of space has no logarithm: it is not connected with the identity")
        return spinor_logarithm(g)

    def describe(self, g: Tensor) -> str:
        """One element ``(4, 4)`` in words: the speed of its boost and the angle of its rotation."""
        self.check_shape(g)
        g = g.detach().to("cpu", torch.float64)
        sign = 1.0 if g[0, 0] > 0 else -1.0
        velocity = g[1:, 0] / g[0, 0]
        speed = float(velocity.norm())
        boost = torch.linalg.matrix_exp(torch.einsum("d,dij->ij", _rapidity(velocity), _boosts_and_rotations()[:3]))
        turn = describe_orthogonal_3d((torch.linalg.inv(boost) @ (sign * g))[1:, 1:] * sign)
        words = [f"boost to {speed:.3f} c"] if speed > 1e-6 else []
        words += [turn] if turn != "identity" else []
        return " x ".join((["time reversal"] if sign < 0 else []) + words) or "identity"


@dataclass(frozen=True, repr=False)
class FullLorentz(Lorentz):
    """O(1,3): all linear maps of space-time that keep the metric, with the reversals of time and of space.

    Draws: as SO+(1,3), then each reversal with probability 1/2.
    """

    @property
    def name(self) -> str:
        """O(1,3)."""
        return "O(1,3)"

    @property
    def discrete_generators(self) -> Tensor:
        """The reversal of space, then the reversal of time, ``(2, 4, 4)``."""
        return torch.stack([self.metric, -self.metric])

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        proper = super()._sample(count, generator)
        signs = 1.0 - 2 * torch.randint(2, (2, count, 1, 1), generator=generator).to(torch.float64)
        return signs[0] * torch.where(signs[1] > 0, proper, proper @ self.metric)

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., 4, 4)`` keeps the metric: ``(...)``, bool."""
        self.check_shape(g)
        return preserves_form(self.metric, g, tolerance)


def _rapidity(velocity: Tensor) -> Tensor:
    speed = velocity.norm().clamp(1e-12, 1 - 1e-12)
    factor: Tensor = torch.atanh(speed) / speed
    return factor * velocity


@cached_constant
def _boosts_and_rotations() -> Tensor:
    basis = torch.zeros(6, 4, 4, dtype=torch.float64)
    for i in range(3):
        basis[i, 0, 1 + i] = basis[i, 1 + i, 0] = 1
    basis[3:, 1:, 1:] = SO3().lie_algebra
    return basis


@cached_constant
def _pauli() -> Tensor:
    """1, sigma_x, sigma_y, sigma_z: ``(4, 2, 2)``, complex128."""
    return torch.tensor(
        [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=torch.complex128
    )


def spinor_logarithm(g: Tensor) -> Tensor:
    """The logarithm ``(..., 4, 4)`` of elements of SO+(1,3), by way of SL(2, C); accurate at half turns too.

    A acts on x^m sigma_m by A x A^+. The matrix A_ab conj(A_cd) is linear in g, its longest column is A up to a
    factor, and A = cosh(z) + V with V^2 = sinh(z)^2 has the logarithm z V / sinh(z).
    """
    pauli = _pauli().to(g.device)
    outer = (
        torch.einsum("...mn,mac,nbd->...abcd", g.to(torch.complex128), pauli, pauli.conj()).flatten(-4, -3).flatten(-2)
    )
    longest = outer.diagonal(dim1=-2, dim2=-1).real.argmax(-1)
    spinor = torch.take_along_dim(outer, longest[..., None, None], dim=-1).reshape(*g.shape[:-2], 2, 2)
    spinor = spinor / torch.linalg.det(spinor).sqrt()[..., None, None]
    half_trace = spinor.diagonal(dim1=-2, dim2=-1).sum(-1) / 2
    sign = torch.where(half_trace.real < 0, -1.0, 1.0)
    cosh, spinor = half_trace * sign, spinor * sign[..., None, None]
    rest = spinor - cosh[..., None, None] * pauli[0]
    square = (rest @ rest).diagonal(dim1=-2, dim2=-1).sum(-1) / 2
    small = square.abs() < 1e-4
    sinh = torch.where(small, torch.ones_like(square), square).sqrt()
    series = 1 - square / 6 + 3 * square**2 / 40 - 5 * square**3 / 112
    factor = torch.where(small, series, (torch.where(small, torch.ones_like(cosh), cosh) + sinh).log() / sinh)
    a = rest * factor[..., None, None]
    moved = torch.einsum("...ab,nbc->...nac", a, pauli)
    found = torch.einsum("mca,...nac->...mn", pauli, moved + moved.mH) / 2
    return found.real.to(g.dtype)
