"""Cache of constant tensors: built once, in float64, on the CPU, whatever torch's defaults are."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import ParamSpec, cast

from torch import Tensor

from intertwine._on_cpu import on_cpu

P = ParamSpec("P")


def cached_constant(build: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Cache a function of hashable values that returns a tensor.

    The tensor is built on the CPU, so that a caller's default device does not leak into the cache; every call returns a
    clone, so that no caller can corrupt it, and one built in inference mode serves outside of it.
    """

    @lru_cache(maxsize=512)
    def cached(*args: Hashable) -> Tensor:
        with on_cpu():
            return cast("Callable[..., Tensor]", build)(*args)

    @wraps(build)
    def fetch(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        assert not kwargs, "constants are keyed by position"
        return cached(*args).clone()

    return fetch
