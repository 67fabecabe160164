"""Run a command and turn whatever happens into an exit code and at most one line on stderr.

0 is done, 1 is a check that failed or a defect of ours, 2 is bad input, 130 is Ctrl-C.
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
from intertwine.cli._runs import INTERRUPTED
from intertwine.cli._usage import ClickError, explain, missing_extra

DONE, DEFECT, BAD_INPUT = 0, 1, 2

_OF_THE_FILE_SYSTEM = {
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
        arguments: What follows the name of the program; `sys.argv` when not given.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with _notes(everything=debug):
        try:
            code = command().main(
                [word for word in given if word != "--debug"], prog_name="intertwine", standalone_mode=False
            )
            sys.stdout.flush()
        except (ClosedPipe, BrokenPipeError):
            _silence(sys.stdout)
            return DONE
        except Interrupted as stop:
            return _say(f"interrupted: {stop}", INTERRUPTED)
        except (typer.Abort, KeyboardInterrupt):
            return _say("interrupted", INTERRUPTED)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else DEFECT
        except Exception as error:
            return _report(error, debug=debug)
    return code if isinstance(code, int) else DONE


def _report(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    if isinstance(error, UsageError):
        return _say(f"error: {_one_line(str(error))}", BAD_INPUT)
    if isinstance(error, ClickError):
        return _say(f"error: {_one_line(explain(error))}", BAD_INPUT)
    if isinstance(error, ModuleNotFoundError) and (advice := missing_extra(error)):
        return _say(f"error: {advice}", BAD_INPUT)
    if isinstance(error, OSError) and error.errno in _OF_THE_FILE_SYSTEM:
        where = f": {error.filename}" if error.filename else ""
        return _say(f"error: {str(error.strerror).lower()}{where}; what was saved before is untouched", BAD_INPUT)
    kind = f"{type(error).__name__}: {_one_line(str(error))}".rstrip(": ")
    return _say(f"error: unexpected {kind[:200]}; details in {_log(error)}", DEFECT)


def _log(error: Exception) -> str:
    """Write the traceback to a file of its own."""
    handle, path = tempfile.mkstemp(prefix="intertwine-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{' '.join(sys.argv)}\n\n")
        traceback.print_exception(error, file=file)
    return path


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(text: str, code: int) -> int:
    with suppress(BrokenPipeError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    return code


def _silence(stream: TextIO) -> None:
    """Point a closed pipe at nothing, or the interpreter complains about it when it exits."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Notes(logging.Handler):
    """What our own code logs, as notes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        _say(f"note: {_one_line(record.getMessage())}", DONE)


@contextmanager
def _notes(*, everything: bool) -> Iterator[None]:
    """Our own warnings are one line each on stderr; those of others are seen with `--debug` only."""

    def show(message: Warning | str, category: type[Warning], filename: str, *_: object) -> None:
        if everything or (issubclass(category, UserWarning) and f"{os.sep}intertwine{os.sep}" in filename):
            _say(f"note: {_one_line(str(message))}", DONE)

    logger, handler = logging.getLogger("intertwine"), _Notes(logging.WARNING)
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
