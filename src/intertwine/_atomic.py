"""Atomic writing of files and folders: complete or not at all, even if the process dies or the disk is full."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary file beside `path` that is renamed to `path` when the block ends well, and removed otherwise.

    Args:
        path: The file to write; an existing one is replaced. Its folder must exist.
        durable: Whether to wait until the content and the new name have reached the disk.

    Yields:
        The temporary file, empty.

    Raises:
        OSError: The folder is missing or read-only, the disk is full, and so on.
    """
    part = _temporary(path)
    try:
        part.touch(exist_ok=False)
        yield part
        if durable:
            _sync(part)
        part.replace(path)
        if durable:
            _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def atomic_folder(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that is renamed to `path` when the block ends well, and removed otherwise.

    An existing folder is first renamed to ``path.old`` and removed last, so that at every moment one of the two is
    there, complete: after a crash `find_intact` says which, and `recover` puts it back.

    Args:
        path: The folder to write. Its own folder must exist.
        durable: Whether to wait until the content and the new name have reached the disk.

    Yields:
        The temporary folder, empty.

    Raises:
        OSError: The place is read-only, the disk is full, ``path.old`` exists and is not empty, and so on. An existing
            `path` is then as it was.
    """
    part, old = _temporary(path), _old(path)
    replaced = False
    try:
        part.mkdir()
        yield part
        if durable:
            for file in sorted(part.rglob("*")):
                _sync(file)
            _sync_folder(part)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        if path.exists():
            path.rename(old)
            replaced = True
        part.rename(path)
        if durable:
            _sync_folder(path.parent)
    finally:
        if replaced and not path.exists():
            old.rename(path)
        elif replaced:
            shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(part, ignore_errors=True)


def find_intact(folder: Path) -> Path | None:
    """Where the complete content of an `atomic_folder` is: `folder`, else ``folder.old``, else None. Only reads."""
    places = (folder, _old(folder)) if folder.name else (folder,)
    return next((place for place in places if place.is_dir()), None)


def recover(path: Path) -> None:
    """Finish or undo what a process left that died while it wrote `path`, a file or a folder.

    Only the one writer of `path` may call this: it removes the temporary files of any other.
    """
    old = _old(path)
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        old.rename(path)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _old(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("r+b") as file:
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
