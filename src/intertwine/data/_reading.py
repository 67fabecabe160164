"""Users' own files: one pass, a chunk of structures at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from intertwine._errors import UsageError
from intertwine.data._frames import XYZ_SUFFIXES, StructureRecord, frames_of
from intertwine.data._names import Names
from intertwine.data._ragged import offsets_of
from intertwine.data._structures import Structures

if TYPE_CHECKING:
    from intertwine.reps import Rep


def read_structures(path: str | os.PathLike[str], targets: Mapping[str, Rep] | None = None) -> Structures:
    """All structures of a file, or of the .xyz and .extxyz files of a folder in the order of their names.

    Args:
        path: .xyz, .extxyz, or another format that ase reads (told by its name or content); or a folder.
        targets: name -> representation; each is looked up in every frame's info, then in the results that the file
            brings (ase puts energy and dipole there), and must have `rep.dim` numbers; 3 x 3 counts as nine, by rows.

    Returns:
        Structures with positions in Angstrom, targets (S, rep.dim) in the file's own units, and names "file:frame".

    Raises:
        UsageError: the file is missing, empty, not readable; or a frame has no atoms, is periodic, has an unknown
            element, a coordinate that is not finite, a target that is missing, not finite or of another length.

    >>> read_structures("water.xyz")    # doctest: +SKIP
    Structures(1 structures, 3 atoms, targets {})
    """
    return Structures.concatenate(list(iter_structures(path, targets)))


def iter_structures(
    path: str | os.PathLike[str], targets: Mapping[str, Rep] | None = None, chunk: int = 1000
) -> Iterator[Structures]:
    """As `read_structures`, but at most `chunk` structures at a time: memory does not grow with the length of the file.

    Args:
        path: as for `read_structures`.
        targets: as for `read_structures`.
        chunk: the most structures that one item holds.

    Raises:
        UsageError: as for `read_structures`: at once for the path, on the way for a frame.
        ValueError: the chunk is not positive.
    """
    if chunk < 1:
        raise ValueError(f"a chunk holds at least one structure; got {chunk}")
    if find_spec("ase") is None:
        raise UsageError('files of structures are read by the Python package ase: pip install "intertwine[atoms]"')
    wanted = dict(targets or {})
    files = _files(Path(path))
    return _chunks((frame for file in files for frame in frames_of(file, wanted)), chunk)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if not path.is_dir():
        return [path]
    every = sorted(path.iterdir(), key=lambda file: file.name)
    files = [file for file in every if file.suffix.lower() in XYZ_SUFFIXES and not file.name.startswith(".")]
    if not files:
        raise UsageError(f"{path}: this folder holds no file that ends in {' or '.join(XYZ_SUFFIXES)}")
    return files


def _chunks(frames: Iterable[StructureRecord], chunk: int) -> Iterator[Structures]:
    rest = iter(frames)
    while block := list(islice(rest, chunk)):
        yield _pack(block)


def _pack(frames: list[StructureRecord]) -> Structures:
    one_file = all(frame.file == frames[0].file for frame in frames)
    if one_file:
        names = Names(np.array([frame.number for frame in frames]), prefix=f"{frames[0].file}:")
    else:
        names = Names([f"{frame.file}:{frame.number}" for frame in frames])
    return Structures(
        torch.from_numpy(np.concatenate([frame.numbers for frame in frames])),
        torch.from_numpy(np.concatenate([frame.positions for frame in frames])),
        offsets_of(torch.tensor([len(frame.numbers) for frame in frames], dtype=torch.int64)),
        {name: torch.from_numpy(np.stack([frame.targets[name] for frame in frames])) for name in frames[0].targets},
        names,
    )
