"""Batch normalization of fields whose copies have several components, in few passes over the memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.ops.grids._convolution import is_executed, is_plain


def normalize_copies(
    fields: Tensor, weight: Tensor, bias: Tensor, copy: Tensor, centered: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization with statistics over the batch, the pixels and the components of a copy together.

        y = w (x - m) / sqrt(p + eps) + b,      p = E (x - m)^2,      m = E x where centered, else 0

    Args:
        fields: ``(B, channels, ...)``, not empty.
        weight: ``(copies,)``.
        bias: ``(copies,)``; it should be zero where not centered.
        copy: ``(channels,)``, to which copy a channel belongs, in order.
        centered: ``(copies,)``, bool: whether the mean is subtracted.
        eps: Added to the second moments.

    Returns:
        The normalized fields, and ``(copies,)`` m and p of the batch, which have no derivatives.

    Cost: on a processor three passes over the fields forward and three backward, a third of the time of the same by
    autograd. Recorded, transformed or on another device it is made of operations of torch.

    Example:
        >>> normal, mean, power = normalize_copies(
        ...     torch.tensor([[[1.0], [3.0]]]), torch.ones(1), torch.zeros(1), torch.tensor([0, 0]),
        ...     torch.tensor([True]), 0.0)
        >>> normal.flatten().tolist(), mean.tolist(), power.tolist()
        ([-1.0, 1.0], [2.0], [1.0])
    """
    if is_plain(fields) and is_plain(weight) and fields.dtype == weight.dtype and is_executed():
        result: tuple[Tensor, Tensor, Tensor] = _Normalization.apply(fields, weight, bias, copy, centered, eps)  # type: ignore[no-untyped-call]
        return result
    return normalize_copies_by_steps(fields, weight, bias, copy, centered, eps)


def normalize_copies_by_steps(
    fields: Tensor, weight: Tensor, bias: Tensor, copy: Tensor, centered: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`normalize_copies` by operations of torch, which can be recorded, transformed and differentiated."""
    pixels = fields.transpose(0, 1).flatten(1)
    width = _sums(weight.new_ones(len(copy)), copy, weight)
    mean = (_sums(pixels.mean(1), copy, weight) / width).masked_fill(~centered, 0.0)
    power = _sums((pixels - mean[copy, None]).square().mean(1), copy, weight) / width
    scale = weight * (power + eps).rsqrt()
    axes = (-1,) + (1,) * (fields.ndim - 2)
    normal = torch.addcmul((bias - mean * scale)[copy].view(axes), fields, scale[copy].view(axes))
    return normal, mean.detach(), power.detach()


def _sums(values: Tensor, copy: Tensor, like: Tensor) -> Tensor:
    """The sum of the channels of each copy."""
    return values.new_zeros(len(like)).index_add(0, copy, values)


class _Normalization(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, fields: Tensor, weight: Tensor, bias: Tensor, copy: Tensor, centered: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        pixels = fields.flatten(2).unsqueeze(3)
        means, variances = torch.batch_norm_update_stats(pixels, None, None, 0.0)
        width = _sums(torch.ones_like(means), copy, weight)
        mean = (_sums(means, copy, weight) / width).masked_fill(~centered, 0.0)
        power = _sums(variances + (means - mean[copy]).square(), copy, weight) / width
        scale = weight * (power + eps).rsqrt()
        shift = bias - mean * scale
        axes = (-1,) + (1,) * (fields.ndim - 2)
        normal = torch.addcmul(shift[copy].view(axes), fields, scale[copy].view(axes))
        ctx.save_for_backward(fields, weight, bias, copy, centered, mean, power, width)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, power)
        return normal, mean, power

    @staticmethod
    def backward(ctx: Any, cotangents: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        fields, weight, _, copy, centered, mean, power, width = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_differentiable_backward(ctx, cotangents), None, None, None
        pixels, slopes = fields.flatten(2).unsqueeze(3), cotangents.flatten(2).unsqueeze(3)
        nothing, ones = torch.zeros_like(mean[copy]), torch.ones_like(mean[copy])
        _, products, totals = torch.ops.aten.native_batch_norm_backward(
            slopes, pixels, None, nothing, ones, None, None, False, 0.0, [False, True, True]
        )  # sums of slopes times fields, and of slopes, for each channel
        inverse = (power + ctx.eps).rsqrt()
        total = _sums(totals, copy, weight)
        to_weight = inverse * (_sums(products, copy, weight) - mean * total)
        to_fields = None
        if ctx.needs_input_grad[0]:
            scale, count = weight * inverse, width * (fields.numel() // len(copy))
            linear = -scale * inverse * to_weight / count
            constant = -linear * mean - (scale * total / count).masked_fill(~centered, 0.0)
            axes = (-1,) + (1,) * (fields.ndim - 2)
            to_fields = torch.addcmul(constant[copy].view(axes), fields, linear[copy].view(axes))
            to_fields.addcmul_(cotangents, scale[copy].view(axes))
        return to_fields, to_weight, total, None, None, None


def _differentiable_backward(ctx: Any, cotangents: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients by operations that have derivatives themselves."""
    fields, weight, bias, copy, centered, *_ = ctx.saved_tensors
    normal, _, _ = normalize_copies_by_steps(fields, weight, bias, copy, centered, ctx.eps)
    needs = ctx.needs_input_grad[:3]
    inputs = [value for value, needed in zip((fields, weight, bias), needs, strict=True) if needed]
    found = iter(torch.autograd.grad(normal, inputs, cotangents, create_graph=True))
    return tuple(next(found) if needed else None for needed in needs)
