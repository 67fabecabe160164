"""Energies of atoms and their derivatives in the vectors of the edges, for training: differentiable in the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from intertwine._transforms import is_transformed

EnergyFunction = Callable[[Tensor], Tensor]


def energies_and_slopes(
    energies_of: EnergyFunction, vectors: Tensor, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Energies ``(N,)`` and the derivatives ``(E, 3)`` of their sum in the vectors, both differentiable in the weights.

    A backward pass through a graph of its own goes to the weights alone. In the graph of the caller it would go to the
    vectors too, second derivatives of every function of an edge with it, which nobody asks for.

    Args:
        energies_of: Maps the vectors to the energies.
        vectors: ``(E, 3)``, constants.
        weights: What the function depends on, as far as its derivatives are wanted.

    Returns:
        Both; derivatives of every order in the weights.
    """
    if not weights or torch.compiler.is_compiling() or is_transformed():
        return both(energies_of, vectors)
    found: tuple[Tensor, Tensor] = _EnergiesAndSlopes.apply(energies_of, vectors, *weights)  # type: ignore[no-untyped-call]
    return found


def slopes_of(energy: Tensor, vectors: Tensor, create_graph: bool) -> Tensor:
    """Derivatives ``(E, 3)`` of the energy in the vectors of the edges."""
    (slopes,) = torch.autograd.grad(
        energy, vectors, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    return slopes


def both(energies_of: EnergyFunction, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Energies and the derivatives of their sum in the vectors, in the graph of the caller."""
    vectors = vectors.detach().requires_grad_()
    energies = energies_of(vectors)
    return energies, slopes_of(energies.sum(), vectors, True)


class _EnergiesAndSlopes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, energies_of: EnergyFunction, vectors: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            ctx.found = both(energies_of, vectors)
        ctx.again, ctx.weights = (energies_of, vectors), weights
        return ctx.found[0].detach(), ctx.found[1].detach()

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        further = torch.is_grad_enabled()
        kept = further or bool(torch._C._autograd._get_current_graph_task_keep_graph())
        energies_of, vectors = ctx.again
        # for derivatives of higher orders a graph that belongs to the caller's, which may be freed with it
        outputs = both(energies_of, vectors) if further else ctx.found
        pairs = [(x, g) for x, g in zip(outputs, cotangents, strict=True) if x.requires_grad]
        found = torch.autograd.grad(
            [x for x, _ in pairs],
            ctx.weights,
            [g for _, g in pairs],
            retain_graph=kept,
            create_graph=further,
            allow_unused=True,
        )
        if not kept:
            ctx.found = ctx.again = None
        return None, None, *found
