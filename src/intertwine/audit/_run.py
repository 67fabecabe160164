"""All trials of an audit in one dtype."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from math import degrees
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import Action, Motion
from intertwine.audit._layers import Recorder, acts, output_action
from intertwine.audit._measure import Tally, cast, distance, same_shapes
from intertwine.audit._report import Element, Row, Run

Trial = tuple[Any, list[Motion]]
_WHOLE = ""


class _Observed:
    """A function in one dtype that tells what it and its layers return, float64 on the CPU."""

    def __init__(self, f: Callable[..., Any], dtype: torch.dtype, recorder: Recorder) -> None:
        self._f, self._dtype, self._recorder = f, dtype, recorder
        parts = [*f.parameters(), *f.buffers()] if isinstance(f, nn.Module) else []
        self._device = parts[0].device if parts else torch.device("cpu")

    def __call__(self, data: Any) -> dict[str, Any]:
        """The outputs by name in order of execution, the whole function's last."""
        self._recorder.restart()
        whole = self._evaluate(cast(data, self._dtype, self._device))
        return {**self._recorder.outputs, _WHOLE: cast(whole, torch.float64, "cpu")}

    def _evaluate(self, data: Any) -> Any:
        try:
            if isinstance(data, tuple):
                return self._f(*data)
            return self._f(**data) if isinstance(data, Mapping) else self._f(data)
        except RuntimeError as error:
            if not isinstance(self._f, nn.Module):
                error.add_note(f"the audit called it in {self._dtype}; if it knows one dtype only, pass dtypes=(that,)")
            raise


def run(
    f: Callable[..., Any], source: Action, target: Action, trials: list[Trial], dtype: torch.dtype, layers: bool
) -> Run:
    """Measure a function in one dtype.

    Args:
        f: The function; a module is copied.
        source: How its input moves.
        target: How its output should move.
        trials: Inputs in float64, each with the motions to try on it.
        dtype: The dtype to evaluate in.
        layers: Whether to measure layers.

    Returns:
        The errors of each layer and of the whole.
    """
    if isinstance(f, nn.Module):
        f = copy.deepcopy(f).to(dtype).eval()
    laws = [*source.laws, "all"] if len(source.laws) > 1 else [*source.laws]
    tallies: dict[tuple[str, str], Tally] = {}
    elements: list[Element] = []
    repeat_error = 0.0
    with Recorder(f if layers else None) as recorder:
        observed = _Observed(f, dtype, recorder)
        for data, motions in trials:
            reference = observed(data)
            repeat_error = max(repeat_error, distance(observed(data)[_WHOLE], reference[_WHOLE]).error)
            actions = _layer_actions(recorder, reference, source, data, motions)
            for motion, law in ((motion, law) for motion in motions for law in laws):
                element = motion.only(law)
                moved = observed(source(element, data))
                for name, action in actions.items():
                    if name in moved and same_shapes(moved[name], reference[name]):
                        found = distance(moved[name], action(element, reference[name]))
                        tallies.setdefault((name, law), Tally()).add(found, element)
                found = distance(moved[_WHOLE], target(element, reference[_WHOLE]))
                tallies.setdefault((_WHOLE, law), Tally()).add(found, element)
                elements.append(_element(law, found.error, element))
    whole = [_row("output", law, tallies[_WHOLE, law], source) for law in laws]
    if len(laws) == 1:
        whole.append(_row("output", "all", tallies[_WHOLE, laws[0]], source))
    names = dict.fromkeys(name for name, _ in tallies if name != _WHOLE)
    inner = [_row(name, law, tallies[name, law], source) for name in names for law in laws if (name, law) in tallies]
    return Run(str(dtype).removeprefix("torch."), tuple(whole), tuple(inner), tuple(elements), repeat_error)


def _layer_actions(
    recorder: Recorder, reference: dict[str, Any], source: Action, data: Any, motions: list[Motion]
) -> dict[str, Action]:
    """The action of each layer, where it can be told and the group's elements belong to it."""
    actions = {}
    for name, module in recorder.modules.items():
        action = output_action(module, reference[name], source, data) if name in reference else None
        if action is not None and all(acts(action, motion.linear) for motion in motions):
            actions[name] = action
    return actions


def _row(name: str, law: str, tally: Tally, source: Action) -> Row:
    worst = "" if tally.motion is None else tally.motion.describe(source.group)
    return Row(name, law, tally.worst, tally.mean, worst, tally.zero)


def _element(law: str, error: float, motion: Motion) -> Element:
    return Element(law, error, _angle(motion.linear), improper=bool(torch.linalg.det(motion.linear) < 0))


def _angle(g: Tensor) -> float | None:
    """The largest angle by which an orthogonal matrix turns, up to a reflection through the origin, in degrees."""
    n = len(g)
    if not torch.allclose(g @ g.mT, torch.eye(n, dtype=g.dtype), atol=1e-6):
        return None
    if n % 2 and torch.linalg.det(g) < 0:
        g = -g
    return degrees(float(torch.linalg.eigvals(g).angle().abs().max()))
