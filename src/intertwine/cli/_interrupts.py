"""Ctrl-C and closed pipes as exceptions that the argument parser does not catch."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818  not an error
    """Ctrl-C; the message says what was saved and how to resume."""


class ClosedPipe(Exception):  # noqa: N818
    """The reader of standard output has closed the pipe."""


def guard(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a command so that Ctrl-C and closed pipes reach `main` as exceptions."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt as error:
            raise Interrupted("no incomplete files were left") from error
        except BrokenPipeError as error:
            raise ClosedPipe from error

    return guarded
