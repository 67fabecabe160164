"""Contents of regular files: nothing that could block or never end is opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def irregular(path: Path) -> str:
    """Why the path is no regular file, such as "a named pipe, not a file"; "" when it is one, or is not there."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    if stat.S_ISREG(mode):
        return ""
    kinds = {
        "a folder": stat.S_ISDIR,
        "a named pipe": stat.S_ISFIFO,
        "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
        "a socket": stat.S_ISSOCK,
    }
    kind = next((kind for kind, holds in kinds.items() if holds(mode)), "something else")
    return f"{kind}, not a file"


def read_regular_file(path: Path) -> bytes:
    """What is in a file.

    Raises:
        OSError: it cannot be opened, or is a folder, a named pipe or a device, which might block for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        if reason := irregular(path):
            raise OSError(0, reason)
        return file.read()
