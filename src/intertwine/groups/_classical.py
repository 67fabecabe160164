"""Classical groups other than the orthogonal ones: SU(2), SL(n), Sp(2n), scalings.

All but SU(2) are not compact: their draws are of moderate size, as each class states, and not Haar.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._bounds import check_entries
from intertwine.groups._group import Group
from intertwine.groups._logarithm import half_angle_vector, unit_quaternion
from intertwine.groups._orthogonal import SO, SO3


@dataclass(frozen=True, repr=False)
class SU2(Group):
    """SU(2): the unit quaternions q, acting on the quaternions (w, x, y, z) from the left; 4 x 4 real matrices.

    The double cover of SO(3): ``DoubleCover()`` sends q to the rotation v -> q v q^-1. The basis of the Lie algebra is
    i/2, j/2, k/2, so that exp of the coordinates (0, 0, t) covers the rotation by t about z.

    Example:
        >>> len(SU2().lie_algebra), bool(SU2().contains(-SU2().identity))
        (3, True)
    """

    @property
    def name(self) -> str:
        """SU(2)."""
        return "SU(2)"

    @property
    def dimension(self) -> int:
        """4."""
        return 4

    @property
    def orthogonal(self) -> bool:
        """True."""
        return True

    @property
    def lie_algebra(self) -> Tensor:
        """Left multiplication by i/2, j/2 and k/2, ``(3, 4, 4)``."""
        return left_multiplication(torch.eye(4, dtype=torch.float64)[1:]) / 2

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        quaternions = torch.randn(count, 4, generator=generator, dtype=torch.float64)
        return left_multiplication(torch.nn.functional.normalize(quaternions, dim=-1))

    def _log(self, g: Tensor) -> Tensor:
        return self.hat(2 * half_angle_vector(g[..., 0]))

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., 4, 4)`` is a left multiplication of length one: ``(...)``, bool."""
        self.check_shape(g)
        q = g[..., 0].to(torch.float64)
        unit = (q.square().sum(-1) - 1).abs() <= tolerance
        return unit & ((left_multiplication(q) - g).abs() <= tolerance).flatten(-2).all(-1)

    def describe(self, g: Tensor) -> str:
        """One element ``(4, 4)`` as its quaternion."""
        self.check_shape(g)
        return "quaternion ({})".format(", ".join(f"{x:.2f}" for x in g[:, 0].tolist()))

    def lift(self, rotation: Tensor) -> Tensor:
        """One of the two elements ``(..., 4, 4)`` that cover rotations ``(..., 3, 3)``: the one with w >= 0."""
        SO3().check_shape(rotation)
        return left_multiplication(unit_quaternion(rotation))


def left_multiplication(q: Tensor) -> Tensor:
    """The matrices ``(..., 4, 4)`` of p -> q p for quaternions ``(..., 4)``, w x y z."""
    w, x, y, z = q.unbind(-1)
    rows = [[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def right_multiplication(q: Tensor) -> Tensor:
    """The matrices ``(..., 4, 4)`` of p -> p q for quaternions ``(..., 4)``, w x y z."""
    w, x, y, z = q.unbind(-1)
    rows = [[w, -x, -y, -z], [x, w, z, -y], [y, -z, w, x], [z, y, -x, w]]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


@dataclass(frozen=True, repr=False)
class _Sized(Group):
    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < self._least() or self.n % self._least():
            kind = "whole" if self._least() == 1 else "even"
            raise ValueError(f"{type(self).__name__}(n) takes a {kind} number n >= {self._least()}, got {self.n!r}")
        check_entries(self.n**2, f"the matrices of {self.name}")

    def _least(self) -> int:
        return 1

    @property
    def dimension(self) -> int:
        """The size n of the matrices."""
        return self.n

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n})"


