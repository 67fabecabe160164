"""Exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """``average <- d average + (1 - d) weight`` after step t, with ``d = min(decay, (1 + t) / (10 + t))``.

    The small decay of the first steps reduces the influence of the initial weights. Parameters that require a gradient
    are averaged; the rest of the state dict is copied.

    Args:
        model: The model, on its device.
        decay: Between 0 and 1.
        values: The average to continue from.
        updates: The number of steps in it.
    """

    def __init__(
        self, model: nn.Module, decay: float, values: Mapping[str, Tensor] | None = None, updates: int = 0
    ) -> None:
        self.decay = decay
        self.updates = updates
        self.values = {name: weight.detach().clone() for name, weight in _trainable(model).items()}
        for name, value in (values or {}).items():
            self.values[name].copy_(value)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Add the weights after one more step."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        parameters = _trainable(model)
        for name, value in self.values.items():
            value.lerp_(parameters[name], 1 - decay)

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchange the weights and their average; a second call restores both exactly."""
        parameters = _trainable(model)
        for name, value in self.values.items():
            weight = parameters[name].clone()
            parameters[name].copy_(value)
            value.copy_(weight)


def snapshot(model: nn.Module, average: MovingAverage | None = None) -> dict[str, Tensor]:
    """A copy of the model's state dict on the CPU, with the moving average instead of the weights if one is given.

    Tied weights are saved under each of their names.
    """
    state = {name: value.detach() for name, value in model.state_dict().items()}
    if average is not None:
        first_names = {id(weight): name for name, weight in _trainable(model).items()}
        for name, weight in model.named_parameters(remove_duplicate=False):
            if id(weight) in first_names and name in state:
                state[name] = average.values[first_names[id(weight)]]
    return {name: value.to("cpu", copy=True).contiguous() for name, value in state.items()}


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
