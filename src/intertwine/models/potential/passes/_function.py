"""Energies and slopes by the passes as an operation of autograd, differentiable in the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine.models.potential.passes._energies import Program, energies_and_slopes
from intertwine.models.potential.passes._gradients import constants_of, weight_gradients
from intertwine.models.potential.passes._tables import Tables

Reference = Callable[[Tensor], tuple[Tensor, Tensor]]


def differentiable_energies_and_slopes(
    make: Callable[[], Program], tables: Tables, vectors: Tensor, reference: Reference, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Energies ``(N,)`` and the derivatives ``(E, 3)`` of their sum, differentiable in the weights.

    Args:
        make: Folds the weights.
        tables: Of the edges.
        vectors: ``(E, 3)``, constants.
        reference: The same by autograd, for derivatives of higher orders.
        weights: Those whose gradients are wanted.
    """
    found: tuple[Tensor, Tensor] = _Passes.apply(make, tables, vectors, reference, *weights)  # type: ignore[no-untyped-call]
    return found


class _Passes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        make: Callable[[], Program],
        tables: Tables,
        vectors: Tensor,
        reference: Reference,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", enabled=False):
            with torch.enable_grad():
                program = make()
            energies, slopes, tape = energies_and_slopes(program, tables, vectors, recorded=True)
        ctx.found, ctx.again, ctx.weights = (program, tables, tape), (reference, vectors), weights
        return energies, slopes

    @staticmethod
    def backward(ctx: Any, of_energies: Tensor, of_slopes: Tensor) -> tuple[Tensor | None, ...]:
        further = torch.is_grad_enabled()
        kept = further or bool(torch._C._autograd._get_current_graph_task_keep_graph())
        if further:
            reference, vectors = ctx.again
            outputs, given = list(reference(vectors)), [of_energies, of_slopes]
        else:
            program, tables, tape = ctx.found
            with torch.autocast("cpu", enabled=False):
                gradients = constants_of(weight_gradients(program, tables, tape, of_energies, of_slopes))
            pairs = zip(constants_of(program), gradients, strict=True)
            outputs, given = (list(x) for x in zip(*((c, g) for c, g in pairs if c.requires_grad), strict=True))
        found = torch.autograd.grad(
            outputs, ctx.weights, given, retain_graph=kept, create_graph=further, allow_unused=True
        )
        if not kept:
            ctx.found = ctx.again = None
        return None, None, None, None, *found
