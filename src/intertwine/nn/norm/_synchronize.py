"""Batch statistics over all processes of distributed training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, distributed

_ROWS_COUNT: ContextVar[bool] = ContextVar("rows_count", default=True)


@contextmanager
def without_rows() -> Iterator[None]:
    """Context in which the rows of this process do not count in the statistics of all processes.

    For a process that has no examples in a step and computes on padding, because all must take part in the step. Its
    rows are normalized by the statistics of the others. A process that is alone is not affected.
    """
    token = _ROWS_COUNT.set(False)
    try:
        yield
    finally:
        _ROWS_COUNT.reset(token)


class _AllReduceSum(torch.autograd.Function):
    """Sum over processes; so is its derivative, to any order."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _sum_over_processes(grad)


def _sum_over_processes(value: Tensor) -> Tensor:
    result: Tensor = _AllReduceSum.apply(value)  # type: ignore[no-untyped-call]
    return result


def is_distributed() -> bool:
    """Whether several processes train together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def synchronize_moments(mean: Tensor, variance: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
    """Mean and variance over the rows of all processes from those of each, differentiable to any order.

        n = sum_r n_r,    mean = sum_r n_r mean_r / n,    variance = sum_r n_r (variance_r + (mean_r - mean)^2) / n

    Every process must call it, one without rows too; in `without_rows` n_r is zero. A gradient is that of the sum of
    the losses of all processes.

    Args:
        mean: ``(C,)`` of this process; zero without rows.
        variance: ``(C,)`` of this process, biased; zero without rows.
        count: Number of rows of this process, which may differ between processes.

    Returns:
        Mean and biased variance, and the number of rows of all processes.

    Reference: Chan, Golub, LeVeque, Updating formulae for computing sample variances, 1979.
    """
    count = count if _ROWS_COUNT.get() else 0
    totals = _sum_over_processes(torch.cat([mean.double() * count, mean.new_tensor([count]).double()]))
    total = totals[-1].detach().clamp_min(1)
    overall = totals[:-1] / total
    spread = count * (variance.double() + (mean.double() - overall).square())
    return overall.to(mean), (_sum_over_processes(spread) / total).to(variance), float(totals[-1].detach())


def synchronized_batch_norm(norm: torch.nn.BatchNorm1d, values: Tensor) -> Tensor:
    """``norm(values)`` in training with the statistics of all processes, computed in float64 as torch's are on the CPU.

    Args:
        norm: Has scale, shift and running statistics.
        values: ``(N, C)`` or ``(N, C, L)`` of this process, which may be empty.

    Returns:
        The shape of ``values``.
    """
    dtype, values = values.dtype, values.double()
    dims = [axis for axis in range(values.ndim) if axis != 1]
    count = values.numel() // max(values.shape[1], 1)
    mean = values.sum(dims) / max(count, 1)
    variance = (values - _column(mean, values)).square().sum(dims) / max(count, 1)
    mean, variance, total = synchronize_moments(mean, variance, count)
    if total < 2:  # a single row has no variance: as in evaluation
        mean, variance, _ = _running_statistics(norm)
    else:
        _update_running_statistics(norm, mean.detach(), variance.detach() * (total / (total - 1)))
    scale = norm.weight * (variance + norm.eps).rsqrt()
    return ((values - _column(mean, values)) * _column(scale, values) + _column(norm.bias, values)).to(dtype)


def _update_running_statistics(norm: torch.nn.BatchNorm1d, mean: Tensor, variance: Tensor) -> None:
    running_mean, running_variance, batches = _running_statistics(norm)
    assert norm.momentum is not None, "the running statistics have a momentum"
    with torch.no_grad():
        batches.add_(1)
        running_mean.lerp_(mean.to(running_mean), norm.momentum)
        running_variance.lerp_(variance.to(running_variance), norm.momentum)


def _running_statistics(norm: torch.nn.BatchNorm1d) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and number of batches."""
    mean, variance, batches = norm.running_mean, norm.running_var, norm.num_batches_tracked
    assert mean is not None, "running statistics are tracked"
    assert variance is not None, "running statistics are tracked"
    assert batches is not None, "running statistics are tracked"
    return mean, variance, batches


def _column(per_channel: Tensor, values: Tensor) -> Tensor:
    return per_channel.view(-1, *[1] * (values.ndim - 2))
