"""Equivariance audit of a function and of its layers: f(g x) against g f(x)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import Action, Transform, as_action
from intertwine.auditing._audited_module import AuditedModule, trained
from intertwine.auditing._checks import check_action, check_elements
from intertwine.auditing._conditions import EXECUTION_MODES, TRAINING_MODES, AuditCondition, ExecutionMode, TrainingMode
from intertwine.auditing._measure import cast
from intertwine.auditing._report import Report
from intertwine.auditing._run import Trial, run
from intertwine.reps import Rep


def audit(
    f: Callable[..., Any],
    input_action: Action | Rep,
    output_action: Action | Rep,
    *,
    inputs: Any = None,
    samples: int = 32,
    seed: int = 0,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float64),
    layers: bool = True,
    tolerance: float = 1e-5,
    elements: Tensor | None = None,
    modes: Sequence[TrainingMode] = ("eval",),
    execution: Sequence[ExecutionMode] = ("eager",),
    gradients: bool = False,
    steps: int = 0,
) -> Report:
    """Measure how well a function commutes with a group, with translations and with permutations.

        error = max over elements g of ||f(g x) - g f(x)|| / ||g f(x)||

    Each law of the input action is measured alone, then all at once. The error is taken over the whole output and over
    each irrep by its own norm, so that a small irrep is not hidden by a large one; the larger error counts. Inputs are
    transformed and outputs compared in float64, so that only the rounding of f itself is measured; the rounding of an
    irrep relative to the tensor that it is a slice of (64 units in the last place; 1e-12 in float64) is subtracted. A
    module is copied and cast; the original is not changed. Cost: ``samples`` times (laws + 1) evaluations under each
    condition.

    Args:
        f: A module or any callable, called as ``f(*data)`` when data are a tuple, ``f(**data)`` when a dict, else
            ``f(data)``.
        input_action: Action on the input; a representation stands for its linear action.
        output_action: Action on the output.
        inputs: Data to evaluate f on, or a list of several; ``input_action.example`` if not given.
        samples: Number of random elements in all.
        seed: Random seed of the inputs and elements: the same seed gives the same report.
        dtypes: The dtypes to measure in; the table of the report shows the first.
        layers: Whether to measure the submodules that declare ``rep_out`` or ``action_out`` (or ``irreps_out``, as the
            layers of e3nn do) as well.
        tolerance: The largest error that passes.
        elements: ``(n, d, d)`` elements of the input's group instead of random ones, such as ``group.elements``.
        modes: "eval", "train" or both. In training mode each call uses the same random numbers.
        execution: Some of "eager", "compiled" (``torch.compile`` in one graph, backend aot_eager) and "exported"
            (``torch.export``).
        gradients: Whether to compare vector-Jacobian products as well: d/dx <c, f(g x)> against d/dx <c, g f(x)> for
            random c, in the data and in the weights.
        steps: Number of optimizer steps towards random targets that the copy is trained for before it is measured, so
            that weights and running statistics are not those of the initialization.

    Returns:
        The report: a run for each dtype, training mode and execution mode, and of the gradients.

    Raises:
        TypeError: If an action is neither an action nor a representation, or f returns no floating tensor.
        ValueError: If data do not fit their action, an element is not in its group, the two actions are not of the same
            group, or an action violates (a b) x = a (b x).
        FunctionError: If f raises, or does not compile or export; a RuntimeError with one line, raised from the
            exception of f.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> report = audit(lambda x: x * x.norm(dim=-1, keepdim=True), V, V)
        >>> report.max_error < 1e-6
        True
        >>> audit(torch.relu, V, V).passed
        False
    """
    input_action, output_action = as_action(input_action), as_action(output_action)
    if gradients and not (input_action.exact and output_action.exact):
        raise ValueError("gradients=True needs exact actions, without interpolation; use Images")
    conditions = _conditions(samples, dtypes, modes, execution, gradients)
    generator = torch.Generator().manual_seed(seed)
    trials = _trials(input_action, inputs, samples, elements, generator)
    for trial in trials:
        check_elements(input_action, output_action, trial.transforms)
        check_action(input_action, "input", trial.transforms, trial.data)
    name = _name(f)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if steps:
            f = trained(f, [trial.data for trial in trials], steps, name, seed)
        audited_modules = (AuditedModule(f, condition, name, seed) for condition in conditions)
        runs = tuple(run(audited, input_action, output_action, trials, layers, seed) for audited in audited_modules)
    symbols = dict(input_action.laws)
    symbols["all"] = " x ".join(symbols.values())
    return Report(name, symbols, sum(len(trial.transforms) for trial in trials), seed, tolerance, runs)


def _conditions(
    samples: int,
    dtypes: Sequence[torch.dtype],
    modes: Sequence[TrainingMode],
    execution: Sequence[ExecutionMode],
    gradients: bool,
) -> list[AuditCondition]:
    if samples < 1 or not dtypes:
        raise ValueError(f"expected at least one sample and one dtype, got samples={samples}, dtypes={tuple(dtypes)}")
    for what, given, known in (("modes", modes, TRAINING_MODES), ("execution", execution, EXECUTION_MODES)):
        if isinstance(given, str) or not given or not set(given) <= set(known):
            raise ValueError(f"{what} is a tuple of some of {', '.join(known)}; got {given!r}")
    values = [AuditCondition(dtype, mode, how) for how in execution for mode in modes for dtype in dtypes]
    if not gradients:
        return values
    return [*values, *(replace(condition, gradient=True) for condition in values)]


def _trials(
    input_action: Action, inputs: Any, samples: int, elements: Tensor | None, generator: torch.Generator
) -> list[Trial]:
    given = inputs if isinstance(inputs, list) else [inputs]
    if not given:
        raise ValueError("inputs is an empty list: give one input, or None for random ones")
    trials = []
    for data in given:
        data = input_action.example(generator, torch.float64) if data is None else cast(data, torch.float64, "cpu")
        try:
            if elements is None:
                transforms = [input_action.sample(data, generator) for _ in range(ceil(samples / len(given)))]
            else:
                transforms = list(_with_elements(input_action, elements, data, generator))
        except (TypeError, ValueError) as error:
            raise type(error)(f"the input does not fit the input action: {error}") from error
        trials.append(Trial(input_action, data, transforms))
    return trials


def _with_elements(input_action: Action, elements: Tensor, data: Any, generator: torch.Generator) -> Iterable[Any]:
    """Random transforms whose matrices are replaced by the given elements."""
    if not isinstance(elements, Tensor) or elements.ndim != 3 or len(elements) == 0:
        got = tuple(elements.shape) if isinstance(elements, Tensor) else type(elements).__name__
        raise ValueError(f"elements are a tensor (n, d, d) of matrices, got {got}")
    for element in elements:
        transform = input_action.sample(data, generator)
        if not isinstance(transform, Transform) or transform.linear is None:
            raise ValueError(f"{type(input_action).__name__} samples no matrices that elements= could replace")
        yield replace(transform, linear=element.detach().to("cpu", torch.float64))


def _name(f: Callable[..., Any]) -> str:
    return type(f).__name__ if isinstance(f, nn.Module) else getattr(f, "__name__", type(f).__name__)
