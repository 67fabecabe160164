"""The audit: f(g x) against g f(x), for the whole and for every layer that says how its output moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import torch
from torch import nn

from intertwine.actions import Action, Motion, as_action
from intertwine.audit._layers import acts
from intertwine.audit._measure import cast
from intertwine.audit._report import Report
from intertwine.audit._run import Trial, run
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
) -> Report:
    """Measure how well a function commutes with a group, with translations and with permutations.

        error = max over elements g of ||f(g x) - g f(x)|| / ||g f(x)||

    Each law that the input action claims is measured alone, then all at once; the norm is over the whole output. Inputs
    are moved and outputs compared in float64, so that only the rounding of f itself counts. A module is copied, cast
    and put in eval mode; the original is not touched. Cost: ``samples`` times (laws + 1) evaluations in each dtype.

    Args:
        f: A module or any callable, called as ``f(*data)`` when data are a tuple, ``f(**data)`` when a dict, else
            ``f(data)``.
        input_action: How the input moves; a representation stands for the linear action.
        output_action: How the output should move.
        inputs: Data to try it on, or a list of several; drawn by ``input_action.example`` if not given.
        samples: How many random elements in all.
        seed: Seed of the inputs and elements: the same seed gives the same report.
        dtypes: The first one gives the verdict, the others stand beside it.
        layers: Whether to measure the submodules that declare ``rep_out`` or ``action_out`` as well.
        tolerance: The largest error that passes.

    Returns:
        The report.

    Raises:
        TypeError: If an action is neither an action nor a representation, or f returns no floating tensor.
        ValueError: If the two actions are not of one group, or shapes do not fit the actions.

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
    if samples < 1 or not dtypes:
        raise ValueError(f"expected at least one sample and one dtype, got samples={samples}, dtypes={tuple(dtypes)}")
    source, target = as_action(input_action), as_action(output_action)
    generator = torch.Generator().manual_seed(seed)
    trials = _trials(source, inputs, samples, generator)
    for _, motions in trials:
        _same_group(source, target, motions)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        runs = tuple(run(f, source, target, trials, dtype, layers) for dtype in dtypes)
    symbols = dict(source.laws)
    symbols["all"] = " x ".join(symbols.values())
    return Report(_name(f), symbols, sum(len(motions) for _, motions in trials), seed, tolerance, runs)


def _trials(source: Action, inputs: Any, samples: int, generator: torch.Generator) -> list[Trial]:
    given = inputs if isinstance(inputs, list) else [inputs]
    if not given:
        raise ValueError("inputs is an empty list: give one input, or None to have them drawn")
    trials = []
    for data in given:
        data = source.example(generator, torch.float64) if data is None else cast(data, torch.float64, "cpu")
        trials.append((data, [source.sample(data, generator) for _ in range(ceil(samples / len(given)))]))
    return trials


def _same_group(source: Action, target: Action, motions: list[Motion]) -> None:
    if not all(acts(target, motion.linear) for motion in motions):
        raise ValueError(
            f"the input moves by {source.group.name} and the output by {target.group.name}: "
            f"give an output action of {source.group.name}"
        )


def _name(f: Callable[..., Any]) -> str:
    return type(f).__name__ if isinstance(f, nn.Module) else getattr(f, "__name__", type(f).__name__)
