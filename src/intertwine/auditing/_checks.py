"""Validation of the arguments of an audit: elements in the group, actions that satisfy the group law."""

from __future__ import annotations

from typing import Any

import torch

from intertwine.actions import Action, Transform
from intertwine.auditing._measure import distance, floats, same_shapes

_PAIRS = 3
_ROUNDING = 1e-6


def acts(action: Action, transform: Any) -> bool:
    """Whether the matrix of a transform belongs to the group of an action."""
    group, g = action.group, getattr(transform, "linear", None)
    if group is None:
        return True
    return g is not None and g.shape[-1] == group.dimension and bool(group.contains(g).all())


def check_elements(input_action: Action, output_action: Action, transforms: list[Any]) -> None:
    """Check that the elements belong to the groups of both actions.

    Raises:
        ValueError: If not.
    """
    for place, transform in enumerate(transforms):
        if not acts(input_action, transform):
            raise ValueError(_foreign(input_action, transform, place))
        if acts(output_action, transform):
            continue
        if input_action.group is None:
            raise ValueError(
                f"the output action is of {_name(output_action)}, whose elements {input_action!r} does not sample"
            )
        raise ValueError(
            f"the input action is of {_name(input_action)} and the output action of {_name(output_action)}: "
            f"give an output action of {_name(input_action)}"
        )


def _foreign(input_action: Action, transform: Any, place: int) -> str:
    group, g = input_action.group, getattr(transform, "linear", None)
    assert group is not None, "an action without a group accepts any transform"
    if g is None:
        return f"element {place} has no matrix of {group.name}: sample must return one"
    reason = f"a matrix {tuple(g.shape)}"
    if g.shape == (group.dimension, group.dimension):
        reason = f"det g = {float(torch.linalg.det(g)):.2g}"
        if group.orthogonal:
            defect = float((g @ g.mT - torch.eye(len(g), dtype=g.dtype)).abs().max())
            reason = f"g g^T - 1 is as large as {defect:.1e}, {reason}" if defect > _ROUNDING else reason
    return (
        f"element {place} is not in {group.name}: {reason}; sample them with the group's sample, "
        "or use the group that they belong to"
    )


def check_action(action: Action, role: str, transforms: list[Any], data: Any) -> None:
    """Check that (a b) x = a (b x) on these data, if the action is exact and its elements multiply.

    Args:
        action: The action.
        role: "input" or "output".
        transforms: Elements of the group.
        data: Data that the action applies to, float64.

    Raises:
        ValueError: If not, or if the data do not fit the action.
    """
    for a, b in zip(transforms[:_PAIRS], [*transforms[1 : _PAIRS + 1], transforms[0]], strict=False):
        try:
            once = action(b, data)
            if not (action.exact and isinstance(a, Transform)):
                continue
            left, right = action(a @ b, data), action(a, once)
        except (TypeError, ValueError) as error:
            raise type(error)(f"the {role} does not fit the {role} action: {error}") from error
        if not same_shapes(left, right) or not _finite(left):
            continue
        defect = distance(left, right).error
        if defect > _ROUNDING:
            raise ValueError(
                f"the {role} action is not a group action: (a b) x and a (b x) differ by "
                f"{defect:.1e} for a = {action.describe(a)}, b = {action.describe(b)}; correct {_short(action)}"
            )


def _finite(data: Any) -> bool:
    """Whether there are numbers, and all of them are finite."""
    found = list(floats(data))
    return bool(found) and all(bool(torch.isfinite(x).all()) for x in found)


def _name(action: Action) -> str:
    return type(action).__name__ if action.group is None else action.group.name


def _short(action: Action) -> str:
    rep = getattr(action, "rep", None)
    return type(action).__name__ if rep is None else f"the representation {rep} of {type(action).__name__}"
