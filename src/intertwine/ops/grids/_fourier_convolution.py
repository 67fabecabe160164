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
from intertwine.ops.grids._reflection import FilterReflection

CHUNK = 160_000
"""Values of transformed filters at a time: with their imaginary parts in float32 about the second-level cache."""


def period(shape: Sizes, padding: Sizes) -> Sizes:
    """Points along each axis after which fields may repeat: the padding of one side serves the other as well."""
    return tuple(n + p for n, p in zip(shape, padding, strict=True))


def fourier_convolution(
    fields: Tensor, filters: Tensor, bias: Tensor | None, padding: Sizes, reflection: FilterReflection | None = None
) -> Tensor:
    """The convolution ``conv2d`` or ``conv3d`` of stride 1, as a product of matrices at each frequency.

        (filter * field)(x) = N^-1 sum_f exp(2 pi i f x / N) W(f) X(f)

    It is exact up to rounding, with derivatives of all orders; those of second order come from ``convolution_backward``
    of torch. The error is relative to the largest values of an image, not to those of a neighborhood.

    Args:
        fields: ``(B, C, ...)``, float32 or float64.
        filters: ``(O, C, ...)``.
        bias: ``(O,)`` or None.
        padding: Zeros on each side along each axis, fewer than the pixels of the filter.
        reflection: A symmetry that the filters have, which makes the matrices real: half of the multiplications. The
            sizes of the filters are odd and ``padding`` is half of them. The gradient of the filters is then its part
            with that symmetry.

    Returns:
        ``(B, O, ...)``.

    Cost: of :func:`~intertwine.ops.grids._convolution.fourier_cost`. For derivatives it keeps the transform of the
    fields, about as large as they are.

    Reference: Mathieu, Henaff, LeCun, Fast training of convolutional networks through FFTs, ICLR 2014.
    """
    passes = _Passes(fields, filters, padding, reflection)
    result: Tensor = _FourierConvolution.apply(fields, filters, bias, passes)  # type: ignore[no-untyped-call]
    return result


