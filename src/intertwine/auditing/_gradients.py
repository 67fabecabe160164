"""Gradients commute as well: the vector-Jacobian product of an equivariant function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.actions import Action
from intertwine.auditing._audited_module import AuditedModule, FunctionError
from intertwine.auditing._measure import Distance, convert, distance, floats, tree_map


def gradient_distance(
    audited: AuditedModule, input_action: Action, output_action: Action, element: Any, data: Any, generator: torch.Generator
) -> Distance:
    """How far the gradients of the two sides of the law are apart, in the data and in the weights.

        d/dx <c, f(g x)>  against  d/dx <c, g f(x)>,  c random

    The left one is J(x)^T of what the transposed action makes of J(g x)^T c: the gradients of an equivariant function
    move by the dual action, and those of its weights not at all.

    Args:
        audited: The function.
        input_action: How its input moves.
        output_action: How its output moves.
        element: The element g.
        data: x, float64.
        generator: Draws c.

    Returns:
        The distance of two vectors, of all data and of all weights.

    Raises:
        FunctionError: If the output depends on neither, differentiably.
    """
    with torch.enable_grad():
        data = tree_map(lambda x: x.detach().clone().requires_grad_(x.is_floating_point()), data)
        moved = convert(audited(input_action(element, data)), torch.float64, "cpu")
        expected = output_action(element, convert(audited(data), torch.float64, "cpu"))
        weights = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in floats(expected)]
        leaves = [x for x in floats(data) if x.requires_grad]
        left = _gradient(audited, moved, weights, leaves)
        right = _gradient(audited, expected, weights, leaves)
    return distance(left, right)


def _gradient(audited: AuditedModule, outputs: Any, weights: list[Tensor], leaves: list[Tensor]) -> dict[str, Tensor]:
    products = [(x.real * c).sum() for x, c in zip(floats(outputs), weights, strict=True) if x.requires_grad]
    if not products:
        raise FunctionError(
            "the output does not depend differentiably on data or weights: leave out gradients=True, or mend a detach "
            "or no_grad inside"
        )
    variables = [*leaves, *audited.parameters]
    found = torch.autograd.grad(torch.stack(products).sum(), variables, allow_unused=True, materialize_grads=True)
    components = {"data": found[: len(leaves)], "weights": found[len(leaves) :]}
    return {name: torch.cat([x.double().cpu().flatten() for x in part]) for name, part in components.items() if part}