@dataclass(frozen=True, repr=False)
class SL(_Sized):
    """SL(n): real n x n matrices of determinant one, the linear maps that keep volumes.

    Draws: a Haar rotation times the exponential of a normal symmetric matrix of deviation 1/2 and trace zero.

    Example:
        >>> SL(2).lie_algebra.shape
        torch.Size([3, 2, 2])
    """

    @property
    def name(self) -> str:
        """SL(n)."""
        return f"SL({self.n})"

    @property
    def lie_algebra(self) -> Tensor:
        """The matrices of trace zero: E_ij for i != j, row by row, then E_ii - E_nn."""
        n = self.n
        check_entries(n**4, f"the generators of {self.name}")
        units = torch.eye(n * n, dtype=torch.float64).reshape(n, n, n, n)
        off = [units[i, j] for i in range(n) for j in range(n) if i != j]
        return torch.stack([*off, *(units[i, i] - units[-1, -1] for i in range(n - 1))]) if n > 1 else units[0, :0]

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        if self.n == 1:
            return self.identity.repeat(count, 1, 1)
        normal = 0.5 * torch.randn(count, self.n, self.n, generator=generator, dtype=torch.float64)
        symmetric = (normal + normal.mT) / 2
        trace = symmetric.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
        stretch: Tensor = torch.linalg.matrix_exp(symmetric - trace * self.identity)
        return SO(self.n).sample(count, generator=generator) @ stretch

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether the determinant of each matrix ``(..., n, n)`` is one: ``(...)``, bool."""
        self.check_shape(g)
        determinant: Tensor = torch.linalg.det(g.to(torch.float64))
        return (determinant - 1).abs() <= tolerance


@dataclass(frozen=True, repr=False)
class Sp(_Sized):
    """Sp(n), n even: the real symplectic n x n matrices, g^T J g = J with J = [[0, 1], [-1, 0]]: phase spaces.

    Coordinates are all positions, then all momenta. Draws: two exponentials of normal algebra elements, deviation 1/2.

    Args:
        n: The size of the matrices, twice the number of degrees of freedom.

    Example:
        >>> len(Sp(4).lie_algebra)
        10
    """

    def _least(self) -> int:
        return 2

    @property
    def name(self) -> str:
        """Sp(n)."""
        return f"Sp({self.n})"

    @property
    def form(self) -> Tensor:
        """J, ``(n, n)``."""
        half = torch.eye(self.n // 2, dtype=torch.float64)
        zero = torch.zeros_like(half)
        return torch.cat([torch.cat([zero, half], 1), torch.cat([-half, zero], 1)])

    @property
    def lie_algebra(self) -> Tensor:
        """J S for the symmetric S = E_ij + E_ji (E_ii), i <= j, row by row: ``(n (n + 1) / 2, n, n)``."""
        check_entries(self.n**4, f"the generators of {self.name}")
        units = torch.eye(self.n**2, dtype=torch.float64).reshape(self.n, self.n, self.n, self.n)
        pairs = [(i, j) for i in range(self.n) for j in range(i, self.n)]
        symmetric = [units[i, j] if i == j else units[i, j] + units[j, i] for i, j in pairs]
        return self.form @ torch.stack(symmetric)

    def inverse(self, g: Tensor) -> Tensor:
        """J^T g^T J, exact: ``(..., n, n)``."""
        form = self.form.to(g)
        return form.T @ g.mT @ form

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        coordinates = 0.5 * torch.randn(2, count, len(self.lie_algebra), generator=generator, dtype=torch.float64)
        pairs = self.exp(self.hat(coordinates))
        return pairs[0] @ pairs[1]

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` keeps the form J: ``(...)``, bool."""
        self.check_shape(g)
        return preserves_form(self.form, g, tolerance)


@dataclass(frozen=True, repr=False)
class Scaling(_Sized):
    """The positive multiples of the identity of R^n: changes of unit, of zoom, of exposure.

    Draws: exp of a normal number of deviation 1/2.

    Example:
        >>> bool(Scaling(2).contains(3 * torch.eye(2)))
        True
    """

    @property
    def name(self) -> str:
        """Scaling(n)."""
        return f"Scaling({self.n})"

    @property
    def lie_algebra(self) -> Tensor:
        """The identity, ``(1, n, n)``."""
        return self.identity[None]

    def _log(self, g: Tensor) -> Tensor:
        if not bool(self.contains(g).all()):
            raise ValueError(f"only positive multiples of the identity have a logarithm in {self.name}")
        return self.hat(g.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True).log())

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        return (0.5 * torch.randn(count, 1, 1, generator=generator, dtype=torch.float64)).exp() * self.identity

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` is a positive multiple of the identity: ``(...)``, bool."""
        self.check_shape(g)
        factor = g[..., :1, :1].to(torch.float64)
        same = ((g - factor * self.identity.to(g.device)).abs() <= tolerance * factor.abs()).flatten(-2).all(-1)
        return same & (factor[..., 0, 0] > 0)


def preserves_form(form: Tensor, g: Tensor, tolerance: float) -> Tensor:
    """Whether g^T form g = form, up to the tolerance and the size of g."""
    g = g.to(torch.float64)
    form = form.to(g.device)
    size = g.flatten(-2).abs().amax(-1).clamp_min(1).square()
    return (g.mT @ form @ g - form).flatten(-2).abs().amax(-1) <= tolerance * size
