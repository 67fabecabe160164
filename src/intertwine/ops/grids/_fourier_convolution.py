"""Convolution of images and volumes as products of discrete Fourier transforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import Any

import torch
from torch import Tensor

from intertwine.ops._threads import map_on_threads, share
from intertwine.ops.grids._dft import Chunk, Sizes, filter_transform, grid_transform

CHUNK = 160_000
"""Values of transformed filters at a time: with their imaginary parts in float32 about the second-level cache."""


def period(shape: Sizes, padding: Sizes) -> Sizes:
    """Points along each axis after which fields may repeat: the padding of one side serves the other as well."""
    return tuple(n + p for n, p in zip(shape, padding, strict=True))


def fourier_convolution(fields: Tensor, filters: Tensor, bias: Tensor | None, padding: Sizes) -> Tensor:
    """The convolution ``conv2d`` or ``conv3d`` of stride 1, as a product of matrices at each frequency.

        (filter * field)(x) = N^-1 sum_f exp(2 pi i f x / N) W(f) X(f)

    It is exact up to rounding, with derivatives of all orders; those of second order come from ``convolution_backward``
    of torch. The error is relative to the largest values of an image, not to those of a neighborhood.

    Args:
        fields: ``(B, C, ...)``, float32 or float64.
        filters: ``(O, C, ...)``.
        bias: ``(O,)`` or None.
        padding: Zeros on each side along each axis, fewer than the pixels of the filter.

    Returns:
        ``(B, O, ...)``.

    Cost: of :func:`~intertwine.ops.grids._convolution.fourier_cost`. For derivatives it keeps the transform of the
    fields, about as large as they are.

    Reference: Mathieu, Henaff, LeCun, Fast training of convolutional networks through FFTs, ICLR 2014.
    """
    result: Tensor = _FourierConvolution.apply(fields, filters, bias, padding)  # type: ignore[no-untyped-call]
    return result


class _Passes:
    """The transforms of a convolution and its passes; the frequencies of the last axis are shared out to threads.

    Args:
        fields: ``(B, C, *shape)``.
        filters: ``(O, C, *kernel)``.
        padding: Along each axis.
    """

    def __init__(self, fields: Tensor, filters: Tensor, padding: Sizes) -> None:
        self.batch, self.channels, *shape = fields.shape
        self.out, _, *kernel = filters.shape
        lengths, dtype = period(tuple(shape), padding), fields.dtype
        self.points, self.depth = prod(lengths), prod(lengths[:-2])
        largest = max(1, CHUNK // (self.channels * self.out * self.depth))
        after = tuple(n + 2 * p - k + 1 for n, p, k in zip(shape, padding, kernel, strict=True))
        self.before = grid_transform(tuple(shape), lengths, dtype)
        self.after = grid_transform(after, lengths, dtype)
        self.filters = filter_transform(tuple(kernel), padding, lengths, largest, dtype)
        counts = [len(chunk.second) * self.depth for chunk in self.before.chunks]
        self.most, self.frequencies = max(counts), sum(counts)
        self.weights = 2 * self.channels * self.out * self.depth * min(largest, lengths[-2])

    def shares(self) -> list[Sequence[tuple[Chunk, slice]]]:
        """Frequencies of the last axis for each thread, with the places of theirs among all that are kept."""
        stops = list(accumulate(len(chunk.second) * self.depth for chunk in self.before.chunks))
        places = list(zip(self.before.chunks, map(slice, [0, *stops], stops), strict=True))
        return share(places)

    def filter_chunks(self, last: int, memory: Tensor) -> Iterator[tuple[Chunk, slice, Tensor]]:
        """Chunks at a frequency of the last axis, with their places and memory for filters, ``(2, F, C, O)``."""
        start = 0
        for chunk in self.filters.chunks[last]:
            size = len(chunk.second) * self.depth
            weights = memory[: 2 * size * self.channels * self.out].view(2, size, self.channels, self.out)
            yield chunk, slice(start, start + size), weights
            start += size

    def forward(self, fields: Tensor, filters: Tensor, bias: Tensor | None, keep: bool) -> tuple[Tensor, Tensor | None]:
        """The convolution, and the transform of the fields, ``(F, 2, B, C)``, if it is to be kept."""
        rows, taps = self.before.rows(fields), self.filters.rows(filters)
        result = self.after.empty_rows(self.batch * self.out, rows)
        spectra = rows.new_empty(self.frequencies, 2, self.batch, self.channels) if keep else None

        def work(some: Sequence[tuple[Chunk, slice]]) -> None:
            own, turned = rows.new_empty(2, self.most, 2, self.batch, self.channels)
            products = rows.new_empty(self.most, 2 * self.batch, self.out)
            memory = rows.new_empty(self.weights)
            for chunk, place in some:
                size = place.stop - place.start
                x, i_x, y = own[:size] if spectra is None else spectra[place], turned[:size], products[:size]
                self.before.spectrum(chunk, rows, x)
                torch.neg(x[:, 1], out=i_x[:, 0])
                i_x[:, 1] = x[:, 0]
                x, i_x = x.flatten(1, 2), i_x.flatten(1, 2)
                for part, inner, w in self.filter_chunks(chunk.last, memory):
                    self.filters.spectrum(part, taps, w)
                    torch.bmm(x[inner], w[0], out=y[inner])
                    y[inner].baddbmm_(i_x[inner], w[1])
                if bias is not None and place.start == 0:
                    y[0, : self.batch] += self.points * bias
                self.after.set_rows(chunk, y, result)

        map_on_threads(work, self.shares())
        return self.after.fields(result, self.batch), spectra

    def backward(
        self, cotangents: Tensor, filters: Tensor, spectra: Tensor | None, needs: tuple[bool, ...]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The gradients of fields, filters and bias that are needed, from the gradient of the result."""
        rows, taps = self.after.rows(cotangents), self.filters.rows(filters)
        to_fields = self.before.empty_rows(self.batch * self.channels, rows) if needs[0] else None
        to_taps = torch.empty_like(taps) if spectra is not None else None
        to_bias = rows.new_empty(self.out) if needs[2] else None

        def work(some: Sequence[tuple[Chunk, slice]]) -> None:
            gradients, turned = rows.new_empty(2, self.most, 2, self.batch, self.out)
            products = rows.new_empty(self.most, 2 * self.batch, self.channels)
            memory = rows.new_empty(self.weights)
            for chunk, place in some:
                size = place.stop - place.start
                g, i_g, x = gradients[:size], turned[:size], products[:size]
                self.after.spectrum(chunk, rows, g)
                if to_bias is not None and place.start == 0:
                    torch.sum(g[0, 0], 0, out=to_bias)
                torch.neg(g[:, 0], out=i_g[:, 1])
                i_g[:, 0] = g[:, 1]
                g, i_g = g.flatten(1, 2), i_g.flatten(1, 2)
                for part, inner, w in self.filter_chunks(chunk.last, memory):
                    if to_fields is not None:
                        self.filters.spectrum(part, taps, w)
                        torch.bmm(g[inner], w[0].mT, out=x[inner])
                        x[inner].baddbmm_(i_g[inner], w[1].mT)
                    if to_taps is not None and spectra is not None:
                        transposed = spectra[place][inner].flatten(1, 2).mT
                        torch.bmm(transposed, g[inner], out=w[0])
                        torch.bmm(transposed, i_g[inner], out=w[1])
                        self.filters.add_to_rows(part, w, to_taps)
                if to_fields is not None:
                    self.before.set_rows(chunk, x, to_fields)

        map_on_threads(work, self.shares())
        return (
            None if to_fields is None else self.before.fields(to_fields, self.batch),
            None if to_taps is None else self.filters.filters(to_taps, self.channels),
            to_bias,
        )


class _FourierConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fields: Tensor, filters: Tensor, bias: Tensor | None, padding: Sizes) -> Tensor:
        passes = _Passes(fields, filters, padding)
        result, spectra = passes.forward(fields, filters, bias, ctx.needs_input_grad[1])
        ctx.passes, ctx.padding = passes, padding
        ctx.save_for_backward(fields, filters, spectra)
        return result

    @staticmethod
    def backward(ctx: Any, cotangents: Tensor) -> tuple[Tensor | None, ...]:
        fields, filters, spectra = ctx.saved_tensors
        needs = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            return *_differentiable_backward(cotangents, fields, filters, ctx.padding, needs), None
        return *ctx.passes.backward(cotangents, filters, spectra, needs), None


def _differentiable_backward(
    cotangents: Tensor, fields: Tensor, filters: Tensor, padding: Sizes, needs: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The gradients by an operation of torch that has derivatives itself."""
    ones, zeros = [1] * len(padding), [0] * len(padding)
    found: tuple[Tensor | None, Tensor | None, Tensor | None] = torch.ops.aten.convolution_backward(
        cotangents, fields, filters, [len(filters)], ones, list(padding), ones, False, zeros, 1, list(needs)
    )
    return found
