"""Kernels of the symmetric contraction: one matrix product gives its values and their first derivatives.

Components are outermost, then channels, then atoms: products of pairs of components are products of long rows. The
atoms of one element are consecutive, and one batched matrix product for each element takes all channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from intertwine.ops.many_body._layout import ContractionLayout

_FEW_ATOMS = 12
_CHUNK = 1 << 13  # atoms times channels worked on at a time: what was just written is still in cache


def with_constant(x: Tensor) -> Tensor:
    """``(1 + d, C, n)``: z = (1, x)."""
    return torch.cat([torch.ones_like(x[:1]), x])


def pair_products(z: Tensor, w: Tensor | None, layout: ContractionLayout) -> tuple[Tensor, Tensor]:
    """Rows ``(rows, C, n)`` of both parities: z_b z_c, or (z_b w_c + w_b z_c) / 2."""
    even = layout.even
    b, c = layout.pairs_on(z.device)
    first, second = z.index_select(0, b), z.index_select(0, c)
    if w is None:
        same, other = first.mul_(second), z[:even, None] * z[even:]
    else:
        same = first.mul_(w.index_select(0, c)).addcmul_(second, w.index_select(0, b)).mul_(0.5)
        other = (z[:even, None] * w[even:]).addcmul_(w[:even, None], z[even:]).mul_(0.5)
    return same, other.flatten(0, 1)


def runs(counts: Sequence[int], channels: int) -> Iterator[tuple[int, int, list[tuple[int, int, int]]]]:
    """Chunks of atoms: first and last, and in each the runs (element, start, stop) counted from the first."""
    size = max(_CHUNK // max(channels, 1), 1)
    total, ends, first = sum(counts), [], 0
    for count in counts:
        first += count
        ends.append(first)
    for begin in range(0, total, size):
        end = min(begin + size, total)
        parts = [
            (element, max(stop - count, begin) - begin, min(stop, end) - begin)
            for element, (count, stop) in enumerate(zip(counts, ends, strict=True))
        ]
        yield begin, end, [part for part in parts if part[2] > part[1]]


def forms(
    z: Tensor,
    w: Tensor | None,
    even: Tensor,
    odd: Tensor,
    parts: list[tuple[int, int, int]],
    layout: ContractionLayout,
    out: Tensor,
) -> None:
    """Fill ``(C, dim_out, 1 + dim_in, n)`` with ``3 sum over b, c of T_o,abc z_b w_c``."""
    same, other = (rows.transpose(0, 1) for rows in pair_products(z, w, layout))
    e, first = layout.even, layout.even_out
    for element, start, stop in parts:
        block = out[..., start:stop]
        found = _product(even[element], same[..., start:stop])
        split = first * e
        block[:, :first, :e] = found[:, :split].unflatten(1, (first, e))
        block[:, first:, e:] = found[:, split:].unflatten(1, (layout.odd_out, layout.odd_in))
        found = _product(odd[element], other[..., start:stop])
        split = first * layout.odd_in
        block[:, :first, e:] = found[:, :split].unflatten(1, (first, layout.odd_in))
        block[:, first:, :e] = found[:, split:].unflatten(1, (layout.odd_out, e))


def _product(coefficients: Tensor, monomials: Tensor) -> Tensor:
    """``(C, columns, n)``: one matrix product for each channel, for few atoms with these as the rows of the result."""
    if monomials.shape[2] > _FEW_ATOMS:
        return torch.bmm(coefficients, monomials)
    return torch.bmm(monomials.mT.contiguous(), coefficients.mT).mT


def forward(
    x: Tensor, even: Tensor, odd: Tensor, counts: list[int], layout: ContractionLayout
) -> tuple[Tensor, Tensor]:
    """The values ``(C, dim_out, N)``, and their derivatives ``(C, dim_out, 1 + dim_in, N)``."""
    channels, atoms = x.shape[1:]
    values = x.new_empty(channels, layout.dim_out, atoms)
    jacobian = x.new_empty(channels, layout.dim_out, 1 + layout.dim_in, atoms)
    for begin, end, parts in runs(counts, channels):
        z, block = with_constant(x[..., begin:end]), jacobian[..., begin:end]
        forms(z, None, even, odd, parts, layout, block)
        values[..., begin:end] = (block * z.transpose(0, 1)[:, None]).sum(2).div_(3)
    return values, jacobian


def backward(grad: Tensor, jacobian: Tensor) -> Tensor:
    """The gradient ``(d, C, N)`` of ``<grad, values>``."""
    found = jacobian[:, 0, 1:] * grad[:, :1]
    for o in range(1, grad.shape[1]):
        found.addcmul_(jacobian[:, o, 1:], grad[:, o : o + 1])
    return found.transpose(0, 1).contiguous()


def coefficient_gradients(
    grad: Tensor, x: Tensor, v: Tensor | None, counts: list[int], layout: ContractionLayout
) -> tuple[Tensor, Tensor]:
    """Gradients in the coefficients of ``<grad, values>``, or of ``<grad, derivative of the values along v>``."""
    e, first, channels = layout.even, layout.even_out, x.shape[1]
    result = tuple(x.new_empty(len(counts), channels, *shape) for shape in layout.shapes)
    seen = set[int]()
    for begin, end, parts in runs(counts, channels):
        z, g = with_constant(x[..., begin:end]), grad[..., begin:end]
        same, other = (rows.transpose(0, 1) for rows in pair_products(z, None, layout))
        factor = z / 3 if v is None else torch.cat([torch.zeros_like(z[:1]), v[..., begin:end]])
        outer = g[:, :, None] * factor.transpose(0, 1)[:, None]
        of_even = torch.cat([outer[:, :first, :e].flatten(1, 2), outer[:, first:, e:].flatten(1, 2)], 1)
        of_odd = torch.cat([outer[:, :first, e:].flatten(1, 2), outer[:, first:, :e].flatten(1, 2)], 1)
        for element, start, stop in parts:
            for total, left, right in zip(result, (of_even, of_odd), (same, other), strict=True):
                total[element].baddbmm_(left[..., start:stop], right[..., start:stop].mT, beta=int(element in seen))
            seen.add(element)
    for element in range(len(counts)):
        if element not in seen:
            for total in result:
                total[element] = 0
    return result[0], result[1]


def second_derivative(
    grad: Tensor, x: Tensor, v: Tensor, even: Tensor, odd: Tensor, counts: list[int], layout: ContractionLayout
) -> Tensor:
    """The gradient ``(d, C, N)`` in x of ``<grad, derivative of the values along v>``."""
    result = torch.empty_like(x)
    channels = x.shape[1]
    for begin, end, parts in runs(counts, channels):
        z = with_constant(x[..., begin:end])
        w = torch.cat([torch.zeros_like(z[:1]), v[..., begin:end]])
        block = x.new_empty(channels, layout.dim_out, 1 + layout.dim_in, end - begin)
        forms(z, w, even, odd, parts, layout, block)
        result[..., begin:end] = backward(grad[..., begin:end], block).mul_(2)
    return result
