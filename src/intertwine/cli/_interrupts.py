"""What may stop a command without being its fault, carried past the argument parser, which would swallow it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818  it is no error
    """Ctrl-C; the message says what is safe and how to go on."""


class ClosedPipe(Exception):  # noqa: N818
    """Whoever read our output has stopped reading."""


def guard(function: Callable[P, T]) -> Callable[P, T]:
    """The same command, with Ctrl-C and closed pipes as exceptions that reach `main`."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt as error:
            raise Interrupted("nothing half-written is left behind") from error
        except BrokenPipeError as error:
            raise ClosedPipe from error

    return guarded
