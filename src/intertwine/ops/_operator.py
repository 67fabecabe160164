"""Torch operators that work under every transform: reverse and forward derivatives, ``torch.func``, vmap, autocast.

A custom operator of torch itself has reverse derivatives only: forward derivatives are zero without an error, and
``torch.func.grad`` fails. An :class:`Operator` has all of them from one formula, its backward:

- reverse: the backward, of every order if it consists of operators that have one;
- forward: the backward is linear in the cotangents u, ``u -> J^T u``; its transpose is the Jacobian J;
- vmap: one call for each example;
- autocast: half-precision arguments are converted to float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._functorch.utils import unwrap_dead_wrappers
from torch.autograd import forward_ad

# Names of torch with an underscore, here and below, have no public counterpart: `torch.library.register_autograd` takes
# no forward derivative and no transform of `torch.func`, so an operator with them registers a kernel of its own for
# "Autograd". It must dispatch below itself, as generated kernels of ATen do with these guards, and see the same
# wrappers, dual levels and lists of tensors.
Function = Callable[..., Any]
Result = TypeVar("Result")

_LIBRARY = torch.library.Library("intertwine", "FRAGMENT")
_DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {}
HALF = (torch.float16, torch.bfloat16)
_AUTOCAST_DEVICES = {"cpu": "AutocastCPU", "cuda": "AutocastCUDA"}


class Operator:
    """A torch operator ``intertwine::name`` with the derivatives of its backward.

    Args:
        name: Name of the operator.
        kernel: Computes the result: a function of tensors, numbers and lists of numbers, without side effects.
        schema: Arguments and results in torch's notation; read off the annotations of the kernel by default.
    """

    def __init__(self, name: str, kernel: Function, schema: str | None = None) -> None:
        schema = torch.library.infer_schema(kernel, mutates_args=()) if schema is None else schema
        _LIBRARY.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
        self._name = name
        self._call: Any = getattr(torch.ops.intertwine, name).default
        self._function = _autograd_function(self._call, _no_backward(name), _save_nothing)
        _LIBRARY.impl(name, kernel, "CompositeExplicitAutograd")
        _LIBRARY.impl(name, self._differentiated, "Autograd")
        _LIBRARY.impl(name, self._transformed, "FuncTorchDynamicLayerFrontMode")
        for device, key in _AUTOCAST_DEVICES.items():
            _LIBRARY.impl(name, _autocast_kernel(self._call, device), key)

    def __call__(self, *args: Any) -> Any:
        """The operator's result."""
        return self._call(*args)

    def register_fake(self, function: Function) -> Function:
        """Set the function that gives shapes and dtypes of the results: empty tensors."""
        torch.library.register_fake(f"intertwine::{self._name}", function, lib=_LIBRARY)
        return function

    def register_decomposition(self, function: Function) -> Function:
        """Set a function with the same result, of operations of ATen alone and with symbolic sizes, for `torch.export`.

        Args:
            function: Takes the arguments of the operator; it may be slower.
        """
        _DECOMPOSITIONS[self._call] = function
        return function

    def register_autograd(self, backward: Function, *, setup_context: Function) -> None:
        """Set the backward, as :func:`torch.library.register_autograd` has it.

        Args:
            backward: ``ctx, *cotangents -> gradients``, made of differentiable operations for higher orders.
            setup_context: ``ctx, inputs, output``: saves what the backward needs.
        """
        self._function = _autograd_function(self._call, backward, setup_context)

    def _differentiated(self, *args: Any) -> Any:
        """The operator where autograd may record it."""
        recorded = torch.is_grad_enabled() and torch._C._any_requires_grad(*args)
        if recorded or forward_ad._current_level >= 0:
            return self._function.apply(*args)
        with torch._C._AutoDispatchBelowAutograd():
            return self._call(*args)

    def _transformed(self, *args: Any) -> Any:
        """The operator inside a transform of ``torch.func``."""
        args = unwrap_dead_wrappers(args)  # of transforms that are over, as torch does it outside of a transform
        if _is_autocast_enabled(args):
            args = to_float32(args)
        return self._function.apply(*args)


def decompositions() -> dict[Any, Function]:
    """For operators of this library, functions with the same result that need only ATen.

    They make programs that run without this library: ``make_fx(f, decomposition_table=decompositions())``.
    """
    return dict(_DECOMPOSITIONS)


def operator(name: str, schema: str | None = None) -> Callable[[Function], Operator]:
    """Decorator that makes an :class:`Operator` of a kernel.

    Args:
        name: Name of the operator.
        schema: As for :class:`Operator`.

    Returns:
        The decorator.
    """
    return lambda kernel: Operator(name, kernel, schema)


def float32_under_autocast(function: Callable[..., Result]) -> Callable[..., Result]:
    """Decorator for torch operations that are to be computed in float32 under autocast.

    Args:
        function: Takes tensors, sequences of them, numbers.

    Returns:
        The function; it is called as it is where autocast is off.
    """

    @wraps(function)
    def wrapped(*args: Any) -> Result:
        if not _is_autocast_enabled(args):
            return function(*args)
        with torch.autocast(_device(args), enabled=False):
            return function(*to_float32(args))

    return wrapped


