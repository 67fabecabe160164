"""All trials of an audit under one condition."""

from __future__ import annotations

from math import degrees
from typing import Any

import torch
from torch import Tensor

from intertwine.actions import Action, Transform
from intertwine.auditing._audited_module import AuditedModule
from intertwine.auditing._checks import acts, check_action
from intertwine.auditing._gradients import gradient_distance
from intertwine.auditing._layers import Recorder, output_action
from intertwine.auditing._measure import Distance, ErrorStats, cast, distance, rounding, same_shapes
from intertwine.auditing._report import Element, Row, Run

Trial = tuple[Any, list[Any]]
_WHOLE = ""


class _Trials:
    """The tallies of one run."""

    def __init__(self, subject: AuditedModule, source: Action, target: Action, recorder: Recorder) -> None:
        self._subject, self._source, self._target, self._recorder = subject, source, target, recorder
        self._slack = rounding(subject.condition.dtype)
        self._exact = source.exact and target.exact
        self.laws = [*source.laws, "all"] if len(source.laws) > 1 else [*source.laws]
        self.tallies: dict[tuple[str, str], ErrorStats] = {}
        self.elements: list[Element] = []
        self.repeat_error = 0.0

    def values(self, data: Any, motions: list[Any]) -> None:
        """Compare outputs, of the whole and of each layer whose action is known."""
        with torch.no_grad():
            reference = self._observe(data)
            check_action(self._target, "output", motions, reference[_WHOLE])
            self.repeat_error = max(self.repeat_error, distance(self._observe(data)[_WHOLE], reference[_WHOLE]).error)
            actions = {**self._layer_actions(reference, data, motions), _WHOLE: self._target}
            for motion, law in ((motion, law) for motion in motions for law in self.laws):
                element = self._factor(motion, law)
                moved = self._observe(self._source(element, data))
                control = {} if self._exact else self._control(element, data, reference, actions)
                for name, action in actions.items():
                    if name != _WHOLE and not (name in moved and same_shapes(moved[name], reference[name])):
                        continue
                    found = distance(moved[name], action(element, reference[name]), action, self._slack)
                    lost = control.get(name, Distance(0.0))
                    self._add(name, law, found.beyond(lost), element, lost.whole)

    def gradients(self, data: Any, motions: list[Any], generator: torch.Generator) -> None:
        """Compare gradients."""
        for motion, law in ((motion, law) for motion in motions for law in self.laws):
            element = self._factor(motion, law)
            found = gradient_distance(self._subject, self._source, self._target, element, data, generator)
            self._add(_WHOLE, law, found, element, 0.0)

    def _observe(self, data: Any) -> dict[str, Any]:
        """The outputs by name in order of execution, the whole function's last; float64 on the CPU."""
        self._recorder.restart()
        whole = self._subject(tree_copy(data))
        return {**self._recorder.outputs, _WHOLE: cast(whole, torch.float64, "cpu")}

    def _control(
        self, element: Any, data: Any, reference: dict[str, Any], actions: dict[str, Action]
    ) -> dict[str, Distance]:
        """What the loss of inexact actions alone may do.

        Moving there and back should do nothing; what it does to the input is seen in the outputs, and what it does to
        them, in themselves. What moves badly in an output counts twice, for what was lost before it came to be.
        """
        back = element.inverse
        returned = self._observe(self._source(back, self._source(element, data)))
        control = {}
        for name, action in actions.items():
            if name in returned and same_shapes(returned[name], reference[name]):
                output = reference[name]
                again, tail = action(back, action(element, output)), action.movable(output)
                losses = [distance(x, output, action, self._slack) for x in (returned[name], again, tail, tail)]
                control[name] = sum(losses[1:], losses[0])
        return control

    def _factor(self, motion: Any, law: str) -> Any:
        return motion if law == "all" else self._source.factor(motion, law)

    def _add(self, name: str, law: str, found: Distance, element: Any, control: float) -> None:
        self.tallies.setdefault((name, law), ErrorStats()).add(found, element, control)
        if name == _WHOLE:
            self.elements.append(_element(law, found.error, element))

    def _layer_actions(self, reference: dict[str, Any], data: Any, motions: list[Any]) -> dict[str, Action]:
        """The action of each layer, where it can be told and the group's elements belong to it."""
        actions = {}
        for name, module in self._recorder.modules.items():
            action = output_action(module, reference[name], self._source, data) if name in reference else None
            if action is not None and all(acts(action, motion) for motion in motions):
                actions[name] = action
        return actions

    def run(self) -> Run:
        """What was found."""
        whole = [self._row("output", law, self.tallies[_WHOLE, law]) for law in self.laws]
        if len(self.laws) == 1:
            whole.append(self._row("output", "all", self.tallies[_WHOLE, self.laws[0]]))
        inner = [key for key in self.tallies if key[0] != _WHOLE]
        rows = [
            self._row(name, law, self.tallies[name, law])
            for name in dict.fromkeys(name for name, _ in inner)
            for law in self.laws
            if (name, law) in self.tallies
        ]
        condition = self._subject.condition
        return Run(
            str(condition.dtype).removeprefix("torch."),
            tuple(whole),
            tuple(rows),
            tuple(self.elements),
            self.repeat_error,
            condition.mode,
            condition.form,
            condition.gradient,
        )

    def _row(self, name: str, law: str, tally: ErrorStats) -> Row:
        worst = "" if tally.motion is None else self._source.describe(tally.motion)
        parts = tuple(tally.parts.items())
        return Row(name, law, tally.worst, tally.mean, worst, tally.zero, parts, tally.control)


def run(subject: AuditedModule, source: Action, target: Action, trials: list[Trial], layers: bool, seed: int) -> Run:
    """Measure a function under one condition.

    Args:
        subject: The function.
        source: How its input moves.
        target: How its output should move.
        trials: Inputs in float64, each with the motions to try on it.
        layers: Whether to measure layers.
        seed: Seed of the random covectors of gradients.

    Returns:
        The errors of each layer and of the whole.
    """
    condition = subject.condition
    inside = layers and condition.form == "eager" and not condition.gradient
    with Recorder(subject.function if inside else None) as recorder:
        found = _Trials(subject, source, target, recorder)
        generator = torch.Generator().manual_seed(seed)
        for data, motions in trials:
            if condition.gradient:
                found.gradients(data, motions, generator)
            else:
                found.values(data, motions)
    return found.run()


def tree_copy(data: Any) -> Any:
    """A copy that a careless function may overwrite."""
    return cast(data, torch.float64)


def _element(law: str, error: float, motion: Any) -> Element:
    g = motion.linear if isinstance(motion, Transform) else None
    if g is None:
        return Element(law, error, None, improper=False)
    return Element(law, error, _angle(g), improper=bool(torch.linalg.det(g) < 0))


def _angle(g: Tensor) -> float | None:
    """The largest angle by which an orthogonal matrix turns, up to a reflection through the origin, in degrees."""
    n = len(g)
    if n == 0 or not torch.allclose(g @ g.mT, torch.eye(n, dtype=g.dtype), atol=1e-6):
        return None
    if n % 2 and torch.linalg.det(g) < 0:
        g = -g
    return degrees(float(torch.linalg.eigvals(g).angle().abs().max()))
