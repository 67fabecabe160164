"""Equivariance error of vector-Jacobian products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from intertwine.actions import Action
from intertwine.auditing._audited_module import AuditedModule, FunctionError
from intertwine.auditing._measure import Distance, convert, distance, floats, tree_map


def gradient_distance(
    audited: AuditedModule,
    input_action: Action,
    output_action: Action,
    element: Any,
    data: Any,
    generator: torch.Generator,
) -> Distance:
    """The distance between the gradients of the two sides of the law, in the data and in the weights.

        d/dx <c, f(g x)>  against  d/dx <c, g f(x)>,  c random

    The gradients of an equivariant function in its data transform by the dual action; those in its weights are
    invariant.

    Args:
        audited: The function under its condition.
        input_action: Action on its input.
        output_action: Action on its output.
        element: The element g.
        data: x, float64.
        generator: Random generator for c.

    Returns:
        The distance, with a component for the data and one for the weights.

    Raises:
        FunctionError: If the output depends differentiably on neither.
    """
    with torch.enable_grad():
        data = tree_map(lambda x: x.detach().clone().requires_grad_(x.is_floating_point()), data)
        transformed = convert(audited(input_action(element, data)), torch.float64, "cpu")
        expected = output_action(element, convert(audited(data), torch.float64, "cpu"))
        weights = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in floats(expected)]
        leaves = [x for x in floats(data) if x.requires_grad]
        left = _gradient(audited, transformed, weights, leaves)
        right = _gradient(audited, expected, weights, leaves)
    return distance(left, right)


def _gradient(audited: AuditedModule, outputs: Any, weights: list[Tensor], leaves: list[Tensor]) -> dict[str, Tensor]:
    products = [(x.real * c).sum() for x, c in zip(floats(outputs), weights, strict=True) if x.requires_grad]
    if not products:
        raise FunctionError(
            "the output does not depend differentiably on data or weights: leave out gradients=True, or remove a "
            "detach or no_grad inside"
        )
    variables = [*leaves, *audited.parameters]
    found = torch.autograd.grad(torch.stack(products).sum(), variables, allow_unused=True, materialize_grads=True)
    components = {"data": found[: len(leaves)], "weights": found[len(leaves) :]}
    return {name: torch.cat([x.double().cpu().flatten() for x in part]) for name, part in components.items() if part}
