"""Tensor square of a feature, V (x) V -> V, channel by channel."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine._cached_constant import cached_constant
from intertwine.hom import intertwiners
from intertwine.nn._blocks import Blocks
from intertwine.nn._constant import Constant
from intertwine.nn._same_group import same_group
from intertwine.reps import Rep, canonical_basis

_INDEPENDENT = 1e-6  # singular values of projections of orthonormal maps are 0, 1 or well between


class TensorSquare(nn.Module):
    """All quadratic maps of a feature, channel by channel, with one learned weight for each map and channel.

        y_oc = sum_{i <= j} sum_k w_ijok,c  B_ijok (x_ic (x) x_jc)

    with B_ijo1, B_ijo2, .. a basis of Hom(V_i (x) V_j, V_o). A channel c holds one copy of every block, with as
    many channels as the largest block has copies: smaller blocks of the input are repeated, smaller blocks of the
    output are the sum of several channels. Of a copy with itself only the symmetric maps count, for the others vanish;
    those, such as the cross product, are taken of each copy with the next. ``Linear`` layers around it mix channels.

    Args:
        rep_in: Representation of the features that come in: a sum of irreps of any compact group, or its text.
        rep_out: Representation of the features that go out, of the same group; ``rep_in`` if not given.

    Raises:
        ValueError: If a representation is not a sum of irreps or the groups differ; in ``forward`` if the shape does
            not fit.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``, and ``f(t x) = t^2 f(x)``. A block that no product reaches is zero: of
    odd vectors alone there is no odd square.

    Cost: for each channel about ``dim_i dim_j (1 + sum of dim_o)`` operations for each pair of irreps.

    Reference: Thomas et al., Tensor field networks, 2018, section 3; Kondor, Lin, Trivedi, Clebsch-Gordan nets, 2018.

    Example:
        >>> square = TensorSquare("4x0e + 4x1o")
        >>> sum(p.numel() for p in square.parameters())  # 0 0 -> 0, 1 1 -> 0 and 0 1 -> 1, in four channels
        12
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str | None = None) -> None:
        super().__init__()
        rep_out = rep_in if rep_out is None else rep_out
        rep_in, rep_out = same_group("TensorSquare", rep_in=rep_in, rep_out=rep_out)
        self.rep_in, self.rep_out = rep_in, rep_out
        self._in, self._out = Blocks.of(rep_in), Blocks.of(rep_out)
        self.channels = max((*self._in.copies, *self._out.copies), default=0)
        irreps = [irrep for _, irrep in self._in.terms]
        self._pairs: list[tuple[int, int, bool, list[tuple[int, int]]]] = []
        self.maps, self.weights = nn.ModuleList(), nn.ParameterList()
        for i, left in enumerate(irreps):
            for j, right in enumerate(irreps[i:], i):
                self._add(i, j, [_maps(left, right, irrep, int(i == j)) for _, irrep in self._out.terms])
                if i == j and self._in.copies[i] > 1:
                    self._add(i, i, [_maps(left, left, irrep, -1) for _, irrep in self._out.terms], to_next=True)
        self.reset_parameters()

    def _add(self, i: int, j: int, bases: list[Tensor], to_next: bool = False) -> None:
        routes = [(o, len(basis)) for o, basis in enumerate(bases) if len(basis)]
        if routes:
            self._pairs.append((i, j, to_next, routes))
            self.maps.append(Constant(torch.cat([basis.flatten(0, 1) for basis in bases])))
            shape = (sum(count for _, count in routes), self.channels)
            self.weights.append(nn.Parameter(torch.empty(shape, dtype=torch.float32)))

    def reset_parameters(self) -> None:
        """Normal weights that keep the variance of independent unit features."""
        paths = [0] * len(self._out.terms)
        for *_, routes in self._pairs:
            for o, count in routes:
                paths[o] += count
        for (*_, routes), weight in zip(self._pairs, self.weights, strict=True):
            rows = weight.split([count for _, count in routes])
            for (o, _), part in zip(routes, rows, strict=True):
                fan_in = paths[o] * self.channels / max(self._out.copies[o], 1)
                nn.init.normal_(part, std=1 / sqrt(fan_in))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to ``(..., rep_out.dim)``."""
        self._in.check(features, "TensorSquare")
        parts = self._in.split(features)
        channels = [self._spread(part) for part in parts]
        widths = self._out.widths
        totals = [features.new_zeros((*features.shape[:-1], width, self.channels)) for width in widths]
        for (i, j, to_next, routes), maps, weight in zip(self._pairs, self.maps, self.weights, strict=True):
            other = self._spread(parts[j].roll(-1, -1)) if to_next else channels[j]
            products = (channels[i][..., :, None, :] * other[..., None, :, :]).flatten(-3, -2)
            mapped = (maps() @ products).split([count * widths[o] for o, count in routes], -2)
            weights = weight.split([count for _, count in routes])
            for (o, count), part, factor in zip(routes, mapped, weights, strict=True):
                totals[o] = totals[o] + (part.unflatten(-2, (count, widths[o])) * factor[:, None]).sum(-3)
        blocks = [self._gather(total, n) for total, n in zip(totals, self._out.copies, strict=True)]
        return Blocks.join(blocks, features)

    def _spread(self, part: Tensor) -> Tensor:
        copies = part.shape[-1]
        if copies in (0, self.channels):
            return part if copies else part.new_zeros((*part.shape[:-1], self.channels))
        return torch.cat([part] * -(-self.channels // copies), -1)[..., : self.channels]

    def _gather(self, total: Tensor, copies: int) -> Tensor:
        if copies in (0, self.channels):
            return total[..., :copies]
        repeats = -(-self.channels // copies)
        filled = nn.functional.pad(total, (0, repeats * copies - self.channels))
        gathered: Tensor = filled.unflatten(-1, (repeats, copies)).sum(-2)
        return gathered

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


@cached_constant
def _maps(left: Rep, right: Rep, out: Rep, parity: int) -> Tensor:
    """A basis ``(k, dim_out, dim_left * dim_right)`` of maps that keeps the variance.

    All maps for parity 0; of an irrep with itself those that swapping the factors leaves alone for 1, and those that
    change their sign for -1.
    """
    maps: Tensor = intertwiners(left * right, out).unflatten(-1, (left.dim, right.dim))
    if not parity:
        return sqrt(out.dim) * maps.flatten(2)
    _, values, rows = torch.linalg.svd(((maps + parity * maps.mT) / 2).flatten(1), full_matrices=False)
    basis = canonical_basis(rows[values > _INDEPENDENT])
    same_copy = parity > 0  # whose products with itself vary twice as much
    return sqrt(out.dim / (1 + same_copy)) * basis.reshape(-1, out.dim, left.dim * right.dim)
