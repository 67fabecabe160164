"""Exhaustive search of a correlation: rotations of a grid, translations by the fast Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.groups import Octahedral
from intertwine.ops.alignment import RigidMotion
from intertwine.ops.correlation._fields import GaussianKernel, PointField, check_fields

BATCH_NUMBERS = 2**22
"""Rotations are taken together while their fields have at most so many numbers."""

GROUP_NUMBERS = 2**27
"""Potentials are held together while their lattices have at most so many numbers."""


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

    A rotation R gives all translations of a cubic lattice at once:

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
        One transform of the lattice for each rotation, and one for each channel, which rotations that differ by an
        octahedral one share (all 24 if the lattice is a cube). Deterministic.

    References:
        Katchalski-Katzir et al., Molecular surface recognition, 1992; the spreading as in Essmann et al., A smooth
        particle mesh Ewald method, 1995.
    """
    check_fields(field_1, field_2, kernel, "search_correlation")
    if not (spacing > 0 and math.isfinite(spacing)):
        raise UsageError(f"search_correlation expects a positive spacing, got {spacing}")
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    turns, cells = _factors(rotations.double())
    center, points = field_1.center.double(), field_1.points.double() - field_1.center.double()
    for group in _potentials(field_1, field_2, kernel, turns, spacing):
        lattice, channels = group[0].lattice, len(kernel.amplitudes)
        batch = max(1, BATCH_NUMBERS // (channels * math.prod(lattice.shape)))
        for start in range(0, len(cells), batch):
            R = cells[start : start + batch]
            transform = _transform(points @ R.mT, _turned_features(field_1, R), lattice)
            for potential in group:
                values, indices = _peaks(potential.correlate(transform), per_rotation)
                rows = torch.arange(start, start + len(R))[:, None].expand_as(values)
                found.append(
                    (values.flatten(), potential.turn @ cells[rows.flatten()], potential.place(indices.flatten()))
                )
            if sum(len(values) for values, _, _ in found) > 8 * candidates:
                found = [_highest(found, candidates)]
    values, R, positions = _highest(found, candidates)
    return RigidMotion(R, positions - R @ center), values.double()


def _factors(rotations: Tensor) -> tuple[Tensor, Tensor]:
    """Octahedral rotations and others whose products, in order, are the rotations given; or the identity and those."""
    turns = Octahedral().elements.double()
    cells = rotations[: len(rotations) // len(turns)]
    products = (turns[:, None] @ cells).reshape(-1, 3, 3)
    if len(cells) and len(products) == len(rotations) and torch.allclose(products, rotations, rtol=0, atol=1e-9):
        return turns, cells
    return torch.eye(3, dtype=torch.float64)[None], rotations


@dataclass(frozen=True)
class _Lattice:
    """Translations of the centered first field: a periodic cubic lattice; a box of it holds the field."""

    shape: tuple[int, int, int]
    origin: Tensor
    box: int
    spacing: float

    @classmethod
    def around(cls, field_1: PointField, field_2: PointField, kernel: GaussianKernel, spacing: float) -> _Lattice:
        from scipy.fft import next_fast_len

        reach = float(torch.linalg.vector_norm(field_1.points - field_1.center, dim=1).max())
        low, high = field_2.points.amin(0).double(), field_2.points.amax(0).double()
        extent = high - low + 2 * reach + 1.5 * kernel.cutoff
        shape = [next_fast_len(math.ceil(float(e) / spacing) + 4, real=True) for e in extent]
        if math.prod(shape) > 2**28:
            size = " x ".join(map(str, shape))
            raise UsageError(f"a lattice of {size} translations is too large: use a spacing wider than {spacing:g}")
        box = min(2 * math.ceil(reach / spacing) + 3, *shape)
        return cls((shape[0], shape[1], shape[2]), low - reach - kernel.cutoff / 2, box, spacing)

    def positions(self, indices: Tensor) -> Tensor:
        """Positions ``(n, 3)`` for flat indices, counted backwards as reversed translations are."""
        n0, n1, n2 = self.shape
        steps = torch.stack([indices // (n1 * n2), indices // n2 % n1, indices % n2], dim=-1)
        return self.origin + self.spacing * (-steps).remainder(torch.tensor([n0, n1, n2]))

    def frequencies(self) -> list[Tensor]:
        """Angular frequencies in radians for each lattice step, along the three axes; half of the last."""
        full = [2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in self.shape[:2]]
        return [*full, 2 * math.pi * torch.fft.rfftfreq(self.shape[2], dtype=torch.float64)]


@dataclass(frozen=True)
class _Potential:
    """The second field, turned back by an octahedral rotation and seen through the kernel: half of its transform."""

    turn: Tensor
    lattice: _Lattice
    transform: Tensor

    def correlate(self, transform: Tensor) -> Tensor:
        """Correlations ``(rotations, *lattice)`` with transforms ``(rotations, channels, ...)`` of the first field."""
        product = transform[:, 0] * self.transform[0]
        for c in range(1, len(self.transform)):
            product.addcmul_(transform[:, c], self.transform[c])
        # Correlation needs one factor conjugated: here the potential was, so translations come out reversed in sign.
        scores: Tensor = torch.fft.irfftn(product, s=self.lattice.shape, dim=(1, 2, 3))
        return scores

    def place(self, indices: Tensor) -> Tensor:
        """Positions of the first field's center ``(n, 3)``, turned forth again, for flat indices of the lattice."""
        return self.lattice.positions(indices) @ self.turn.mT


def _potentials(
    field_1: PointField, field_2: PointField, kernel: GaussianKernel, turns: Tensor, spacing: float
) -> Iterator[list[_Potential]]:
    """Potentials in groups that share the shape of the lattice, and so the transforms of the first field."""
    still = torch.zeros(3, dtype=torch.float64)
    lattices: dict[tuple[int, int, int], list[tuple[Tensor, PointField, _Lattice]]] = {}
    for turn in turns:
        turned = field_2.moved(turn.mT, still)
        lattice = _Lattice.around(field_1, turned, kernel, spacing)
        lattices.setdefault(lattice.shape, []).append((turn, turned, lattice))
    for shape, members in lattices.items():
        size = max(1, GROUP_NUMBERS // (len(kernel.amplitudes) * math.prod(shape)))
        for start in range(0, len(members), size):
            part = members[start : start + size]
            yield [_Potential(turn, lattice, _potential(turned, kernel, lattice)) for turn, turned, lattice in part]


def _potential(field_2: PointField, kernel: GaussianKernel, lattice: _Lattice) -> Tensor:
    """The conjugate Fourier transform of the second field with the kernel, both B-splines divided out."""
    x, y, z = lattice.frequencies()
    offset = (field_2.points.double() - lattice.origin) / lattice.spacing
    transform = torch.fft.rfftn(_spread_cubic(offset, field_2.features, lattice.shape), dim=(1, 2, 3))
    squared = (x[:, None, None] ** 2 + y[:, None] ** 2 + z**2) / lattice.spacing**2
    scale = kernel.fourier(squared) / lattice.spacing**3
    # The spline of order n has the transform sinc^n: order 4 for the second field, 2 for the first.
    for axis, frequency in ((1, x), (2, y), (3, z)):
        scale *= torch.sinc(frequency / (2 * math.pi)).pow(-6).reshape([-1 if a == axis else 1 for a in range(4)])
        # The first field sits in the middle of its box: a shift brings its center to the lattice point.
        shift = torch.exp(-1j * (lattice.box // 2) * frequency)
        transform *= shift.reshape([-1 if a == axis else 1 for a in range(4)])
    potential: Tensor = (transform * scale).conj().resolve_conj().to(torch.complex64)
    return potential


def _transform(points: Tensor, features: Tensor, lattice: _Lattice) -> Tensor:
    """Half of the transforms ``(rotations, channels, ...)`` of features at turned points ``(rotations, n, 3)``."""
    grid = _spread_linear(points / lattice.spacing + lattice.box // 2, features, lattice.box)
    transform: Tensor = torch.fft.rfftn(grid, s=lattice.shape, dim=(2, 3, 4))
    return transform


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
    values, rotations, positions = (torch.cat(column) for column in zip(*parts, strict=True))
    order = torch.sort(values, descending=True, stable=True).indices[:count]
    return values[order], rotations[order], positions[order]
