"""Files of a run folder: durable atomic writes, and a lock against a second writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from intertwine._atomic import atomic_file, atomic_folder, recover
from intertwine._errors import UsageError


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, atomically and durably, in the place of an existing one or not."""
    with atomic_file(path, durable=True) as part:
        write_file(part, content)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder, atomically and durably: at every moment `folder` or ``folder.old`` is there, complete.

    Raises:
        OSError: The disk is full, the place is read-only, and so on; the previous folder is then as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    recover(folder)
    with atomic_folder(folder, durable=True) as part:
        for name, content in files.items():
            write_file(part / name, content)


def write_file(path: Path, content: bytes) -> None:
    """Write the bytes of a temporary file; `atomic_file` and `atomic_folder` make them durable."""
    path.write_bytes(content)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Lock the run folder against a second training process; the lock is released when the process ends.

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
