"""A cache in the user's own folder: written whole or not at all, rebuilt when damaged."""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._atomic import atomic_file

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)


def user_cache() -> Path:
    """The folder for what can be made again; it is not created here.

    `INTERTWINE_CACHE` when set, else `intertwine` in `XDG_CACHE_HOME`, else `~/.cache/intertwine`.

    >>> user_cache().is_absolute()
    True
    """
    if configured := os.environ.get("INTERTWINE_CACHE"):
        return Path(configured).expanduser().absolute()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "intertwine"


def load_cached(path: Path, key: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """The tensors stored under this key; None when there are none, or the key is another, or (a warning) on damage.

    Args:
        path: a safetensors file that `store_cached` wrote.
        key: what the content depends on: versions, sizes of the sources; JSON.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("key") != _canonical(key):
                return None
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if metadata.get("checksum") != _checksum(tensors):
            raise ValueError("the checksum differs")
    except (OSError, ValueError, SafetensorError) as error:
        _log.warning("%s is damaged (%s): building it again", path, error)
        return None
    return tensors


def store_cached(path: Path, key: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
    """Store tensors under this key, whole or not at all; a folder or disk that refuses costs a warning, no more.

    Args:
        path: where; the folder is made when it is missing.
        key: as for `load_cached`.
        tensors: contiguous, on the CPU.
    """
    from safetensors.torch import save

    content = save(tensors, metadata={"key": _canonical(key), "checksum": _checksum(tensors)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as part:
            part.write_bytes(content)
    except OSError as error:
        _log.warning("could not write %s (%s): the next start will build it again", path, error.strerror or error)


def _canonical(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].numpy().data, value)
    return f"{value:08x}"
