"""Gradients of operators whose higher derivatives go through a composition of torch operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

MaybeTensors = list[Tensor | None]


def fake_gradients(arguments: Sequence[Tensor | None], optional: int, needed: bool) -> list[Tensor]:
    """Fakes of the gradients that a backward operator returns: of all arguments given, of one only where needed.

    Args:
        arguments: The differentiable arguments.
        optional: Index of the argument whose gradient is optional.
        needed: Whether it is needed.

    Returns:
        One tensor for each gradient.
    """
    given = [part for i, part in enumerate(arguments) if i != optional or needed]
    return [torch.empty_like(part, memory_format=torch.contiguous_format) for part in given if part is not None]


def align_gradients(
    gradients: Sequence[Tensor], arguments: Sequence[Tensor | None], needs: Sequence[bool], optional: int
) -> MaybeTensors:
    """The gradients that a backward operator returned, one for each argument; ``None`` where not needed."""
    remaining = iter(gradients)
    aligned = [
        None if argument is None or (i == optional and not needs[i]) else next(remaining)
        for i, argument in enumerate(arguments)
    ]
    return [gradient if need else None for gradient, need in zip(aligned, needs, strict=True)]


def composite_gradients(
    function: Callable[..., Any], arguments: Sequence[Tensor | None], needs: Sequence[bool], grads: Any
) -> MaybeTensors:
    """Gradients of a composition of torch operations, which can be differentiated again.

    Args:
        function: Takes the arguments in order.
        arguments: The differentiable arguments.
        needs: Which gradients are needed.
        grads: The cotangents of what the function returns.

    Returns:
        One gradient for each argument; ``None`` where not needed.
    """
    wanted = [i for i, (x, need) in enumerate(zip(arguments, needs, strict=True)) if need and x is not None]

    def of_wanted(*values: Tensor) -> Any:
        replaced = dict(zip(wanted, values, strict=True))
        return function(*(replaced.get(i, x) for i, x in enumerate(arguments)))

    pullback: Any = torch.func.vjp(of_wanted, *(arguments[i] for i in wanted))[1]
    found = dict(zip(wanted, pullback(grads), strict=True))
    return [found.get(i) for i in range(len(arguments))]
