"""Band-limited periodic patterns: Fourier series on a lattice, symmetrized exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, pi

import torch
from torch import Tensor

from intertwine.patterns._lattices import lattice_cell
from intertwine.patterns.crystal import WALLPAPERS, CrystalGroup, wallpaper


@dataclass(frozen=True, eq=False)
class Pattern:
    """Real Fourier series ``f(x) = sum_k c_k exp(2 pi i k . x)`` in fractional coordinates.

    Args:
        waves: Integer wave vectors k, ``(M, 2)``, int64, closed under k -> -k.
        coefficients: Fourier coefficients c_k of C channels, ``(C, M)``, complex128; ``c_-k`` is conjugate to ``c_k``.
    """

    waves: Tensor
    coefficients: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        """The values ``(..., C)`` at points ``(..., 2)`` in fractional coordinates, float64."""
        phases = 2 * pi * points.to(torch.float64) @ self.waves.to(torch.float64).T
        return torch.polar(torch.ones_like(phases), phases).matmul(self.coefficients.T).real

    def sample(self, size: tuple[int, int], cell: Tensor, origin: Sequence[float] = (0.0, 0.0)) -> Tensor:
        """The values on a grid of pixels, whose centers have integer coordinates.

        Plane waves are separable, so this costs one matrix product.

        Args:
            size: Height and width.
            cell: ``(2, 2)``, columns are the lattice vectors in pixels, x to the right and y down.
            origin: Position of the origin of the cell, x and y in pixels.

        Returns:
            ``(C, height, width)``, float64.
        """
        frequencies = self.waves.to(torch.float64) @ torch.linalg.inv(cell.to(torch.float64))
        across, down = (
            torch.polar(torch.ones_like(phase), phase)
            for phase in (
                2 * pi * frequencies[:, axis, None] * (torch.arange(size[1 - axis], dtype=torch.float64) - origin[axis])
                for axis in (0, 1)
            )
        )
        return ((self.coefficients[:, None, :] * down.T) @ across).real

    def symmetrized(self, group: CrystalGroup) -> Pattern:
        """The mean of f(g x) over a group: the orthogonal projection onto its invariants.

        ``f(W x + w)`` has the coefficient ``c_k exp(2 pi i k . w)`` at the wave ``W^T k``.

        Args:
            group: A wallpaper group.

        Raises:
            ValueError: If the waves are not closed under the group.
        """
        total = torch.zeros_like(self.coefficients)
        for operation in group.elements:
            target, phase = transformed_waves(self.waves, torch.tensor(operation.linear), operation.matrix[:-1, -1])
            total[:, target] += self.coefficients * phase
        return Pattern(self.waves, total / group.order)


def transformed_waves(waves: Tensor, linear: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
    """The action of ``f -> f(W x + w)`` on plane waves: the index of ``W^T k`` and the phase ``exp(2 pi i k . w)``.

    Args:
        waves: ``(M, 2)``, int64.
        linear: W, ``(2, 2)``, int64.
        translation: w, ``(2,)``.

    Returns:
        ``(M,)`` int64 indices into ``waves`` and ``(M,)`` complex128 phases.

    Raises:
        ValueError: If some ``W^T k`` is not among the waves.
    """
    reach = int(waves.abs().max()) * 2 + 1 if len(waves) else 1
    table = torch.full((2 * reach + 1, 2 * reach + 1), -1, dtype=torch.int64)
    table[waves[:, 0] + reach, waves[:, 1] + reach] = torch.arange(len(waves))
    images = waves @ linear.to(torch.int64)
    index = table[images[:, 0] + reach, images[:, 1] + reach]
    if bool((index < 0).any()):
        raise ValueError("the waves are not closed under this operation: take all up to a length that it preserves")
    phase = 2 * pi * (waves.to(torch.float64) @ translation.to(torch.float64))
    return index, torch.polar(torch.ones_like(phase), phase)


def waves_within(cell: Tensor, radius: float) -> Tensor:
    """All integer wave vectors k up to a length, ``(M, 2)``, int64, sorted by length.

    Args:
        cell: ``(2, 2)``, columns are the lattice vectors.
        radius: Largest length, in cycles per unit of length.
    """
    back = torch.linalg.inv(cell.to(torch.float64))
    # |k_i| = |G . a_i| <= |G| |a_i|
    reach = [ceil(radius * float(cell[:, axis].norm())) for axis in (0, 1)]
    grid = torch.cartesian_prod(*(torch.arange(-count, count + 1) for count in reach))
    lengths = (grid.to(torch.float64) @ back).norm(dim=-1)
    inside = lengths <= radius * (1 + 1e-9)
    order = lengths[inside].argsort(stable=True)
    return grid[inside][order]


def random_pattern(
    name: str,
    *,
    channels: int = 3,
    detail: float = 2.0,
    cell: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Pattern:
    """A random smooth pattern whose symmetry is, in general, exactly a given wallpaper group.

    Gaussian coefficients, damped by ``exp(-|k|^2 / 2 detail^2)``, are averaged over the group. Each channel has mean 0
    and variance 1.

    Args:
        name: A wallpaper group, such as "p4g".
        channels: Number of channels.
        detail: Typical length of a wave vector, in waves across a cell of unit area.
        cell: Cell ``(2, 2)`` at any scale, which should have the symmetry of the group; by default a typical one of its
            lattice.
        generator: For reproducible draws.

    Raises:
        UsageError: If no group has that name.
    """
    group = wallpaper(name)
    if cell is None:
        cell = lattice_cell(WALLPAPERS[group.name].lattice)
    unit = cell / torch.linalg.det(cell).abs().sqrt()
    waves = waves_within(unit, 3 * detail)
    lengths = (waves.to(torch.float64) @ torch.linalg.inv(unit)).norm(dim=-1)
    damping = torch.exp(-0.5 * (lengths / detail) ** 2)
    noise = torch.randn(channels, len(waves), 2, dtype=torch.float64, generator=generator)
    raw = torch.view_as_complex(noise) * damping
    raw[:, lengths == 0] = 0
    mirrored, _ = transformed_waves(waves, -torch.eye(2, dtype=torch.int64), torch.zeros(2))
    pattern = Pattern(waves, (raw + raw[:, mirrored].conj()) / 2).symmetrized(group)
    return Pattern(waves, pattern.coefficients / pattern.coefficients.abs().square().sum(-1, keepdim=True).sqrt())
