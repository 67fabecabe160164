"""Error measurement under one condition, over all inputs and group elements."""

from __future__ import annotations

from math import degrees
from typing import Any

import torch
from torch import Tensor

from intertwine._constant_weights import constant_weights
from intertwine.actions import Action, Transform
from intertwine.auditing._audited_module import AuditedModule
from intertwine.auditing._checks import acts, check_action
from intertwine.auditing._gradients import gradient_distance
from intertwine.auditing._layers import Recorder, declared_action
from intertwine.auditing._measure import Distance, ErrorStats, cast, distance, rounding, same_shapes
from intertwine.auditing._results import AuditRun, ElementError, LayerError

_WHOLE = ""


class Trial:
    """An input with the transforms to apply to it; all conditions share their elements.

    Attributes:
        data: The input, float64.
        transforms: The transforms.
        elements: Their factors under each law, ``(law, element)``.
    """

    def __init__(self, input_action: Action, data: Any, transforms: list[Any]) -> None:
        self.data, self.transforms = data, transforms
        self.elements = [
            (law, transform if law == "all" else input_action.factor(transform, law))
            for transform in transforms
            for law in measured_laws(input_action)
        ]


def measured_laws(action: Action) -> list[str]:
    """The laws of an action, and "all" at once if there are several."""
    return [*action.laws, "all"] if len(action.laws) > 1 else [*action.laws]


class _Measurement:
    """Error statistics of the whole function and of its layers under one condition."""

    def __init__(self, audited: AuditedModule, input_action: Action, output_action: Action, recorder: Recorder) -> None:
        self._audited, self._recorder = audited, recorder
        self._input_action, self._output_action = input_action, output_action
        self._slack = rounding(audited.condition.dtype)
        self._exact = input_action.exact and output_action.exact
        self.laws = measured_laws(input_action)
        self.stats: dict[tuple[str, str], ErrorStats] = {}
        self.elements: list[ElementError] = []
        self.repeat_error = 0.0

    def values(self, trial: Trial) -> None:
        """Compare outputs of the whole function and of each layer whose action is known."""
        data, transforms = trial.data, trial.transforms
        with torch.no_grad(), constant_weights():
            reference = self._observe(data)
            check_action(self._output_action, "output", transforms, reference[_WHOLE])
            self.repeat_error = max(self.repeat_error, distance(self._observe(data)[_WHOLE], reference[_WHOLE]).error)
            actions = {**self._layer_actions(reference, data, transforms), _WHOLE: self._output_action}
            for law, element in trial.elements:
                transformed = self._observe(self._input_action(element, data))
                control = {} if self._exact else self._control(element, data, reference, actions)
                for name, action in actions.items():
                    if name != _WHOLE and not (name in transformed and same_shapes(transformed[name], reference[name])):
                        continue
                    found = distance(transformed[name], action(element, reference[name]), action, self._slack)
                    interpolation = control.get(name, Distance(0.0))
                    self._add(name, law, found.beyond(interpolation), element, interpolation.whole)

    def gradients(self, trial: Trial, generator: torch.Generator) -> None:
        """Compare gradients."""
        actions = self._input_action, self._output_action
        for law, element in trial.elements:
            found = gradient_distance(self._audited, *actions, element, trial.data, generator)
            self._add(_WHOLE, law, found, element, 0.0)

    def _observe(self, data: Any) -> dict[str, Any]:
        """The outputs of the layers and of the whole function by name, in order of execution; float64 on the CPU."""
        self._recorder.restart()
        whole = self._audited(cast(data, torch.float64))  # a copy: the function may write to its input
        return {**self._recorder.outputs, _WHOLE: cast(whole, torch.float64, "cpu")}

    def _control(
        self, element: Any, data: Any, reference: dict[str, Any], actions: dict[str, Action]
    ) -> dict[str, Distance]:
        """The error that interpolation alone can cause.

        An element and then its inverse should change nothing: the control is the change of the outputs when the input
        is transformed so, plus the change of the outputs when they are, plus twice the high-frequency part of the
        outputs, once for what was lost before they were computed.
        """
        inverse = element.inverse
        returned = self._observe(self._input_action(inverse, self._input_action(element, data)))
        control = {}
        for name, action in actions.items():
            if name in returned and same_shapes(returned[name], reference[name]):
                output = reference[name]
                again, smooth = action(inverse, action(element, output)), action.lossless_part(output)
                losses = [distance(x, output, action, self._slack) for x in (returned[name], again, smooth, smooth)]
                control[name] = sum(losses[1:], losses[0])
        return control

    def _add(self, name: str, law: str, found: Distance, element: Any, control: float) -> None:
        self.stats.setdefault((name, law), ErrorStats()).add(found, element, control)
        if name == _WHOLE:
            self.elements.append(_element(law, found.error, element))

    def _layer_actions(self, reference: dict[str, Any], data: Any, transforms: list[Any]) -> dict[str, Action]:
        """The action of each layer, where it is known and the elements belong to its group."""
        actions = {}
        for name, module in self._recorder.modules.items():
            action = declared_action(module, reference[name], self._input_action, data) if name in reference else None
            if action is not None and all(acts(action, transform) for transform in transforms):
                actions[name] = action
        return actions

    def run(self) -> AuditRun:
        """The results."""
        whole = [self._row("output", law, self.stats[_WHOLE, law]) for law in self.laws]
        if len(self.laws) == 1:
            whole.append(self._row("output", "all", self.stats[_WHOLE, self.laws[0]]))
        inner = [key for key in self.stats if key[0] != _WHOLE]
        rows = [
            self._row(name, law, self.stats[name, law])
            for name in dict.fromkeys(name for name, _ in inner)
            for law in self.laws
            if (name, law) in self.stats
        ]
        condition = self._audited.condition
        return AuditRun(
            str(condition.dtype).removeprefix("torch."),
            tuple(whole),
            tuple(rows),
            tuple(self.elements),
            self.repeat_error,
            condition.mode,
            condition.execution,
            condition.gradient,
        )

    def _row(self, name: str, law: str, stats: ErrorStats) -> LayerError:
        worst = "" if stats.transform is None else self._input_action.describe(stats.transform)
        components = tuple(stats.components.items())
        return LayerError(name, law, stats.worst, stats.mean, worst, stats.zero, components, stats.control)


