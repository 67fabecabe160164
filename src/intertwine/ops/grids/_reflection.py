"""How the reflection x -> -x through the center of a grid acts on channels, and their even and odd combinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Run:
    """Consecutive channels on which the reflection acts alike: ``count`` blocks of ``length``, or of two halves.

    Attributes:
        count: The number of blocks.
        length: Channels of a block, or of each of its halves.
        sign: 1 or -1 that the channels are multiplied by; 0 where the reflection exchanges the halves of each block.
    """

    count: int
    length: int
    sign: int


@dataclass(frozen=True)
class PointReflection:
    """The action of the reflection x -> -x on channels: signs, and exchanges of halves of blocks.

    Filters between two such actions, ``K(-z) = P_out K(z) P_in``, have even and odd entries only between the even and
    odd combinations of channels: sums and differences of what is exchanged. The discrete Fourier transform of an even
    filter is real, that of an odd one imaginary.

    Attributes:
        runs: From the first channel on.
    """

    runs: tuple[Run, ...]

    @property
    def even(self) -> int:
        """The number of even combinations."""
        return sum(run.count * run.length for run in self.runs if run.sign >= 0)

    @property
    def odd(self) -> int:
        """The number of odd combinations."""
        return sum(run.count * run.length for run in self.runs if run.sign <= 0)

    def split(self, values: Tensor, out: Tensor) -> Tensor:
        """Write the even combinations of ``(A, channels, ...)`` and behind them the odd ones."""
        for run, channels, even, odd in self._places():
            if run.sign:
                out[:, even if run.sign > 0 else odd].copy_(values[:, channels])
            else:
                first, second = _halves(values[:, channels], run)
                torch.add(first, second, out=out[:, even].unflatten(1, first.shape[1:3]))
                torch.sub(first, second, out=out[:, odd].unflatten(1, first.shape[1:3]))
        return out

    def join(self, values: Tensor, out: Tensor) -> Tensor:
        """The transpose of :meth:`split`: sums and differences back in the places of what is exchanged."""
        for run, channels, even, odd in self._places():
            if run.sign:
                out[:, channels].copy_(values[:, even if run.sign > 0 else odd])
            else:
                first, second = _halves(out[:, channels], run)
                sums, differences = (values[:, place].unflatten(1, first.shape[1:3]) for place in (even, odd))
                torch.add(sums, differences, out=first)
                torch.sub(sums, differences, out=second)
        return out

    def _places(self) -> Iterator[tuple[Run, slice, slice, slice]]:
        """Each run with the places of its channels and of their even and odd combinations."""
        start, even, odd = 0, 0, self.even
        for run in self.runs:
            size = run.count * run.length
            stop = start + (size if run.sign else 2 * size)
            yield run, slice(start, stop), slice(even, even + size), slice(odd, odd + size)
            start, even, odd = stop, even + size * (run.sign >= 0), odd + size * (run.sign <= 0)

    def of_vector(self, values: Tensor) -> Tensor:
        """The combinations of ``(channels,)`` that :meth:`join` turns back into it."""
        found = self.split(values[None], torch.empty_like(values)[None])[0]
        return found * self.scale(found)

    def scale(self, like: Tensor) -> Tensor:
        """1 / 2 for each sum and difference, 1 for each other channel: ``join(scale split(x)) = x``."""
        even, odd = [like.new_empty(0)], [like.new_empty(0)]
        for run in self.runs:
            part = like.new_full((run.count * run.length,), 1.0 if run.sign else 0.5)
            even += [part] if run.sign >= 0 else []
            odd += [part] if run.sign <= 0 else []
        return torch.cat([*even, *odd])


@dataclass(frozen=True)
class FilterReflection:
    """Filters ``(O, C, ...)`` with ``K(-z) = P_out K(z) P_in`` as a real matrix at each frequency.

        A(f) = D_out^-1 W(f) D_in = sum_z (cos(f z) + sin(f z)) k(z),      D = 1 of even, i of odd combinations

    with W the transform of the filters between combinations, real or imaginary, and k these filters up to signs.

    Attributes:
        before: The action on the channels of the fields.
        after: That on the channels of the result.
    """

    before: PointReflection
    after: PointReflection

    def combinations(self, filters: Tensor) -> Tensor:
        """The filters k between combinations of channels."""
        rows = self.after.split(filters[None], filters.new_empty(1, *filters.shape))[0]
        found = self.before.split(rows, torch.empty_like(rows))
        return found.mul_(self._factors(found))

    def transpose(self, values: Tensor) -> Tensor:
        """The transpose of :meth:`combinations`, of the part of ``values`` that has the symmetry of filters."""
        even = torch.ones(len(values), values.shape[1], *[1] * (values.ndim - 2), dtype=values.dtype)
        even[: self.after.even, self.before.even :] = -1
        even[self.after.even :, : self.before.even] = -1
        factors = self._factors(values) / 2
        values = values * factors + values.flip(list(range(2, values.ndim))) * (even * factors)
        columns = self.before.join(values, torch.empty_like(values))
        return self.after.join(columns[None], torch.empty_like(columns)[None])[0]

    def _factors(self, filters: Tensor) -> Tensor:
        """What combinations are multiplied by, ``(O, C, 1, ...)``."""
        factors = self.after.scale(filters)[:, None] * self.before.scale(filters)
        factors[: self.after.even, self.before.even :] *= -1
        return factors.view(*factors.shape, *[1] * (filters.ndim - 2))


def point_reflection(terms: Iterable[tuple[int, Tensor]]) -> PointReflection | None:
    """The action on copies of representations, one after the other.

    Args:
        terms: The number of copies, and the matrix of the reflection on one copy, float64.

    Returns:
        None where a matrix is neither a sign nor an exchange of halves of equal blocks.
    """
    runs: list[Run] = []
    for copies, matrix in terms:
        run = _run(matrix)
        if run is None:
            return None
        runs.append(Run(copies * run.count, run.length, run.sign))
    return PointReflection(tuple(runs))


def _halves(channels: Tensor, run: Run) -> tuple[Tensor, Tensor]:
    blocks = channels.unflatten(1, (run.count, 2, run.length))
    return blocks[:, :, 0], blocks[:, :, 1]


def _run(matrix: Tensor) -> Run | None:
    """How one copy is reflected."""
    dim = len(matrix)
    identity = torch.eye(dim, dtype=matrix.dtype)
    for sign in (1, -1):
        if _is(matrix, sign * identity):
            return Run(1, dim, sign)
    length = int(matrix[0].abs().argmax())
    if length == 0 or dim % (2 * length):
        return None
    exchanged = identity.view(-1, 2, length, dim).flip(1).reshape(dim, dim)
    return Run(dim // (2 * length), length, 0) if _is(matrix, exchanged) else None


def _is(matrix: Tensor, other: Tensor) -> bool:
    return float((matrix - other).abs().max()) < _ROUNDING
