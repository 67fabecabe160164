"""Entry point of the command line: exit codes, and errors as one line on stderr.

Exit codes: 0 success, 1 a failed check or an internal error, 2 bad input, 130 Ctrl-C.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

import typer

from intertwine._errors import UsageError
from intertwine.cli._app import command
from intertwine.cli._interrupts import ClosedPipe, Interrupted
from intertwine.cli._origin import WORDS
from intertwine.cli._runs import INTERRUPTED
from intertwine.cli._usage import ClickError, explain, missing_extra

SUCCESS, INTERNAL_ERROR, BAD_INPUT = 0, 1, 2

_FILE_SYSTEM_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.EMFILE,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments after the name of the program; by default those of `sys.argv`.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    WORDS.set(given)
    with _show_warnings(everything=debug):
        try:
            code = command().main(
                [word for word in given if word != "--debug"], prog_name="intertwine", standalone_mode=False
            )
            sys.stdout.flush()
        except (ClosedPipe, BrokenPipeError):
            _redirect_to_null(sys.stdout)
            return SUCCESS
        except Interrupted as stop:
            return _print_error(f"interrupted: {stop}", INTERRUPTED)
        except typer.Abort as stop:
            if isinstance(stop.__cause__, EOFError):  # the parser takes every end of a file for the end of the input
                return _handle_error(stop.__cause__, debug=debug)
            return _print_error("interrupted", INTERRUPTED)
        except KeyboardInterrupt:
            return _print_error("interrupted", INTERRUPTED)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else INTERNAL_ERROR
        except Exception as error:
            return _handle_error(error, debug=debug)
    return code if isinstance(code, int) else SUCCESS


def _handle_error(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    if isinstance(error, UsageError):
        return _print_error(f"error: {_one_line(str(error))}", BAD_INPUT)
    if isinstance(error, ClickError):
        return _print_error(f"error: {_one_line(explain(error))}", BAD_INPUT)
    if isinstance(error, ModuleNotFoundError) and (advice := missing_extra(error)):
        return _print_error(f"error: {advice}", BAD_INPUT)
    if isinstance(error, OSError) and error.errno in _FILE_SYSTEM_ERRORS:
        where = f": {error.filename}" if error.filename else ""
        return _print_error(
            f"error: {str(error.strerror).lower()}{where}; what was saved before is untouched", BAD_INPUT
        )
    kind = f"{type(error).__name__}: {_one_line(str(error))}".rstrip(": ")
    return _print_error(f"error: unexpected {kind[:200]}; details in {_write_traceback(error)}", INTERNAL_ERROR)


def _write_traceback(error: Exception) -> str:
    """Write the traceback to a temporary file and return its path."""
    handle, path = tempfile.mkstemp(prefix="intertwine-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{' '.join(sys.argv)}\n\n")
        traceback.print_exception(error, file=file)
    return path


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _print_error(text: str, code: int) -> int:
    with suppress(BrokenPipeError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    return code


def _redirect_to_null(stream: TextIO) -> None:
    """Redirect a closed pipe to the null device, so that the interpreter does not report it at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _NoteHandler(logging.Handler):
    """Log handler that prints warnings as notes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        _print_error(f"note: {_one_line(record.getMessage())}", SUCCESS)


@contextmanager
def _show_warnings(*, everything: bool) -> Iterator[None]:
    """Print warnings of this package as one line each on stderr; those of other packages only with `--debug`."""

    def show(message: Warning | str, category: type[Warning], filename: str, *_: object) -> None:
        if everything or (issubclass(category, UserWarning) and f"{os.sep}intertwine{os.sep}" in filename):
            _print_error(f"note: {_one_line(str(message))}", SUCCESS)

    logger, handler = logging.getLogger("intertwine"), _NoteHandler(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = show  # type: ignore[assignment]
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
