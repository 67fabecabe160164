"""Context in which weights stay as they are, and the cache of what is computed from them alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")
_COMPUTED: ContextVar[dict[Hashable, tuple[Any, Any]] | None] = ContextVar("computed from weights", default=None)


@contextmanager
def constant_weights() -> Iterator[None]:
    """Compute what depends on weights alone once, inside of ``with``, where no gradient is recorded.

    It is for many evaluations of one network. Operations in place on a weight are noticed, by its version; what goes
    through ``weight.data`` is not.
    """
    token = _COMPUTED.set({})
    try:
        yield
    finally:
        _COMPUTED.reset(token)


def from_weights(build: Callable[[], T], key: Hashable, weights: Sequence[Tensor]) -> T:
    """The value of ``build()``, or the one of before under :func:`constant_weights`.

    Args:
        build: Computes the value from the weights and from what the key says.
        key: Names the function and all of its other arguments.
        weights: The weights. Only parameters have a value of before: other tensors are made anew at each call.
    """
    if torch.compiler.is_compiling():
        return build()
    computed = _COMPUTED.get()
    if computed is None or torch.is_grad_enabled() or not all(isinstance(weight, nn.Parameter) for weight in weights):
        return build()
    whole = key, tuple((id(weight), weight._version, weight.dtype, weight.device) for weight in weights)
    if whole not in computed:
        computed[whole] = build(), list(weights)  # the weights are kept, so that no other gets the same id
    found: T = computed[whole][0]
    return found
