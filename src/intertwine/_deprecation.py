"""Deprecation warnings with a version of removal; the policy is in docs/compatibility.md.

Every call gives its `removal` as a literal: a test reads them in the source and fails once that version has come.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

Deprecated = TypeVar("Deprecated", bound=Callable[..., Any])

_warned: set[str] = set()


def warn_deprecated(name: str, *, instead: str, removal: str, stacklevel: int = 2) -> None:
    """Warn about a name that will be removed, the first time it is used in this process.

    For everything that `deprecated` does not fit: a keyword argument, a module attribute, an option, an entry point.

    Args:
        name: What is deprecated, as users write it: "nn.SteerableConv(radial=)".
        instead: What to use in its place.
        removal: The version that will not have it any more, at least two minor versions away.
        stacklevel: As for `warnings.warn`: 2 is the caller of the function that calls this one.
    """
    if name in _warned:
        return
    _warned.add(name)
    warnings.warn(
        f"{name} is deprecated and will be removed in intertwine {removal}; use {instead}",
        FutureWarning,
        stacklevel=stacklevel + 1,
    )


def deprecated(*, instead: str, removal: str) -> Callable[[Deprecated], Deprecated]:
    """Decorate a function or class that will be removed; its first call in this process warns.

    Args:
        instead: What to use in its place.
        removal: The version that will not have it any more, at least two minor versions away.

    >>> @deprecated(instead="knn_graph", removal="0.3")
    ... def nearest(x): return x
    >>> nearest.__doc__
    'Deprecated, will be removed in intertwine 0.3: use knn_graph.'
    """

    def decorate(target: Deprecated) -> Deprecated:
        note = f"Deprecated, will be removed in intertwine {removal}: use {instead}."
        function: Any = getattr(target, "__init__") if isinstance(target, type) else target  # noqa: B009 - see below

        @functools.wraps(function)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            warn_deprecated(target.__qualname__, instead=instead, removal=removal)
            return function(*arguments, **options)

        result: Any = wrapper
        if isinstance(target, type):
            setattr(target, "__init__", wrapper)  # noqa: B010 - mypy rejects the plain attribute
            result = target
        result.__doc__ = f"{note}\n\n{target.__doc__}" if target.__doc__ else note
        return result  # type: ignore[no-any-return]

    return decorate


def is_due(removal: str, version: str) -> bool:
    """Whether something to be removed in one version is overdue in another.

    >>> is_due("0.3", "0.2.9"), is_due("0.3", "0.3.0.dev1"), is_due("0.3", "1.0")
    (False, True, True)
    """
    return _release(removal) <= _release(version)


def _release(version: str) -> tuple[int, ...]:
    """The release numbers of a version, without trailing zeros: "0.3.0.dev1" -> (0, 3)."""
    numbers = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