class _Passes:
    """The transforms of a convolution and its passes; the frequencies of the last axis are shared out to threads.

    Args:
        fields: ``(B, C, *shape)``.
        filters: ``(O, C, *kernel)``.
        padding: Along each axis.
        reflection: Of the filters.
    """

    def __init__(self, fields: Tensor, filters: Tensor, padding: Sizes, reflection: FilterReflection | None) -> None:
        self.batch, self.channels, *shape = fields.shape
        self.out, _, *kernel = filters.shape
        self.padding, self.reflection, self.parts = padding, reflection, 1 if reflection else 2
        self.in_before = reflection.before if reflection else None
        self.in_after = reflection.after if reflection else None
        lengths, dtype = period(tuple(shape), padding), fields.dtype
        self.points, self.depth = prod(lengths), prod(lengths[:-2])
        largest = max(1, 2 * CHUNK // (self.parts * self.channels * self.out * self.depth))
        after = tuple(n + 2 * p - k + 1 for n, p, k in zip(shape, padding, kernel, strict=True))
        self.before = grid_transform(tuple(shape), lengths, dtype)
        self.after = grid_transform(after, lengths, dtype)
        self.filters = filter_transform(tuple(kernel), padding, lengths, largest, self.parts, dtype)
        counts = [len(chunk.second) * self.depth for chunk in self.before.chunks]
        self.most, self.frequencies = max(counts), sum(counts)
        self.weights = self.parts * self.channels * self.out * self.depth * min(largest, lengths[-2])

    def shares(self) -> list[Sequence[tuple[Chunk, slice]]]:
        """Frequencies of the last axis for each thread, with the places of theirs among all that are kept."""
        stops = list(accumulate(len(chunk.second) * self.depth for chunk in self.before.chunks))
        places = list(zip(self.before.chunks, map(slice, [0, *stops], stops), strict=True))
        return share(places)

    def filter_chunks(self, last: int, memory: Tensor) -> Iterator[tuple[Chunk, slice, Tensor]]:
        """Chunks at a frequency of the last axis, with their places and memory for filters, ``(parts, F, C, O)``."""
        start = 0
        for chunk in self.filters.chunks[last]:
            size = len(chunk.second) * self.depth
            weights = memory[: self.parts * size * self.channels * self.out]
            yield chunk, slice(start, start + size), weights.view(self.parts, size, self.channels, self.out)
            start += size

    def rows_memory(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Memory for the rows before and after; the same where they have the same height: one is read first."""
        if self.before.shape[-2] != self.after.shape[-2]:
            count = self.batch * self.channels, self.batch * self.out
            return self.before.empty_rows(count[0], like), self.after.empty_rows(count[1], like)
        most = max(self.channels * self.before.depth, self.out * self.after.depth)
        memory = self.before.empty_rows(self.batch * most // self.before.depth, like)
        return memory, memory

    def forward(self, fields: Tensor, filters: Tensor, bias: Tensor | None, keep: bool) -> tuple[Tensor, Tensor | None]:
        """The convolution, and what the gradient of the filters needs, ``(F, 2, B, C)``, if it is to be kept."""
        if self.reflection is not None:
            filters = self.reflection.combinations(filters)
            bias = None if bias is None else self.reflection.after.of_vector(bias)
        own, result = self.rows_memory(fields)
        rows, taps = self.before.rows(fields, self.in_before, own), self.filters.rows(filters)
        result = result[..., : self.batch * self.out * self.after.depth]
        spectra = rows.new_empty(self.frequencies, 2, self.batch, self.channels) if keep else None

        def work(some: Sequence[tuple[Chunk, slice]]) -> None:
            own, turned = rows.new_empty(2, self.most, 2, self.batch, self.channels)
            products = rows.new_empty(self.most, 2 * self.batch, self.out)
            memory = rows.new_empty(self.weights)
            for chunk, place in some:
                size = place.stop - place.start
                x, i_x, y = own[:size] if spectra is None else spectra[place], turned[:size], products[:size]
                self.before.spectrum(chunk, rows, x)
                if self.in_before is None:
                    _times_i(x, i_x)
                else:
                    _turn_odd(x, self.in_before.even, -1)
                x, i_x = x.flatten(1, 2), i_x.flatten(1, 2)
                for part, inner, w in self.filter_chunks(chunk.last, memory):
                    self.filters.spectrum(part, taps, w)
                    torch.bmm(x[inner], w[0], out=y[inner])
                    if self.parts == 2:
                        y[inner].baddbmm_(i_x[inner], w[1])
                if self.in_after is not None:
                    _turn_odd(y.unflatten(1, (2, -1)), self.in_after.even, 1)
                if bias is not None and place.start == 0:
                    y[0, : self.batch] += self.points * bias
                self.after.set_rows(chunk, y, result)

        map_on_threads(work, self.shares())
        return self.after.fields(result, self.batch, self.in_after), spectra

    def backward(
        self, cotangents: Tensor, filters: Tensor, spectra: Tensor | None, needs: tuple[bool, ...]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The gradients of fields, filters and bias that are needed, from the gradient of the result."""
        if self.reflection is not None:
            filters = self.reflection.combinations(filters)
        memory, own = self.rows_memory(cotangents)
        rows, taps = self.after.rows(cotangents, self.in_after, own), self.filters.rows(filters)
        to_fields = memory[..., : self.batch * self.channels * self.before.depth] if needs[0] else None
        to_taps = torch.empty_like(taps) if spectra is not None else None
        to_bias = cotangents.flatten(2).sum((0, 2)) if needs[2] else None

        def work(some: Sequence[tuple[Chunk, slice]]) -> None:
            gradients, turned = rows.new_empty(2, self.most, 2, self.batch, self.out)
            products = rows.new_empty(self.most, 2 * self.batch, self.channels)
            memory = rows.new_empty(self.weights)
            for chunk, place in some:
                size = place.stop - place.start
                g, i_g, x = gradients[:size], turned[:size], products[:size]
                self.after.spectrum(chunk, rows, g)
                if self.in_after is None:
                    _times_i(g, i_g)
                    i_g.neg_()
                else:
                    _turn_odd(g, self.in_after.even, -1)
                g, i_g = g.flatten(1, 2), i_g.flatten(1, 2)
                for part, inner, w in self.filter_chunks(chunk.last, memory):
                    if to_fields is not None:
                        self.filters.spectrum(part, taps, w)
                        torch.bmm(g[inner], w[0].mT, out=x[inner])
                        if self.parts == 2:
                            x[inner].baddbmm_(i_g[inner], w[1].mT)
                    if to_taps is not None and spectra is not None:
                        transposed = spectra[place][inner].flatten(1, 2).mT
                        torch.bmm(transposed, g[inner], out=w[0])
                        if self.parts == 2:
                            torch.bmm(transposed, i_g[inner], out=w[1])
                        self.filters.add_to_rows(part, w, to_taps)
                if to_fields is not None:
                    if self.in_before is not None:
                        _turn_odd(x.unflatten(1, (2, -1)), self.in_before.even, 1)
                    self.before.set_rows(chunk, x, to_fields)

        map_on_threads(work, self.shares())
        to_filters = None if to_taps is None else self.filters.filters(to_taps, self.channels)
        if to_filters is not None and self.reflection is not None:
            to_filters = self.reflection.transpose(to_filters)
        fields = None if to_fields is None else self.before.fields(to_fields, self.batch, self.in_before)
        return fields, to_filters, to_bias


def _times_i(values: Tensor, out: Tensor) -> None:
    """Multiply ``(F, 2, ...)``, real and imaginary parts, by i."""
    torch.neg(values[:, 1], out=out[:, 0])
    out[:, 1] = values[:, 0]


def _turn_odd(values: Tensor, even: int, sign: int) -> None:
    """Multiply ``(F, 2, B, channels)`` from the channel ``even`` on by i or -i."""
    real, imaginary = values[:, 0, :, even:], values[:, 1, :, even:]
    before = real.clone()
    if sign > 0:
        torch.neg(imaginary, out=real)
        imaginary.copy_(before)
    else:
        real.copy_(imaginary)
        torch.neg(before, out=imaginary)


class _FourierConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fields: Tensor, filters: Tensor, bias: Tensor | None, passes: _Passes) -> Tensor:
        result, spectra = passes.forward(fields, filters, bias, ctx.needs_input_grad[1])
        ctx.passes = passes
        ctx.save_for_backward(fields, filters, spectra)
        return result

    @staticmethod
    def backward(ctx: Any, cotangents: Tensor) -> tuple[Tensor | None, ...]:
        fields, filters, spectra = ctx.saved_tensors
        needs = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            return *_differentiable_backward(cotangents, fields, filters, ctx.passes.padding, needs), None
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
