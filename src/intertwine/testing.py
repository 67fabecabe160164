"""One line for a test suite: a layer obeys the law that it declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
    """Assert that a layer obeys the law that it declares, layer(g x) = g layer(x).

    Reads ``layer.action_in`` and ``layer.action_out``, else ``layer.rep_in`` and ``layer.rep_out``. The layer is
    measured on a copy, in eval mode unless told otherwise.

    Args:
        layer: A module, or any callable with these attributes.
        action_in: How the input moves, if the layer does not say it or says otherwise.
        action_out: How the output should move, likewise.
        inputs: Data to try it on, or a list of several; drawn by ``action_in.example`` if not given.
        tolerance: The largest relative error that passes, one number or by dtype or condition ("float64, gradient"); by
            default 1e-5 in float32 and 1e-10 in float64.
        samples: How many random elements; the library's own law wants at least 32.
        seed: Seed of the inputs and elements.
        dtypes: The dtypes to measure in.
        modes: "eval", "train" or both.
        execution: Some of "eager", "compiled", "exported".
        gradients: Whether gradients must commute as well.
        steps: How many steps to train the copy first.

    Returns:
        The report, for what else one wants to know.

    Raises:
        EquivarianceError: If it does not; one line with the error, the law, the first failing layer, the worst element.
        TypeError: If neither the layer nor the arguments say how it moves.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> report = assert_equivariant(lambda x: 2 * x, action_in=V, action_out=V)
        >>> report.passed
        True
    """
    input_action = _declared(layer, "in", action_in)
    output_action = _declared(layer, "out", action_out)
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


def _declared(layer: Any, side: str, given: Action | Rep | None) -> Action | Rep:
    candidates = (given, getattr(layer, f"action_{side}", None), getattr(layer, f"rep_{side}", None))
    for candidate in candidates:
        if isinstance(candidate, Action | Rep):
            return candidate
    raise TypeError(
        f"{type(layer).__name__} declares neither action_{side} nor rep_{side}: "
        f"give assert_equivariant(layer, action_{side}=...) an Action or a Rep"
    )