def will_execute(ctx: Any, argument: int) -> bool:
    """Whether the running backward pass goes on to an argument.

    The pass that computes forces does not go to the weights, and the one for the gradients of weights does not go to
    the positions: ``ctx.needs_input_grad`` is true for both.
    """
    if not ctx.needs_input_grad[argument]:
        return False
    try:
        return bool(torch._C._will_engine_execute_node(ctx.next_functions[argument][0]))
    except (AttributeError, RuntimeError):  # outside of a graph, or for leaves: the engine does not tell
        return True


def _autocast_kernel(call: Any, device: str) -> Function:
    def kernel(*args: Any) -> Any:
        with torch.autocast(device, enabled=False):
            return call(*to_float32(args))

    return kernel


def _device(args: Sequence[Any]) -> str:
    return next(x.device.type for x in args if isinstance(x, Tensor))


def _is_autocast_enabled(args: Sequence[Any]) -> bool:
    return torch.is_autocast_enabled(_device(args))


def to_float32(args: Sequence[Any]) -> tuple[Any, ...]:
    """Half-precision tensors, in sequences too, converted to float32."""

    def convert(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.float() if value.dtype in HALF else value
        return [convert(x) for x in value] if isinstance(value, list) else value

    return tuple(map(convert, args))


def _autograd_function(call: Any, backward: Function, setup_context: Function) -> Any:
    """The ``torch.autograd.Function`` of an operator."""

    class _Function(torch.autograd.Function):
        @staticmethod
        def forward(*args: Any) -> Any:
            with torch._C._AutoDispatchBelowAutograd():
                return call(*args)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            setup_context(ctx, inputs, output)
            if forward_ad._current_level >= 0:
                ctx.for_jvp = inputs, output

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            return backward(ctx, *cotangents)

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            inputs, output = ctx.for_jvp
            del ctx.for_jvp
            with forward_ad._set_fwd_grad_enabled(True):  # off here, though a jvp around this one needs it
                return _jvp(backward, setup_context, inputs, output, tangents)

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            return _for_each_example(call, info.batch_size, in_dims, args)

    return _Function


class _Context:
    """What a backward reads of its context, outside of an autograd graph."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Tensor | None, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        self.saved_tensors = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Cotangents are always given here."""


def _jvp(backward: Function, setup_context: Function, inputs: Any, output: Any, tangents: Any) -> Any:
    """The transpose of ``cotangents -> gradients``, applied to the tangents of the inputs."""
    several = isinstance(output, (tuple, list))
    outputs = [_primal(x) for x in (output if several else [output])]
    floating = [i for i, x in enumerate(outputs) if x.is_floating_point()]
    if not floating:
        return (None,) * len(outputs) if several else None
    context = _Context(tuple(x is not None for x in tangents))
    setup_context(context, tuple(map(_primal, inputs)), tuple(outputs) if several else outputs[0])
    directions = [x for x in tangents if x is not None]

    def pullback(*cotangents: Tensor) -> tuple[Tensor, ...]:
        given: list[Tensor | None] = [None] * len(outputs)
        for i, x in zip(floating, cotangents, strict=True):
            given[i] = x
        gradients = backward(context, *given)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        pairs = zip(gradients, tangents, strict=True)
        zero = cotangents[0].sum() * 0
        return tuple(zero.expand(t.shape) if g is None else g for g, t in pairs if t is not None)

    transpose: Any = torch.func.vjp(pullback, *(torch.zeros_like(outputs[i]) for i in floating))[1]
    found = dict(zip(floating, transpose(tuple(directions)), strict=True))
    results = tuple(found.get(i) for i in range(len(outputs)))
    return results if several else results[0]


def _primal(value: Any) -> Any:
    return forward_ad.unpack_dual(value).primal if isinstance(value, Tensor) else value


def _for_each_example(call: Any, batch_size: int, in_dims: Any, args: Any) -> Any:
    """Results stacked along a new first axis."""
    batched = [
        x.movedim(dim, 0) if isinstance(x, Tensor) and dim is not None else None
        for x, dim in zip(args, in_dims, strict=True)
    ]
    results = [
        call(*(arg if rows is None else rows[i] for arg, rows in zip(args, batched, strict=True)))
        for i in range(batch_size)
    ]
    if isinstance(results[0], Tensor):
        return _stack(results), 0
    columns = tuple(_stack(column) for column in zip(*results, strict=True))
    return columns, (0,) * len(columns)


def _stack(results: Sequence[Tensor]) -> Tensor:
    if any(x.shape != results[0].shape for x in results):
        shapes = sorted({tuple(x.shape) for x in results})
        raise ValueError(
            f"vmap needs results of one shape, got {shapes}; the number of edges or samples differs between the "
            "examples: put them into one graph with `batch` instead"
        )
    return torch.stack(tuple(results))


def _no_backward(name: str) -> Function:
    def backward(ctx: Any, *cotangents: Any) -> Any:
        raise NotImplementedError(f"intertwine::{name} has no derivative")

    return backward


def _save_nothing(ctx: Any, inputs: Any, output: Any) -> None:
    pass
