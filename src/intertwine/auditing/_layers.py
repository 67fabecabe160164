"""Outputs of the layers of a network by forward hooks, and the actions on them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import Action, Images, LinearAction, PointCloud, PointFeatures, PointSubset, RotatedImages
from intertwine.auditing._measure import cast
from intertwine.groups import O3
from intertwine.reps import Rep


class Recorder:
    """Records, inside ``with``, the outputs of the submodules that declare ``action_out`` or ``rep_out``.

    The submodules of a module with ``measured_whole = True`` are not recorded: they act on data in another frame, where
    their own law does not apply.

    Attributes:
        outputs: The output of each call by name, in order of execution, float64 on the CPU. The second call of "mix" is
            "mix (2)".
        modules: The module of each of these names.
    """

    def __init__(self, network: Any) -> None:
        self.outputs: dict[str, Any] = {}
        self.modules: dict[str, nn.Module] = {}
        self._calls: Counter[str] = Counter()
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self._network = network

    def __enter__(self) -> Recorder:
        if isinstance(self._network, nn.Module):
            closed = tuple(
                f"{name}." if name else ""
                for name, module in self._network.named_modules()
                if getattr(module, "measured_whole", False)
            )
            for name, module in self._network.named_modules():
                if name and declares(module) and not name.startswith(closed):
                    self._hooks.append(module.register_forward_hook(self._hook(name)))
        return self

    def __exit__(self, *failure: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def restart(self) -> None:
        """Clear the recorded outputs before the next call of the network."""
        self.outputs = {}
        self._calls.clear()

    def _hook(self, name: str) -> Any:
        def record(module: nn.Module, inputs: Any, output: Any) -> None:
            self._calls[name] += 1
            key = name if self._calls[name] == 1 else f"{name} ({self._calls[name]})"
            self.modules[key] = module
            self.outputs[key] = cast(output, torch.float64, "cpu")

        return record


def declares(module: nn.Module) -> bool:
    """Whether the module declares the action on its output."""
    return isinstance(getattr(module, "action_out", None), Action) or _rep(module) is not None


def declared_action(module: nn.Module, output: Any, input_action: Action, data: Any) -> Action | None:
    """The action on the output of a layer, from ``action_out``, else from ``rep_out`` and the shape of the output.

    Args:
        module: The layer.
        output: The output of the layer.
        input_action: Action on the input of the network.
        data: The network's input.

    Returns:
        The action, or None if the output is not of the declared type.
    """
    action = getattr(module, "action_out", None)
    if isinstance(action, Action):
        if isinstance(action, PointFeatures) and isinstance(input_action, PointCloud) and isinstance(output, Tensor):
            # a layer with fewer output points, which are numbered in the order of selection
            found = input_action.feature_action(action.rep, output, data)
            if isinstance(found, LinearAction):
                return PointSubset(action.rep) if 1 < len(output) < len(data[1]) else found
            return action
        if isinstance(action, Images | RotatedImages) and isinstance(input_action, Images | RotatedImages):
            # the shifts, strides and elements are those of the network's input
            return input_action.feature_action(action.rep, output, data) if isinstance(output, Tensor) else None
        return action
    rep = _rep(module)
    if rep is None or not isinstance(output, Tensor):
        return None
    return input_action.feature_action(rep, output, data)


def _rep(module: nn.Module) -> Rep | None:
    """``rep_out``, or the ``irreps_out`` of a layer of e3nn."""
    rep = getattr(module, "rep_out", None)
    if isinstance(rep, Rep):
        return rep
    irreps = getattr(module, "irreps_out", None)
    if irreps is None:
        return None
    try:
        return O3().rep(irreps)
    except (TypeError, ValueError):
        return None
