"""Assertion that a layer is equivariant as it declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch

from intertwine.actions import Action
from intertwine.auditing import ExecutionMode, Report, TrainingMode, audit
from intertwine.reps import Rep

__all__ = ["assert_equivariant"]

_TOLERANCES = {"float32": 1e-5, "float64": 1e-10}


def assert_equivariant(
    layer: Callable[..., Any],
    *,
    action_in: Action | Rep | None = None,
    action_out: Action | Rep | None = None,
    inputs: Any = None,
    tolerance: float | Mapping[str, float] | None = None,
    samples: int = 32,
    seed: int = 0,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float64),
    modes: Sequence[TrainingMode] = ("eval",),
    execution: Sequence[ExecutionMode] = ("eager",),
    gradients: bool = False,
    steps: int = 0,
) -> Report:
    """Assert that a layer obeys its law, layer(g x) = g layer(x).

    Reads ``layer.action_in`` and ``layer.action_out``, else ``layer.rep_in`` and ``layer.rep_out``. The layer is
    measured on a copy, in eval mode by default.

    Args:
        layer: A module, or any callable with these attributes.
        action_in: Action on the input, where the layer declares none or another one.
        action_out: Action on the output, likewise.
        inputs: Data to evaluate the layer on, or a list of several; ``action_in.example`` if not given.
        tolerance: The largest relative error that passes, one number or by dtype or condition ("float64, gradient"); by
            default 1e-5 in float32 and 1e-10 in float64.
        samples: Number of random group elements; the library's own tests use at least 32.
        seed: Random seed of the inputs and elements.
        dtypes: The dtypes to measure in.
        modes: "eval", "train" or both.
        execution: Some of "eager", "compiled", "exported".
        gradients: Whether to measure the gradients as well.
        steps: Number of optimizer steps that the copy is trained for first.

    Returns:
        The report of the audit.

    Raises:
        EquivarianceError: If an error is above the tolerance; one line with the error, the law, the first failing layer
            and the worst element.
        TypeError: If neither the layer nor the arguments give the actions.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> report = assert_equivariant(lambda x: 2 * x, action_in=V, action_out=V)
        >>> report.passed
        True
    """
    input_action = declared_action(layer, "in", action_in)
    output_action = declared_action(layer, "out", action_out)
    report = audit(
        layer,
        input_action,
        output_action,
        inputs=inputs,
        samples=samples,
        seed=seed,
        dtypes=dtypes,
        modes=modes,
        execution=execution,
        gradients=gradients,
        steps=steps,
    )
    report.check(_TOLERANCES if tolerance is None else tolerance)
    return report


def declared_action(layer: Any, side: Literal["in", "out"], given: Action | Rep | None = None) -> Action | Rep:
    """The action or representation that a layer declares on its input or output.

    Args:
        layer: The layer.
        side: "in" or "out".
        given: Takes precedence if not None.

    Raises:
        TypeError: If there is none.
    """
    candidates = (given, getattr(layer, f"action_{side}", None), getattr(layer, f"rep_{side}", None))
    for candidate in candidates:
        if isinstance(candidate, Action | Rep):
            return candidate
    raise TypeError(
        f"{type(layer).__name__} declares neither action_{side} nor rep_{side}: "
        f"give assert_equivariant(layer, action_{side}=...) an Action or a Rep"
    )
