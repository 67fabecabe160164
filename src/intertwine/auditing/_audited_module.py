"""Audited function under one condition: copied, cast, trained, compiled, exported."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.auditing._conditions import AuditCondition
from intertwine.auditing._measure import cast, convert, floats, tree_map


class FunctionError(RuntimeError):
    """The audited function raised an exception; one line with the layer, the dtypes and shapes, and a remedy."""


class AuditedModule:
    """A function under one condition. A module is copied, so that the original is not changed.

    Attributes:
        function: The function, or the copy of the module.
        condition: The condition.
    """

    def __init__(self, f: Callable[..., Any], condition: AuditCondition, name: str, seed: int = 0) -> None:
        self.function, self.condition, self._name, self._seed = f, condition, name, seed
        self._device = torch.device("cpu")
        self._running: list[str] = []
        self._compiled: dict[Any, Callable[..., Any]] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        if isinstance(f, nn.Module):
            self.function = _copied(f, name).to(condition.dtype).train(condition.mode == "train")
            if condition.execution == "eager":
                self._add_hooks(self.function)
            self._device = next((part.device for part in (*f.parameters(), *f.buffers())), self._device)

    def __call__(self, data: Any) -> Any:
        """Evaluate on float64 data, in the dtype of the condition; differentiable in the data."""
        data = convert(data, self.condition.dtype, self._device)
        if self.condition.mode == "train":
            torch.default_generator.manual_seed(self._seed)
        self._running.clear()
        try:
            return call(self._callable(data), data)
        except Exception as error:
            raise FunctionError(self._error_message(error, data)) from error

    @property
    def parameters(self) -> list[Tensor]:
        """The trainable parameters."""
        f = self.function
        return [x for x in f.parameters() if x.requires_grad] if isinstance(f, nn.Module) else []

    def _callable(self, data: Any) -> Callable[..., Any]:
        if self.condition.execution == "eager":
            return self.function
        if self.condition.execution == "compiled":
            if not self._compiled:
                torch.compiler.reset()
                self._compiled[()] = torch.compile(self.function, backend="aot_eager", fullgraph=True)
            return self._compiled[()]
        key = tuple(tuple(x.shape) for x in _tensors(data))
        if key not in self._compiled:
            self._compiled[key] = _exported(self.function, cast(data, self.condition.dtype))
        return self._compiled[key]

    def _add_hooks(self, module: nn.Module) -> None:
        """Track the names of the running layers, for the message of an exception."""

        def entering(name: str) -> Callable[..., None]:
            return lambda *_: self._running.append(name)

        def leave(*_: Any) -> None:
            if self._running:
                self._running.pop()

        for name, part in module.named_modules():
            if name:
                self._hooks.append(part.register_forward_pre_hook(entering(name)))
                self._hooks.append(part.register_forward_hook(leave))

    def release(self) -> Callable[..., Any]:
        """Remove the hooks and return the function."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        return self.function

    def _error_message(self, error: Exception, data: Any) -> str:
        said = (str(error).strip().splitlines() or [""])[0][:300]
        condition = self.condition
        where = f" in layer {self._running[-1]}" if self._running else ""
        shapes = ", ".join(f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)}" for x in _tensors(data))
        suffix = "" if condition.execution == "eager" else f" {condition.execution}"
        remedy = "give inputs= that it accepts, or dtypes= that it supports"
        if suffix:
            remedy = f'correct it, or leave "{condition.execution}" out of execution='
        return f"{self._name}{suffix} raised {type(error).__name__}: {said}{where}, called with {shapes}; {remedy}"


def call(f: Callable[..., Any], data: Any) -> Any:
    """f(*data) when data are a tuple, f(**data) when a dict, else f(data)."""
    if isinstance(data, tuple):
        return f(*data)
    return f(**data) if isinstance(data, Mapping) else f(data)


def trained(f: Callable[..., Any], inputs: list[Any], steps: int, name: str, seed: int) -> Callable[..., Any]:
    """A copy after some steps of Adam towards random targets, in float64.

    Args:
        f: A module.
        inputs: Data in float64, cycled through.
        steps: Number of optimizer steps.
        name: Name of f in errors.
        seed: Random seed of the targets.

    Returns:
        The trained copy.

    Raises:
        TypeError: If f is not a module.
    """
    if not isinstance(f, nn.Module):
        raise TypeError(f"steps= needs a torch.nn.Module to train, got {type(f).__name__}")
    audited = AuditedModule(f, AuditCondition(torch.float64, "train"), name, seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(audited.parameters, lr=1e-2) if audited.parameters else None
    with torch.enable_grad():
        for step in range(steps):
            outputs = list(floats(audited(cast(inputs[step % len(inputs)], torch.float64))))
            targets = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.device) for x in outputs]
            loss = torch.stack([(x - y).abs().square().mean() for x, y in zip(outputs, targets, strict=True)]).sum()
            if optimizer is not None and loss.requires_grad:
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
    return audited.release()


def _copied(module: nn.Module, name: str) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise FunctionError(f"{name} cannot be copied: {said}; correct it, or give a function that calls it") from error


def _tensors(data: Any) -> list[Tensor]:
    found: list[Tensor] = []

    def see(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    tree_map(see, data)
    return found


class _FunctionModule(nn.Module):
    """A function as a module."""

    def __init__(self, f: Callable[..., Any]) -> None:
        super().__init__()
        self.f = f

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.f(*args, **kwargs)


def _exported(f: Callable[..., Any], data: Any) -> Callable[..., Any]:
    module = f if isinstance(f, nn.Module) else _FunctionModule(f)
    if isinstance(data, Mapping):
        program = torch.export.export(module, (), kwargs=dict(data))
    else:
        program = torch.export.export(module, data if isinstance(data, tuple) else (data,))
    return program.module()
