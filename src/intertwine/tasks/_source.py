"""Data sources: paths and names of public sets, and fingerprints that tell whether they have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intertwine._errors import UsageError
from intertwine.tasks._suggestions import nearest

PUBLIC = ("circuit-parts", "fashion-mnist", "furniture", "mnist", "mnist-inrs", "qm9", "rotated-mnist")
"""Public sets by name. A file that has the same name is written ./qm9."""

PUBLIC_TASKS = {
    "circuit-parts": "segment",
    "fashion-mnist": "images",
    "furniture": "classify",
    "mnist": "images",
    "mnist-inrs": "weights",
    "qm9": "properties",
    "rotated-mnist": "images",
}
"""The task that learns from each public set."""

_HEAD = 1 << 20


def check_source(data: str, public: Sequence[str] = PUBLIC) -> None:
    """Raise if `data` cannot be read, without reading it.

    Args:
        data: A path, or the name of a public set.
        public: The names of the sets that will do.

    Raises:
        UsageError: There is no such file, or it is empty.
    """
    if data in public:
        return
    if not data.strip() or "\0" in data:
        raise UsageError(f"expected a file, a folder or the name of a public set, got {data!r}")
    path = Path(data)
    if data in PUBLIC and not path.exists():
        task = PUBLIC_TASKS[data]
        raise UsageError(f'"{data}" is a public set of the task {task}: intertwine fit {task} {data}')
    if not path.exists():
        match = nearest(data, public) if path.suffix == "" else None
        question = f'; did you mean "{match}"?' if match else ""
        sets = f", and no public set of that name{question} (public: {', '.join(public)})" if public else ""
        raise UsageError(f'no file or folder "{data}"{sets}')
    if path.is_file() and path.stat().st_size == 0:
        raise UsageError(f'"{data}" is empty; expected structures')
    if not path.is_file() and not path.is_dir():
        raise UsageError(f'"{data}" is neither a file nor a folder, but a device, a socket or a pipe')


def check_still_there(source: str, way: str) -> None:
    """Raise if the data of a run are no longer where they were.

    Args:
        source: A resolved source.
        way: The way forward, for the error.
    """
    if source not in PUBLIC and not Path(source).exists():
        raise UsageError(f"the data of this run are no longer at {source}: put them back there, or {way}")


def resolve(data: str) -> str:
    """What to write into a checkpoint: an absolute path, or the name of a public set."""
    return data if data in PUBLIC else str(Path(data).resolve())


def progress_unit(source: str) -> str:
    """What a progress callback counts while a source is read: bytes of a public set, else files.

    >>> progress_unit("qm9"), progress_unit("scans")
    ('bytes', 'files')
    """
    return "bytes" if source in PUBLIC else "files"


def fingerprint(source: str) -> dict[str, Any]:
    """Size and a hash of the beginning: enough to notice that a file is no longer the one that was split.

    Args:
        source: A resolved source.

    Returns:
        JSON; empty for public sets, which their packages pin.
    """
    if source in PUBLIC:
        return {}
    path = Path(source)
    files = sorted(part for part in path.iterdir() if part.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(content.read(_HEAD))
    return {"bytes": sum(file.stat().st_size for file in files), "head_sha256": digest.hexdigest()}


def stem(data: str) -> str:
    """A short name for the folder of a run.

    >>> stem("data/my molecules.extxyz")
    'my-molecules'
    """
    text = data if data in PUBLIC else Path(data).stem
    return "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in text).strip("-.") or "run"


def names_digest(names: Sequence[str]) -> str:
    """The SHA-256 of names in their order, by which a run knows its data again."""
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def check_names(data: Mapping[str, Any], names: Sequence[str], kind: str) -> None:
    """Raise if the files of a run are no longer those that were split.

    Args:
        data: What the checkpoint keeps: "source", "names_sha256" and, under their kind, how many there were.
        names: Those of now.
        kind: What they are.
    """
    if names_digest(names) != data["names_sha256"]:
        raise UsageError(
            f"{data['source']} had {data[kind]:,} {kind} when this model was trained and has others now "
            f"({len(names):,}): the split no longer fits; pass other data"
        )
