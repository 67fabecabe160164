"""Files that are there whole or not at all, whenever the process dies and however full the disk is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from intertwine._errors import UsageError


def write_file(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in the place of another, in one move."""
    fresh = path.with_name(path.name + ".new")
    try:
        write_file(fresh, content)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder in the place of another: at every moment `folder` or ``folder.old`` is there, whole.

    The files are written to ``folder.new`` and reach the disk; then `folder` becomes ``folder.old``, ``folder.new``
    becomes `folder`, and ``folder.old`` goes. When something fails on the way, the previous folder stands as before.

    Raises:
        OSError: The disk is full, the place is not ours to write, and so on.
    """
    fresh, old = _beside(folder)
    settle(folder)
    try:
        fresh.mkdir(parents=True)
        for name, content in files.items():
            write_file(fresh / name, content)
        _sync_folder(fresh)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        _sync_folder(folder.parent)
    finally:
        settle(folder)


def settle(folder: Path) -> None:
    """Tidy up after a process that died while it replaced `folder`."""
    fresh, old = _beside(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        old.rename(folder)


def standing(folder: Path) -> Path | None:
    """Where the whole content of `folder` is now: there, in ``folder.old``, or nowhere. Touches nothing."""
    return next((place for place in (folder, _beside(folder)[1]) if place.is_dir()), None)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the run folder against a second process that would train into it; the lock dies with the process.

    Raises:
        UsageError: Another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / ".lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another process is training into {folder}: wait until it has ended, or choose another folder"
            ) from None
        except OSError:
            pass
        yield


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