def run(
    audited: AuditedModule, input_action: Action, output_action: Action, trials: list[Trial], layers: bool, seed: int
) -> AuditRun:
    """Measure a function under one condition.

    Args:
        audited: The function under its condition.
        input_action: Action on its input.
        output_action: Action on its output.
        trials: Inputs with the transforms to apply to them.
        layers: Whether to measure layers.
        seed: Seed of the random covectors of gradients.

    Returns:
        The errors of each layer and of the whole.
    """
    condition = audited.condition
    inside = layers and condition.execution == "eager" and not condition.gradient
    with Recorder(audited.function if inside else None) as recorder:
        found = _Measurement(audited, input_action, output_action, recorder)
        generator = torch.Generator().manual_seed(seed)
        for trial in trials:
            if condition.gradient:
                found.gradients(trial, generator)
            else:
                found.values(trial)
    return found.run()


def _element(law: str, error: float, transform: Any) -> ElementError:
    g = transform.linear if isinstance(transform, Transform) else None
    if g is None:
        return ElementError(law, error, None, improper=False)
    return ElementError(law, error, _angle(g), improper=bool(torch.linalg.det(g) < 0))


def _angle(g: Tensor) -> float | None:
    """The largest rotation angle of an orthogonal matrix up to the inversion, in degrees."""
    n = len(g)
    if n == 0 or not torch.allclose(g @ g.mT, torch.eye(n, dtype=g.dtype), atol=1e-6):
        return None
    if n % 2 and torch.linalg.det(g) < 0:
        g = -g
    return degrees(float(torch.linalg.eigvals(g).angle().abs().max()))
