"""Composition baseline: the least-squares fit on counts of elements, which also shifts the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from intertwine.data import PointCloudSet
from intertwine.tasks.properties._targets import Target

Pooling = Literal["sum", "mean"]

_RANK_TOLERANCE = 1e-12
"""Singular values of the standardized counts below this share of the largest one are taken for zero."""


def invariant_columns(target: Target) -> Tensor:
    """Which of a target's numbers are invariant: (dim,) bool."""
    parts = [torch.full((copies * (2 * l + 1),), l == 0 and parity == "e") for copies, l, parity in target.irreps]
    return torch.cat(parts)


def block_sizes(target: Target) -> list[int]:
    """The sizes of a target's irreps, copy by copy.

    >>> block_sizes(Target("stress", "0e+2e"))
    [1, 5]
    """
    return [2 * degree + 1 for copies, degree, _ in target.irreps for _ in range(copies)]


@dataclass(frozen=True)
class Composition:
    """y = sum_elements coefficient * count + constant, for the invariant columns of one target; zero for the others.

    Attributes:
        coefficients: (K, d) float64, one row an element.
        constant: (d,) float64.
        pool: "sum" reads counts, "mean" reads fractions.
        scale: (d,) float64, for each irrep the root mean square of the norm of what is left.
        error: Root mean square of what is left in the invariant columns.
    """

    coefficients: Tensor
    constant: Tensor
    pool: Pooling
    scale: Tensor
    error: float

    def __call__(self, counts: Tensor) -> Tensor:
        """The prediction (S, d) for counts (S, K) of the elements."""
        return features_of(counts, self.pool) @ self.coefficients + self.constant


def atom_compositions(structures: PointCloudSet, elements: Sequence[int]) -> Tensor:
    """The composition of each atom, (N, K) float64: one in the column of its element, zeros if that is not listed.

    The fit of `fit_composition` on them is the mean of the target over the atoms of each element.
    """
    same = structures.point_fields["numbers"][:, None] == torch.tensor(list(elements), dtype=torch.int64)
    return same.to(torch.float64)


def features_of(counts: Tensor, pool: Pooling) -> Tensor:
    """Counts (S, K) as they are, or as fractions of the atoms of each structure."""
    return counts if pool == "sum" else counts / counts.sum(1, keepdim=True).clamp_min(1)


def fit_composition(counts: Tensor, values: Tensor, target: Target, pool: Pooling | None = None) -> Composition:
    """The composition-only fit of one target: the least-squares fit, of minimum norm where it is not unique.

        min_c sum_s |y_s - x_s c - c_0|^2

    The columns are standardized and their singular values are cut off relative to the largest one, so the fit does not
    depend on the scale of the counts or of the values: adding an exact sum over atoms changes no residual.

    Args:
        counts: (S, K) float64, atoms of each element.
        values: (S, d) float64.
        target: What the values are.
        pool: "sum" or "mean"; the one that leaves less when None (and "sum" where nothing is invariant).

    Returns:
        The fit.

    >>> counts = torch.tensor([[1.0, 4], [2, 6], [1, 2]], dtype=torch.float64)
    >>> energies = counts @ torch.tensor([[-38.0], [-0.5]], dtype=torch.float64)
    >>> fit_composition(counts, energies, Target("u0"), "sum").error < 1e-6
    True
    """
    if pool is not None:
        return _fit(counts, values, target, pool)
    extensive, intensive = (_fit(counts, values, target, pool) for pool in ("sum", "mean"))
    return intensive if intensive.error < extensive.error * (1 - 1e-9) else extensive


def _fit(counts: Tensor, values: Tensor, target: Target, pool: Pooling) -> Composition:
    invariant = invariant_columns(target)
    x = features_of(counts, pool)
    y = torch.where(invariant, values, 0.0)
    mean_x, mean_y = x.mean(0), y.mean(0)
    spread = (x - mean_x).square().mean(0).sqrt()
    moving = spread > 1e-12
    scaled = torch.where(moving, (x - mean_x) / torch.where(moving, spread, 1.0), 0.0)
    solved = _least_squares(scaled, y - mean_y)
    coefficients = torch.where(moving, 1 / torch.where(moving, spread, 1.0), 0.0)[:, None] * solved
    constant = mean_y - mean_x @ coefficients
    residual = values - (x @ coefficients + constant)
    error = float(residual[:, invariant].square().mean().sqrt()) if invariant.any() else 0.0
    return Composition(coefficients, constant, pool, _scale(residual, values, target), error)


def _least_squares(x: Tensor, y: Tensor) -> Tensor:
    """The minimum-norm solution of x c = y in the least-squares sense, refined once on what the first one leaves."""
    u, values, vh = torch.linalg.svd(x, full_matrices=False)
    kept = values > _RANK_TOLERANCE * values.max() if len(values) else values > 0
    inverse = torch.where(kept, 1 / torch.where(kept, values, 1.0), 0.0)
    pseudoinverse: Tensor = vh.T @ (inverse[:, None] * u.T)
    solution: Tensor = pseudoinverse @ y
    refined: Tensor = solution + pseudoinverse @ (y - x @ solution)
    return refined


def _scale(residual: Tensor, values: Tensor, target: Target) -> Tensor:
    """Root mean square norm of each irrep's residual; 1 where nothing is left to learn."""
    scales = []
    sizes = block_sizes(target)
    for block, whole in zip(torch.split(residual, sizes, 1), torch.split(values, sizes, 1), strict=True):
        size = block.square().sum(1).mean().sqrt()
        negligible = size <= 1e-12 * whole.square().sum(1).mean().sqrt()
        scales.append(torch.where(negligible, 1.0, size).to(values.dtype).expand(block.shape[1]))
    return torch.cat(scales)
