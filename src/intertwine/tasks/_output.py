"""Output files and folders: checked before the work, written atomically after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from intertwine._atomic import atomic_file, atomic_folder
from intertwine._errors import UsageError


def check_output(path: Path, *, force: bool = False) -> None:
    """Refuse, before any work is done, what could not be written at the end.

    Args:
        path: The file to write.
        force: Whether an existing file may be replaced.

    Raises:
        UsageError: It exists and `force` is not given, it is a folder, or its folder does not exist.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; expected the name of a file to write")
    if path.exists() and not force:
        raise UsageError(f"{path} exists already; pass --force to replace it")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; make it first, or write elsewhere")


@contextmanager
def output_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and vanishes otherwise.

    Args:
        path: The file to write in the end.
        force: Whether an existing file may be replaced.

    Yields:
        The temporary file to write to.

    Raises:
        UsageError: As `check_output`.
    """
    check_output(path, force=force)
    with ExitStack() as stack:
        yield _enter(stack, atomic_file(path), path)


def check_output_folder(path: Path) -> None:
    """Refuse, before any work is done, a folder that could not be written at the end.

    Args:
        path: The folder to write.

    Raises:
        UsageError: It exists and is not empty, is a file, or its own folder does not exist.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; expected the name of a new folder, or of a file with a suffix")
    if path.is_dir() and any(path.iterdir()):
        raise UsageError(f"{path} is a folder with something in it; choose another, nothing there is replaced")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist; make it first, or write elsewhere")


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends well, and vanishes otherwise.

    Args:
        path: The folder to write in the end.

    Yields:
        The temporary folder to write into.

    Raises:
        UsageError: As `check_output_folder`.
    """
    check_output_folder(path)
    with ExitStack() as stack:
        yield _enter(stack, atomic_folder(path), path)


def _enter(stack: ExitStack, writing: AbstractContextManager[Path], path: Path) -> Path:
    """The temporary file or folder; an error of use when it cannot be made."""
    try:
        return stack.enter_context(writing)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def check_prediction_output(path: Path, source: str | None = None, *, force: bool = False) -> None:
    """Refuse, before any work is done, a file or (without a suffix) folder of predictions that could not be written.

    Args:
        path: The file or folder to write.
        source: The data that are read for it.
        force: Whether an existing file may be replaced.

    Raises:
        UsageError: As `check_output` and `check_output_folder`; or it is the file that is read.
    """
    if not path.suffix:
        check_output_folder(path)
        return
    check_output(path, force=force)
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise UsageError(f"{path} is the file that predict reads; write elsewhere")
