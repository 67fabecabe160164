"""Exhaustive search of a correlation: rotations of a grid, translations by the fast Fourier transform."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.alignment import RigidMotion
from intertwine.ops.correlation._fields import GaussianKernel, PointField, check_fields

BATCH_NUMBERS = 2**22
"""Rotations are taken together while their fields have at most so many numbers."""


def search_correlation(
    field_1: PointField,
    field_2: PointField,
    kernel: GaussianKernel,
    rotations: Tensor,
    *,
    spacing: float,
    candidates: int = 1000,
    per_rotation: int = 4,
) -> tuple[RigidMotion, Tensor]:
    r"""The motions of highest correlation on a grid of SE(3).

    A rotation R needs one Fourier transform of the first field and gives all translations of a cubic lattice at once:

    .. math:: s(R, t) = \mathcal F^{-1} \sum_c \overline{\mathcal F[\rho(R) f_1]_c} \, \hat k_c \, \mathcal F[f_2]_c

    The points are spread on the lattice by B-splines, whose transforms are divided out. The lattice is so large that a
    pose nearer than half of the kernel's cutoff has no periodic image within the cutoff.

    Args:
        field_1: The field that is moved; the search is fastest if it is the smaller one.
        field_2: The field at rest.
        kernel: A radial function for each channel.
        rotations: ``(K, 3, 3)``, for instance those of :func:`rotation_grid`.
        spacing: Of the lattice of translations; the narrowest Gaussian that matters should be no narrower.
        candidates: The most motions returned.
        per_rotation: The most translations kept for one rotation, in different blocks of four lattice points a side.

    Returns:
        The motions and their correlations on the grid ``(candidates,)``, best first; float64.

    Raises:
        UsageError: If the channels do not agree or the spacing is not positive.

    Law:
        Exact under lattice translations and under rotations that map the rotations to themselves and the lattice to
        itself; elsewhere up to the grid.

    Cost:
        ``channels + 1`` transforms of the lattice for each rotation. Deterministic.

    References:
        Katchalski-Katzir et al., Molecular surface recognition, 1992; the spreading as in Essmann et al., A smooth
        particle mesh Ewald method, 1995.
    """
    check_fields(field_1, field_2, kernel, "search_correlation")
    if not (spacing > 0 and math.isfinite(spacing)):
        raise UsageError(f"search_correlation expects a positive spacing, got {spacing}")
    lattice = _Lattice.around(field_1, field_2, kernel, spacing)
    potential = _potential(field_2, kernel, lattice)
    center, points = field_1.center.double(), field_1.points.double() - field_1.center.double()
    best: list[tuple[Tensor, Tensor, Tensor]] = []
    channels = field_1.features.shape[1]
    batch = max(1, BATCH_NUMBERS // (channels * math.prod(lattice.shape)))
    for start in range(0, len(rotations), batch):
        R = rotations[start : start + batch].double()
        features = _turned_features(field_1, R)
        scores = _correlate(points @ R.mT, features, potential, lattice)
        values, cells = _peaks(scores, per_rotation)
        rows = torch.arange(start, start + len(R))[:, None].expand_as(values)
        best.append((values.flatten(), rows.flatten(), cells.flatten()))
        if sum(len(values) for values, _, _ in best) > 8 * candidates:
            best = [_highest(best, candidates)]
    values, rows, cells = _highest(best, candidates)
    R = rotations[rows].double()
    return RigidMotion(R, lattice.translations(cells) - R @ center), values.double()


@dataclass(frozen=True)
class _Lattice:
    """Translations of the centered first field: a periodic cubic lattice; a box of it holds the field."""

    shape: tuple[int, int, int]
    origin: Tensor
    box: int
    spacing: float

    @classmethod
    def around(cls, field_1: PointField, field_2: PointField, kernel: GaussianKernel, spacing: float) -> _Lattice:
        reach = float(torch.linalg.vector_norm(field_1.points - field_1.center, dim=1).max())
        low, high = field_2.points.amin(0).double(), field_2.points.amax(0).double()
        extent = high - low + 2 * reach + 1.5 * kernel.cutoff
        shape = [next_fast_len(math.ceil(float(e) / spacing) + 4, real=True) for e in extent]
        if math.prod(shape) > 2**28:
            size = " x ".join(map(str, shape))
            raise UsageError(f"a lattice of {size} translations is too large: use a spacing wider than {spacing:g}")
        box = min(2 * math.ceil(reach / spacing) + 3, *shape)
        return cls((shape[0], shape[1], shape[2]), low - reach - kernel.cutoff / 2, box, spacing)

    @property
    def half(self) -> float:
        """The distance from the corner of the box of the first field to its center."""
        return (self.box // 2) * self.spacing

    def translations(self, cells: Tensor) -> Tensor:
        """Positions of the first field's center ``(n, 3)`` for flat indices of the lattice."""
        _, n1, n2 = self.shape
        indices = torch.stack([cells // (n1 * n2), cells // n2 % n1, cells % n2], dim=-1)
        return self.origin + self.spacing * indices

    def frequencies(self) -> list[Tensor]:
        """Angular frequencies in radians for each lattice step, along the three axes; half of the last."""
        full = [2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in self.shape[:2]]
        return [*full, 2 * math.pi * torch.fft.rfftfreq(self.shape[2], dtype=torch.float64)]


def _potential(field_2: PointField, kernel: GaussianKernel, lattice: _Lattice) -> Tensor:
    """The Fourier transform of the second field with the kernel, both B-splines divided out, on half a lattice."""
    x, y, z = lattice.frequencies()
    offset = (field_2.points.double() - lattice.origin) / lattice.spacing
    grid = _spread_cubic(offset, field_2.features, lattice.shape)
    transform = torch.fft.rfftn(grid, dim=(1, 2, 3))
    squared = (x[:, None, None] ** 2 + y[:, None] ** 2 + z**2) / lattice.spacing**2
    scale = kernel.fourier(squared) / lattice.spacing**3
    # The spline of order n has the transform sinc^n: order 4 for the second field, 2 for the first.
    spline = [torch.sinc(f / (2 * math.pi)).pow(-6) for f in (x, y, z)]
    scale *= spline[0][:, None, None] * spline[1][:, None] * spline[2]
    # The first field sits in the corner of its box: a shift by half the box brings its center to the lattice point.
    n = lattice.box // 2
    phase = torch.exp(1j * n * x)[:, None, None] * torch.exp(1j * n * y)[:, None] * torch.exp(1j * n * z)
    return (transform * scale * phase.conj()).to(torch.complex64)


def _correlate(points: Tensor, features: Tensor, potential: Tensor, lattice: _Lattice) -> Tensor:
    """Correlations ``(rotations, *lattice)`` of turned points ``(rotations, n, 3)`` with the potential."""
    grid = _spread_linear(points / lattice.spacing + lattice.box // 2, features, lattice.box)
    n0, n1, n2 = lattice.shape
    transform = torch.fft.rfft(grid, n=n2, dim=4)
    transform = torch.fft.fft(transform, n=n1, dim=3)
    transform = torch.fft.fft(transform, n=n0, dim=2)
    product = transform[:, 0].conj() * potential[0]
    for c in range(1, potential.shape[0]):
        product += transform[:, c].conj() * potential[c]
    return torch.fft.irfftn(product, s=(n0, n1, n2), dim=(1, 2, 3))


def _spread_linear(points: Tensor, features: Tensor, box: int) -> Tensor:
    """Features ``(rotations or 1, n, channels)`` at points in lattice units, spread on a box by linear B-splines."""
    cells = points.floor().long()
    fraction = (points - cells).float()
    weights = torch.stack([1 - fraction, fraction], dim=-1)
    return _spread(cells, weights, features, (box, box, box))


def _spread_cubic(points: Tensor, features: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Features at points ``(n, 3)`` in lattice units, spread on a periodic lattice by cubic B-splines, float64."""
    cells = points.floor().long() - 1
    u = points - points.floor()
    parts = [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]
    weights = torch.stack(parts, dim=-1) / 6
    return _spread(cells[None], weights[None], features[None].double(), shape)[0]


def _spread(cells: Tensor, weights: Tensor, features: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Adds features times products of one-dimensional weights ``(rotations, n, 3, order)`` from cells upwards."""
    rotations, n, _, order = weights.shape
    steps = torch.arange(order)
    i, j, k = ((cells[..., a, None] + steps).remainder(shape[a]) for a in range(3))
    index = (i[..., :, None, None] * shape[1] + j[..., None, :, None]) * shape[2] + k[..., None, None, :]
    weight = weights[:, :, 0, :, None, None] * weights[:, :, 1, None, :, None] * weights[:, :, 2, None, None, :]
    index, weight = index.reshape(rotations, -1), weight.reshape(rotations, n, -1)
    grids = []
    for r in range(rotations):
        values = features[min(r, len(features) - 1)].to(weight).mT[:, :, None] * weight[r]
        grid = values.new_zeros(len(values), math.prod(shape))
        grids.append(grid.index_add_(1, index[r], values.flatten(1)))
    return torch.stack(grids).reshape(rotations, -1, *shape)


def _turned_features(field: PointField, rotations: Tensor) -> Tensor:
    if field.rep is None:
        return field.features.float()[None]
    return (field.features.double() @ field.rep.matrix(rotations).mT).float()


def _peaks(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest scores of different blocks and their flat indices, ``(rotations, count)`` each."""
    values, cells = torch.nn.functional.max_pool3d(scores[:, None], 4, ceil_mode=True, return_indices=True)
    values, blocks = values.flatten(1).topk(min(count, values[0].numel()), dim=1)
    return values, cells.flatten(1).gather(1, blocks)


def _highest(parts: list[tuple[Tensor, Tensor, Tensor]], count: int) -> tuple[Tensor, Tensor, Tensor]:
    values, rows, cells = (torch.cat(column) for column in zip(*parts, strict=True))
    order = torch.sort(values, descending=True, stable=True).indices[:count]
    return values[order], rows[order], cells[order]
