"""Irreps of SO(2), O(2), C_n and D_n: frequencies, as polynomials in the entries of g, hence no angles.

The first column of g is (cos t, sin t) = z. A rotation acts at frequency m by z^m, a reflection besides by diag(1, -1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from intertwine.groups import O2, SO2, Cyclic, Dihedral, Group, Irrep, Kind, Rep
from intertwine.reps._composite import direct_sum
from intertwine.reps.irreps._irrep_table import IrrepTable, irrep_table


def _power(g: Tensor, frequency: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of z^m by repeated squaring; z is the first column of g."""
    real, imaginary = torch.ones_like(g[..., 0, 0]), torch.zeros_like(g[..., 0, 0])
    x, y = g[..., 0, 0], g[..., 1, 0]
    while frequency:
        if frequency & 1:
            real, imaginary = real * x - imaginary * y, real * y + imaginary * x
        x, y = x * x - y * y, 2 * x * y
        frequency >>= 1
    return real, imaginary


def _determinant(g: Tensor) -> Tensor:
    g = g.detach()
    return (g[..., 0, 0] * g[..., 1, 1] - g[..., 0, 1] * g[..., 1, 0]).sign()


@dataclass(frozen=True, repr=False)
class PlanarIrrep(Irrep):
    """The irrep of a frequency m of SO(2), O(2), C_n or D_n.

    Two-dimensional when rotations turn it, 0 < m and 2 m != n; there a rotation by t acts as the rotation by m t, and
    the reflection y -> -y as diag(1, -1). Otherwise one-dimensional, rho(g) = Re z^m, times det(g) when ``odd``.

    Args:
        group: SO2(), O2(), Cyclic(n) or Dihedral(n).
        frequency: m.
        odd: Whether a one-dimensional irrep changes sign under the reflection y -> -y.
    """

    frequency: int
    odd: bool = False

    @property
    def _reflects(self) -> bool:
        return isinstance(self.group, O2 | Dihedral)

    @property
    def dim(self) -> int:
        """1 or 2."""
        return 1 if self.frequency == 0 or 2 * self.frequency == getattr(self.group, "n", None) else 2

    @property
    def label(self) -> str:
        """The frequency; for O(2) "0+" and "0-"; for D_n "A1", "A2", "B1", "B2" and "E" with the frequency."""
        if isinstance(self.group, Dihedral):
            if self.dim == 2:
                return f"E{self.frequency}"
            return f"{'B' if self.frequency else 'A'}{1 + self.odd}"
        if isinstance(self.group, O2) and self.frequency == 0:
            return "0-" if self.odd else "0+"
        return str(self.frequency)

    @property
    def key(self) -> tuple[int, ...]:
        """By dimension for D_n, whose A and B come first; else by frequency."""
        return (self.dim if isinstance(self.group, Dihedral) else 0, self.frequency, self.odd)

    @property
    def kind(self) -> Kind:
        """Complex where rotations alone act on a plane: they commute with the quarter turn."""
        return "complex" if self.dim == 2 and not self._reflects else "real"

    @property
    def endomorphisms(self) -> Tensor:
        """The identity, and the quarter turn where the kind is complex: ``(e, dim, dim)``."""
        if self.kind == "real":
            return super().endomorphisms
        return torch.tensor([[[1, 0], [0, 1]], [[0, -1], [1, 0]]], dtype=torch.float64)

    @property
    def generators(self) -> Tensor:
        """The quarter turn times m for SO(2) and O(2), ``(1, dim, dim)``; none for C_n and D_n."""
        algebra = self.group.lie_algebra
        return self.frequency * algebra if self.dim == 2 else algebra.new_zeros(len(algebra), 1, 1)

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices, ``(..., dim, dim)``, of the dtype and device of g."""
        self.group.check_shape(g)
        if self.dim == 2 and self.frequency == 1:
            return g
        real, imaginary = _power(g, self.frequency)
        if self.dim == 1:
            return (real * _determinant(g) if self.odd else real)[..., None, None]
        flip = _determinant(g) if self._reflects else 1
        entries = torch.stack([real, -imaginary * flip, imaginary, real * flip], dim=-1)
        return entries.reshape(*g.shape[:-2], 2, 2)


def highest_frequency(rep: Rep) -> int:
    """The highest weight of a rep of a group of rotations: the spectral radius of d rho along the first generator."""
    if rep.dim == 0:
        return 0
    derivative = rep.algebra(rep.group.lie_algebra[0])
    return round(float(torch.linalg.matrix_norm(derivative, 2)))


class PlanarIrrepTable(IrrepTable):
    """Frequencies 0, 1, 2 ..; up to n / 2 for C_n."""

    pattern = r"\d+"
    example = "8x0 + 4x1"

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self._n: int | None = getattr(group, "n", None)

    @property
    def trivial(self) -> Irrep:
        """Frequency 0."""
        return PlanarIrrep(self.group, 0)

    @property
    def vector(self) -> Rep:
        """Frequency 1; where n is 1 or 2, which leaves the axes alone, two one-dimensional irreps."""
        if self._n is None or self._n > 2:
            return PlanarIrrep(self.group, 1)
        first = PlanarIrrep(self.group, self._n - 1)
        second = PlanarIrrep(self.group, self._n - 1, odd=first._reflects)
        return direct_sum(self.group, [(1, first), (1, second)])

    def read(self, *label: object) -> Irrep | None:
        """``2`` or "2"."""
        if len(label) != 1 or not str(label[0]).isdecimal():
            return None
        frequency = int(str(label[0]))
        return PlanarIrrep(self.group, frequency) if self._n is None or 2 * frequency <= self._n else None

    def describe_labels(self) -> str:
        """The frequencies."""
        return "frequencies 0, 1, 2 .." if self._n is None else f"frequencies 0 .. {self._n // 2}"

    def _of_frequency(self, frequency: int) -> list[Irrep]:
        return [PlanarIrrep(self.group, frequency)]

    def __iter__(self) -> Iterator[Irrep]:
        for frequency in count() if self._n is None else range(self._n // 2 + 1):
            yield from self._of_frequency(frequency)

    def candidates(self, rep: Rep) -> Iterator[Irrep]:
        """All frequencies of a finite group; else those up to the highest weight."""
        if self._n is not None:
            yield from self
            return
        for frequency in range(highest_frequency(rep) + 1):
            yield from self._of_frequency(frequency)


class O2IrrepTable(PlanarIrrepTable):
    """0+ (trivial), 0- (determinant), 1, 2 .. of O(2)."""

    pattern = r"0[+-]|0*[1-9]\d*"
    example = "8x0+ + 4x1"

    def read(self, *label: object) -> Irrep | None:
        """``2``, "2", "0+" or "0-"."""
        if label in (("0+",), ("0-",)):
            return PlanarIrrep(self.group, 0, odd=label == ("0-",))
        found = super().read(*label)
        return found if found is not None and found.key > (0, 0, 0) else None

    def describe_labels(self) -> str:
        """The labels."""
        return '"0+" (trivial), "0-" (determinant) and frequencies 1, 2 ..'

    def _of_frequency(self, frequency: int) -> list[Irrep]:
        if frequency == 0:
            return [PlanarIrrep(self.group, 0), PlanarIrrep(self.group, 0, odd=True)]
        return super()._of_frequency(frequency)


class DihedralIrrepTable(PlanarIrrepTable):
    """A1, A2, for even n also B1, B2, then E1, E2 .. of D_n."""

    pattern = r"[AB][12]|E\d*"

    def __init__(self, group: Dihedral) -> None:
        super().__init__(group)
        self.example = "8xA1 + 4xE1" if group.n > 2 else "8xA1 + 4xA2"

    def read(self, *label: object) -> Irrep | None:
        """One of "A1", "A2", "B1", "B2", "E1" ..; "E" where there is only one; m for "Em"."""
        found = {irrep.label: irrep for irrep in self}
        planes = [irrep for irrep in found.values() if irrep.dim == 2]
        if label == ("E",) and len(planes) == 1:
            return planes[0]
        return found.get(str(label[0]) if isinstance(label[0], str) else f"E{label[0]}") if len(label) == 1 else None

    def describe_labels(self) -> str:
        """The labels."""
        return ", ".join(irrep.label for irrep in self)

    def __iter__(self) -> Iterator[Irrep]:
        assert self._n is not None, "a dihedral group has its n"
        for frequency in (0, self._n // 2) if self._n % 2 == 0 else (0,):
            yield PlanarIrrep(self.group, frequency)
            yield PlanarIrrep(self.group, frequency, odd=True)
        for frequency in range(1, (self._n + 1) // 2):
            yield PlanarIrrep(self.group, frequency)


irrep_table.register(SO2, PlanarIrrepTable)
irrep_table.register(Cyclic, PlanarIrrepTable)
irrep_table.register(O2, O2IrrepTable)
irrep_table.register(Dihedral, DihedralIrrepTable)
