"""Discrete Fourier transforms of images, volumes and filters by products of small matrices.

For the 7 to 40 pixels of an axis a product with a matrix of cosines and sines is as fast as a fast Fourier transform,
takes every length, and gives the layout that products at each frequency need: the frequency first, then real and
imaginary part, then examples and channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, pi, prod

import torch
from torch import Tensor

from intertwine.ops._threads import map_on_threads, share
from intertwine.ops.grids._reflection import PointReflection

Sizes = tuple[int, ...]
LINES = 4
"""Lines of all fields whose combinations are made at a time: enough for long loops, few enough for the cache."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """One frequency of the last axis, and some of those that are kept beside it, of the second-to-last axis.

    Real fields have conjugate values at opposite frequencies, and one of each pair is kept: all frequencies of the
    second-to-last axis beside an inner frequency of the last one, the first half beside 0 and the Nyquist frequency.

    Attributes:
        last: The frequency of the last axis.
        is_first: Whether it is the first chunk of that frequency.
        second: Frequencies ``(F,)`` of the second-to-last axis.
        weights: ``(F,)``: 2 where the opposite frequency is left out, over the number of points of the period.
        key: Equal for chunks of equal ``second`` and ``weights``.
    """

    last: int
    is_first: bool
    second: Tensor
    weights: Tensor
    key: tuple[bool, int]


@lru_cache(maxsize=64)
def chunks(lengths: Sizes, largest: int) -> list[Chunk]:
    """All frequencies of a period of ``lengths`` points, at most ``largest`` of the second-to-last axis at a time."""
    second, last = lengths[-2:]
    every = torch.arange(second, dtype=torch.float64)
    half = every[: second // 2 + 1]
    alone = (half == 0) | (2 * half == second)
    found = []
    for f in range(last // 2 + 1):
        is_edge = f == 0 or 2 * f == last
        kept, weights = (half, 2 - alone.double()) if is_edge else (every, torch.full_like(every, 2))
        count = ceil(len(kept) / largest)
        parts = zip(kept.tensor_split(count), (weights / prod(lengths)).tensor_split(count), strict=True)
        found += [Chunk(f, i == 0, *part, (is_edge, i)) for i, part in enumerate(parts)]
    return found


def _waves(frequencies: Tensor, length: int, positions: Tensor) -> Tensor:
    """``exp(2 pi i f x / length)``, ``(F, X)``, for whole frequencies and positions."""
    angles = 2 * pi / length * torch.remainder(frequencies[:, None] * positions, length)
    return torch.polar(torch.ones_like(angles), angles)


def _on_parts(matrix: Tensor) -> Tensor:
    """A complex matrix ``(F, X)`` as a real one on real and imaginary parts, ``(F, 2, 2, X)``."""
    real, imaginary = matrix.real, matrix.imag
    return torch.stack((torch.stack((real, -imaginary), 1), torch.stack((imaginary, real), 1)), 1)


def _of_real(matrix: Tensor) -> Tensor:
    """A complex matrix ``(F, X)`` as a real one on real values, ``(2 F, X)``."""
    return torch.stack((matrix.real, matrix.imag), 1).flatten(0, 1)


class GridTransform:
    """The transform of real fields ``(B, C, *shape)`` in a period of ``lengths`` points, and its inverse.

        X(f) = sum_x exp(-2 pi i f x / N) field(x)

    The last axis is transformed first, into rows. The other axes are, for one frequency of the last axis at a time, so
    that what follows stays in the cache.

    Args:
        shape: Pixels along each axis, two or three axes.
        lengths: Points of the period along each.
        dtype: Of the fields.

    Attributes:
        chunks: One for each frequency of the last axis.
    """

    def __init__(self, shape: Sizes, lengths: Sizes, dtype: torch.dtype) -> None:
        self.shape, self.chunks = shape, chunks(lengths, lengths[-2])
        self.depth = shape[0] if len(shape) == 3 else 1
        starts = range(0, shape[-2], LINES)
        self._lines = [slice(start, min(start + LINES, shape[-2])) for start in starts]
        frequencies = [torch.arange(n, dtype=torch.float64) for n in lengths]
        positions = [torch.arange(n, dtype=torch.float64) for n in shape]
        half = frequencies[-1][: lengths[-1] // 2 + 1]
        self._last = _of_real(_waves(half, lengths[-1], positions[-1]).conj()).to(dtype)  # (frequency, part), pixel
        self._second: dict[tuple[bool, int], tuple[Tensor, Tensor]] = {}
        for chunk in self.chunks:
            if chunk.key not in self._second:
                waves = _waves(chunk.second, lengths[-2], positions[-2])
                forward = _on_parts(waves.conj()).flatten(2).flatten(0, 1)  # (frequency, part), (part, pixel)
                inverse = _on_parts(waves * chunk.weights[:, None]).permute(1, 3, 0, 2).flatten(2).flatten(0, 1)
                self._second[chunk.key] = forward.to(dtype), inverse.to(dtype)
        if len(shape) == 3:
            waves = _waves(frequencies[0], lengths[0], positions[0])
            self._first = _on_parts(waves.conj()).flatten(0, 1).transpose(0, 1).contiguous().to(dtype)
            self._first_inverse = _on_parts(waves).permute(1, 0, 2, 3).flatten(1, 2).to(dtype)
            # both: part, (frequency, part), pixel

    def rows(self, fields: Tensor, reflection: PointReflection | None, out: Tensor) -> Tensor:
        """The transform along the last axis: frequency, part and row, the rest ``(F, 2 H, B C D)``.

        Args:
            fields: ``(B, C, *shape)``.
            reflection: Even and odd combinations of the channels are transformed.
            out: Of :meth:`empty_rows`, for as many fields or more.
        """
        height, count = self.shape[-2], fields.shape[0] * fields.shape[1] * self.depth
        rows = out[..., :count]
        by_part = rows.unflatten(1, (2, height)).flatten(0, 1)
        if reflection is None:
            fields = fields.reshape(count, height, -1)

        def work(some: Sequence[slice]) -> None:
            for lines in some:
                block = fields[..., lines, :]
                if reflection is not None:
                    block = reflection.split(block, fields.new_empty(block.shape)).view(count, -1, self.shape[-1])
                for i, y in enumerate(range(lines.start, lines.stop)):
                    torch.mm(self._last, block[:, i].t(), out=by_part[:, y])

        map_on_threads(work, share(self._lines))
        return rows

    def empty_rows(self, values: int, like: Tensor) -> Tensor:
        """Memory for the rows of so many fields."""
        return like.new_empty(len(self._last) // 2, 2 * self.shape[-2], values * self.depth)

    def spectrum(self, chunk: Chunk, rows: Tensor, out: Tensor) -> None:
        """Write the transform ``(F, 2, B, C)`` at one frequency of the last axis."""
        forward, rows = self._second[chunk.key][0], rows[chunk.last]
        if len(self.shape) == 2:
            torch.mm(forward, rows, out=out.view(len(forward), -1))
            return
        planes = (forward @ rows).view(len(chunk.second), 2, -1, self.depth)
        first, second = (matrix.expand(len(planes), -1, -1) for matrix in self._first)
        out = out.view(len(planes), self._first.shape[1], -1)
        torch.bmm(first, planes[:, 0].mT, out=out)
        out.baddbmm_(second, planes[:, 1].mT)

    def set_rows(self, chunk: Chunk, values: Tensor, rows: Tensor) -> None:
        """Set the rows at one frequency of the last axis from values ``(F, 2, B, C)``."""
        if len(self.shape) == 3:
            columns = values.view(len(chunk.second), self._first.shape[1], -1).mT
            values = torch.stack([columns @ matrix for matrix in self._first_inverse], 1)
        inverse = self._second[chunk.key][1]
        torch.mm(inverse, values.view(inverse.shape[1], -1), out=rows[chunk.last])

    def fields(self, rows: Tensor, batch: int, reflection: PointReflection | None) -> Tensor:
        """The fields ``(B, C, *shape)`` of rows, or of those of their even and odd combinations."""
        by_part = rows.unflatten(1, (2, self.shape[-2])).flatten(0, 1)
        fields = rows.new_empty(batch, rows.shape[2] // (batch * self.depth), *self.shape)
        flat = fields.view(rows.shape[2], *self.shape[-2:])

        def work(some: Sequence[slice]) -> None:
            for lines in some:
                place = fields[..., lines, :]
                block = fields.new_empty(place.shape) if reflection is not None else place
                by_line = flat[:, lines] if reflection is None else block.view(len(flat), -1, self.shape[-1])
                for i, y in enumerate(range(lines.start, lines.stop)):
                    torch.mm(by_part[:, y].t(), self._last, out=by_line[:, i])
                if reflection is not None:
                    reflection.join(block, place)

        map_on_threads(work, share(self._lines))
        return fields


class FilterTransform:
    """The transform of filters, ``W(f) = sum_z exp(2 pi i f (z - padding) / N) filter(z)``, and its transpose.

    Where filters are even or odd about their center, and ``padding`` is the distance to it, the sum of the real and the
    imaginary part says all: there is one part.

    Args:
        kernel: Pixels along each axis.
        padding: Pixels that the fields are padded with.
        lengths: Points of the period along each axis.
        largest: As for :func:`chunks`.
        parts: 2, or 1 for the sum of both parts.
        dtype: Of the filters.

    Attributes:
        chunks: For each frequency of the last axis.
    """

    def __init__(
        self, kernel: Sizes, padding: Sizes, lengths: Sizes, largest: int, parts: int, dtype: torch.dtype
    ) -> None:
        self.kernel = kernel
        frequencies = [torch.arange(n, dtype=torch.float64) for n in lengths]
        taps = [torch.arange(k, dtype=torch.float64) - p for k, p in zip(kernel, padding, strict=True)]
        self._last = _of_real(_waves(frequencies[-1][: lengths[-1] // 2 + 1], lengths[-1], taps[-1])).to(dtype)
        self._others: dict[tuple[bool, int], tuple[Tensor, Tensor]] = {}
        self.chunks: list[list[Chunk]] = [[] for _ in range(len(self._last) // 2)]
        for chunk in chunks(lengths, largest):
            self.chunks[chunk.last].append(chunk)
            if chunk.key not in self._others:
                waves, weights = _waves(chunk.second, lengths[-2], taps[-2]), chunk.weights
                if len(kernel) == 3:
                    first = _waves(frequencies[0], lengths[0], taps[0])
                    waves = torch.einsum("fy,gz->fgzy", waves, first).flatten(2).flatten(0, 1)
                    weights = weights.repeat_interleave(lengths[0])
                forward = _on_parts(waves).transpose(0, 1)  # part, frequency, part, tap
                if parts == 1:
                    forward = forward.sum(0, keepdim=True)
                transpose = (forward * weights[:, None, None]).flatten(2).flatten(0, 1).t()
                self._others[chunk.key] = (
                    forward.flatten(2).flatten(0, 1).to(dtype),
                    transpose.to(dtype, memory_format=torch.contiguous_format),
                )

    def rows(self, filters: Tensor) -> Tensor:
        """The transform of filters ``(O, C, *kernel)`` along the last axis, ``(F, 2 taps, C O)``."""
        order = (filters.ndim - 1, *range(2, filters.ndim - 1), 1, 0)
        taps = filters.permute(order).reshape(self.kernel[-1], -1)
        return (self._last @ taps).view(len(self._last) // 2, -1, filters.shape[0] * filters.shape[1])

    def spectrum(self, chunk: Chunk, rows: Tensor, out: Tensor) -> None:
        """Write the transform ``(parts, F, C, O)`` at a chunk of frequencies."""
        torch.mm(self._others[chunk.key][0], rows[chunk.last], out=out.view(-1, rows.shape[2]))

    def add_to_rows(self, chunk: Chunk, values: Tensor, rows: Tensor) -> None:
        """Add the transpose of :meth:`spectrum`, with the weights of frequencies; the first chunk sets the rows."""
        row = rows[chunk.last]
        values = values.view(-1, rows.shape[2])
        torch.addmm(row, self._others[chunk.key][1], values, beta=0 if chunk.is_first else 1, out=row)

    def filters(self, rows: Tensor, channels: int) -> Tensor:
        """The transpose of :meth:`rows`: ``(O, C, *kernel)``."""
        taps = (self._last.t() @ rows.view(len(self._last), -1)).view(self.kernel[-1], *self.kernel[:-1], channels, -1)
        last = taps.ndim - 1
        return taps.permute(last, last - 1, *range(1, last - 1), 0)


@lru_cache(maxsize=64)
def grid_transform(shape: Sizes, lengths: Sizes, dtype: torch.dtype) -> GridTransform:
    """A :class:`GridTransform`, made once."""
    return GridTransform(shape, lengths, dtype)


@lru_cache(maxsize=64)
def filter_transform(
    kernel: Sizes, padding: Sizes, lengths: Sizes, largest: int, parts: int, dtype: torch.dtype
) -> FilterTransform:
    """A :class:`FilterTransform`, made once."""
    return FilterTransform(kernel, padding, lengths, largest, parts, dtype)
