"""Convolution of images and volumes by the faster of two ways."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine._transforms import is_transformed
from intertwine.ops.grids._dft import Sizes
from intertwine.ops.grids._fourier_convolution import fourier_convolution, period
from intertwine.ops.grids._reflection import FilterReflection

ADVANTAGE = 1.5
"""How many times fewer operations the Fourier transform must need, by :func:`direct_cost` and :func:`fourier_cost`."""
SMALLEST = 5e7
"""Operations of the direct sum below which it is always taken."""


def grid_convolution(
    fields: Tensor,
    filters: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    reflection: FilterReflection | None = None,
) -> Tensor:
    """``torch.nn.functional.conv2d`` or ``conv3d``, on a processor by Fourier transforms where that is faster.

    Both ways are the same function up to rounding. The Fourier transform is taken of float32 and float64 tensors in the
    main memory, with stride, dilation and groups of 1, where it needs ``ADVANTAGE`` times fewer operations: from about
    32 channels on with filters of 5 x 5 pixels, on images of up to about 60 pixels. Autocast, ``torch.compile``,
    ``torch.export``, tracing and the transforms of ``torch.func`` see the operation of torch.

    Args:
        fields: ``(B, C, H, W)`` or ``(B, C, D, H, W)``.
        filters: ``(O, C / groups, ...)``.
        bias: ``(O,)``.
        stride: As for ``conv2d``.
        padding: Zeros on each side.
        dilation: As for ``conv2d``.
        groups: As for ``conv2d``.
        reflection: A symmetry that the filters have, which is not checked: ``K(-z) = P_out K(z) P_in``. With a padding
            of half the filter it makes the products at each frequency real, half as many multiplications; the gradient
            of the filters is then its part with that symmetry.

    Returns:
        ``(B, O, ...)``.

    Cost: the lower of :func:`direct_cost` and :func:`fourier_cost`.

    Example:
        >>> grid_convolution(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3), padding=1)[0, 0].tolist()
        [[4.0, 6.0, 4.0], [6.0, 9.0, 6.0], [4.0, 6.0, 4.0]]
    """
    if any(size != 2 * padding + 1 for size in filters.shape[2:]):
        reflection = None
    if stride == dilation == groups == 1 and fourier_is_faster(fields, filters, padding, reflection):
        return fourier_convolution(fields, filters, bias, (padding,) * (fields.ndim - 2), reflection)
    convolve = functional.conv2d if filters.ndim == 4 else functional.conv3d
    return convolve(fields, filters, bias, stride, padding, dilation, groups)


def fourier_is_faster(
    fields: Tensor, filters: Tensor, padding: int, reflection: FilterReflection | None = None
) -> bool:
    """Whether the convolution of stride 1 is computed by Fourier transforms."""
    if not (is_plain(fields) and is_plain(filters)) or fields.dtype != filters.dtype or not is_executed():
        return False
    kernel, shape = tuple(filters.shape[2:]), tuple(fields.shape[2:])
    if len(shape) != len(kernel) or padding >= min(kernel) or fields.shape[1] != filters.shape[1]:
        return False
    if any(n + 2 * padding < k for n, k in zip(shape, kernel, strict=True)):
        return False
    direct = direct_cost(fields.shape, filters.shape, padding)
    parts = 2 if reflection is None else 1
    return direct > SMALLEST and direct > ADVANTAGE * fourier_cost(fields.shape, filters.shape, padding, parts)


def direct_cost(fields: Sizes, filters: Sizes, padding: int) -> float:
    """Multiplications and additions of the sum over the pixels of the filter: ``2 B C O k^d n^d``."""
    after = [n + 2 * padding - k + 1 for n, k in zip(fields[2:], filters[2:], strict=True)]
    return 2.0 * fields[0] * prod(filters) * prod(after)


def fourier_cost(fields: Sizes, filters: Sizes, padding: int, parts: int = 2) -> float:
    """Multiplications and additions by Fourier transforms; those of fields, which wait for the memory, count twice.

    For F frequencies, about half as many as points of the period, and images of height n: products of ``8 F B C O``,
    transforms of the filters of ``8 F k^(d-1) C O``, both half of that where the filters have one real part, and
    transforms of fields of about ``12 F n B (C + O)``.
    """
    batch, channels, *shape = fields
    out, _, *kernel = filters
    lengths = period(tuple(shape), (padding,) * len(shape))
    half = lengths[-1] // 2 + 1
    frequencies = half * prod(lengths[:-1])
    of_field, pixels, found = 0.0, prod(shape), 1
    for axis, (n, length) in enumerate(zip(reversed(shape), reversed(lengths), strict=True)):
        after = half if axis == 0 else length
        of_field += (4.0 if axis == 0 else 8.0) * found * after * pixels
        found, pixels = found * after, pixels // n
    products = 4.0 * parts * frequencies * channels * out * (batch + prod(kernel[:-1]))
    return products + 2 * batch * (channels + out) * of_field


def is_plain(tensor: Tensor) -> bool:
    """Whether a tensor is an ordinary one in the main memory, of single or double precision."""
    return (
        type(tensor) in (Tensor, nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.dtype in (torch.float32, torch.float64)
        and tensor.layout == torch.strided
    )


def is_executed() -> bool:
    """Whether operations are carried out as they are called: not recorded, transformed or cast."""
    recorded = (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._len_torch_dispatch_stack() > 0
    )
    return not (recorded or is_transformed() or torch.is_autocast_enabled("cpu"))
