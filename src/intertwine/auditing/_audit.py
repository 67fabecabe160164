"""The audit: f(g x) against g f(x), for the whole and for every layer that says how its output moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import Action, Transform, as_action
from intertwine.auditing._audited_module import EXECUTION_MODES, TRAINING_MODES, AuditedModule, AuditCondition, ExecutionMode, TrainingMode, trained
from intertwine.auditing._checks import check_action, check_elements
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

    Each law that the input action claims is measured alone, then all at once. The norm is over the whole output, and
    over each irrep of it, lest a small one hide in a large one: the larger error counts. Inputs are moved and outputs
    compared in float64, so that only the rounding of f itself counts; what an irrep loses by the rounding of the tensor
    that it is a part of (64 units in the last place; 1e-12 in float64) is not held against it. A module is copied and
    cast; the original is not touched. Cost: ``samples`` times (laws + 1) evaluations under each condition.

    Args:
        f: A module or any callable, called as ``f(*data)`` when data are a tuple, ``f(**data)`` when a dict, else
            ``f(data)``.
        input_action: How the input moves; a representation stands for the linear action.
        output_action: How the output should move.
        inputs: Data to try it on, or a list of several; drawn by ``input_action.example`` if not given.
        samples: How many random elements in all.
        seed: Seed of the inputs and elements: the same seed gives the same report.
        dtypes: The first one gives the verdict, the others stand beside it.
        layers: Whether to measure the submodules that declare ``rep_out`` or ``action_out`` (or ``irreps_out``, as the
            layers of e3nn do) as well.
        tolerance: The largest error that passes.
        elements: ``(n, d, d)`` elements of the input's group to try instead of random ones, such as ``group.elements``.
        modes: "eval", "train" or both. In training mode each call draws the same random numbers.
        execution: "eager", "compiled" (``torch.compile`` in one graph, backend aot_eager), "exported" (``torch.export``).
        gradients: Whether to compare vector-Jacobian products as well: d/dx <c, f(g x)> against d/dx <c, g f(x)> for
            random c, in the data and in the weights.
        steps: How many steps to train the copy towards random outputs before it is measured: weights and running
            statistics as they are in use.

    Returns:
        The report: a run for each dtype, mode and form, and of the gradients.

    Raises:
        TypeError: If an action is neither an action nor a representation, or f returns no floating tensor.
        ValueError: If data do not fit their action, an element is not in its group, the two actions are not of one
            group, or an action is not an action, (a b) x = a (b x).
        FunctionError: If f raises, compiles or exports not; a RuntimeError, in one line, raised from what f raised.

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
    source, target = as_action(input_action), as_action(output_action)
    if gradients and not (source.exact and target.exact):
        raise ValueError("gradients=True needs exact actions: interpolation has no control there; try Images")
    conditions = _conditions(samples, dtypes, modes, execution, gradients)
    generator = torch.Generator().manual_seed(seed)
    trials = _trials(source, inputs, samples, elements, generator)
    for data, transforms in trials:
        check_elements(source, target, transforms)
        check_action(source, "input", transforms, data)
    name = _name(f)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if steps:
            f = trained(f, [data for data, _ in trials], steps, name, seed)
        audited_modules = (AuditedModule(f, condition, name, seed) for condition in conditions)
        runs = tuple(run(audited, source, target, trials, layers, seed) for audited in audited_modules)
    symbols = dict(source.laws)
    symbols["all"] = " x ".join(symbols.values())
    return Report(name, symbols, sum(len(transforms) for _, transforms in trials), seed, tolerance, runs)


def _conditions(
    samples: int, dtypes: Sequence[torch.dtype], modes: Sequence[TrainingMode], execution: Sequence[ExecutionMode], gradients: bool
) -> list[AuditCondition]:
    if samples < 1 or not dtypes:
        raise ValueError(f"expected at least one sample and one dtype, got samples={samples}, dtypes={tuple(dtypes)}")
    for what, given, known in (("modes", modes, TRAINING_MODES), ("execution", execution, EXECUTION_MODES)):
        if isinstance(given, str) or not given or not set(given) <= set(known):
            raise ValueError(f"{what} is a tuple of some of {', '.join(known)}; got {given!r}")
    values = [AuditCondition(dtype, mode, execution) for execution in execution for mode in modes for dtype in dtypes]
    if not gradients:
        return values
    return [*values, *(replace(condition, gradient=True) for condition in values)]


def _trials(
    source: Action, inputs: Any, samples: int, elements: Tensor | None, generator: torch.Generator
) -> list[Trial]:
    given = inputs if isinstance(inputs, list) else [inputs]
    if not given:
        raise ValueError("inputs is an empty list: give one input, or None to have them drawn")
    trials = []
    for data in given:
        data = source.example(generator, torch.float64) if data is None else cast(data, torch.float64, "cpu")
        try:
            if elements is None:
                transforms = [source.sample(data, generator) for _ in range(ceil(samples / len(given)))]
            else:
                transforms = list(_given(source, elements, data, generator))
        except (TypeError, ValueError) as error:
            raise type(error)(f"the input does not fit the input action: {error}") from error
        trials.append((data, transforms))
    return trials


def _given(source: Action, elements: Tensor, data: Any, generator: torch.Generator) -> Iterable[Any]:
    """Random motions with the given matrices."""
    if not isinstance(elements, Tensor) or elements.ndim != 3 or len(elements) == 0:
        got = tuple(elements.shape) if isinstance(elements, Tensor) else type(elements).__name__
        raise ValueError(f"elements are a tensor (n, d, d) of matrices, got {got}")
    for element in elements:
        transform = source.sample(data, generator)
        if not isinstance(transform, Transform) or transform.linear is None:
            raise ValueError(f"{type(source).__name__} draws no matrices, so that elements= cannot replace them")
        yield replace(transform, linear=element.detach().to("cpu", torch.float64))


def _name(f: Callable[..., Any]) -> str:
    return type(f).__name__ if isinstance(f, nn.Module) else getattr(f, "__name__", type(f).__name__)
