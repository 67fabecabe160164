"""Readers of structure files: molecules of a file or a folder, at once or a chunk at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine._regular_files import irregular
from intertwine.data._constructors import molecules
from intertwine.data._lazy_names import LazyNames
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import offsets_from_counts
from intertwine.data.readers._structure_record import (
    XYZ_SUFFIXES,
    StructureRecord,
    TargetReps,
    atoms_of_file,
    read_records,
)
from intertwine.data.readers._structure_targets import TargetLayout, layout_of

if TYPE_CHECKING:
    from intertwine.reps import Rep


def read_structures(
    path: str | os.PathLike[str],
    targets: Mapping[str, Rep] | None = None,
    *,
    atom_targets: Mapping[str, Rep] | None = None,
    progress: ProgressCallback = no_progress,
) -> PointCloudSet:
    """All structures of a file, or of the .xyz and .extxyz files of a folder in the order of their names.

    Args:
        path: .xyz, .extxyz, .npz with the arrays of rMD17, sGDML or QM9, or another format that ase reads (told by its
            name or content); or a folder.
        targets: name -> representation; each is looked up in every frame's info, then in the results that the file
            brings (ase puts energy and dipole there), and must have `rep.dim` numbers; 3 x 3 counts as nine, by rows,
            and so do the six numbers xx yy zz yz xz xy that ase makes of a stress.
        atom_targets: the same for columns of the atoms: each is looked up in every frame's arrays, then in the results
            (ase puts charges and magmoms there), and must have `rep.dim` numbers an atom.
        progress: called with (bytes read, bytes in all).

    Returns:
        As `molecules`: positions in Angstrom, targets (S, rep.dim) and atom targets (N, rep.dim) in the file's own
        units, names "file:frame". Where a structure is periodic there are `cell` and `pbc`.

    Raises:
        UsageError: the file is missing, empty, not readable; or a frame has no atoms, a cell without volume, an unknown
            element, a coordinate that is not finite, a target that is missing, not finite or of another length.

    >>> read_structures("water.xyz")    # doctest: +SKIP
    PointCloudSet(1 clouds, 3 points; of points: numbers)
    """
    parts = list(iter_structures(path, targets, atom_targets=atom_targets, progress=progress))
    if any("cell" in part.cloud_fields for part in parts):
        parts = [part.with_cells() for part in parts]
    return PointCloudSet.concatenate(parts)


def iter_structures(
    path: str | os.PathLike[str],
    targets: Mapping[str, Rep] | None = None,
    chunk: int = 1000,
    *,
    atom_targets: Mapping[str, Rep] | None = None,
    progress: ProgressCallback = no_progress,
) -> Iterator[PointCloudSet]:
    """As `read_structures`, but at most `chunk` structures at a time: memory does not grow with the length of the file.

    Args:
        path: as for `read_structures`.
        targets: as for `read_structures`.
        chunk: the most structures that one item holds. One without a periodic structure has no cells.
        atom_targets: as for `read_structures`.
        progress: as for `read_structures`.

    Raises:
        UsageError: as for `read_structures`: at once for the path, on the way for a frame.
        ValueError: the chunk is not positive.
    """
    if chunk < 1:
        raise ValueError(f"a chunk holds at least one structure; got {chunk}")
    _require_ase()
    reps = TargetReps(dict(targets or {}), dict(atom_targets or {}))
    records = _records(structure_files(Path(path)), reps, progress)
    return _chunks(records, chunk)


def find_targets(path: str | os.PathLike[str], names: Iterable[str]) -> dict[str, TargetLayout]:
    """Whether these names are values of the structures or columns of their atoms, by the first frame; and their sizes.

    Args:
        path: as for `read_structures`.
        names: what to look for; those that the first frame does not have are left out.

    Raises:
        UsageError: the file is missing, empty or not readable.
    """
    _require_ase()
    first = next(iter(atoms_of_file(structure_files(Path(path))[0], lambda done: None)))
    found = {name: layout_of(first, name) for name in names}
    return {name: layout for name, layout in found.items() if layout is not None}


def _require_ase() -> None:
    if find_spec("ase") is None:
        raise UsageError('files of structures are read by the Python package ase: pip install "intertwine[atoms]"')


def _records(files: list[Path], targets: TargetReps, progress: ProgressCallback) -> Iterator[StructureRecord]:
    """The structures of all files, one at a time, reporting the bytes of all that have been read."""
    sizes = [file.stat().st_size for file in files]
    total, before = sum(sizes), 0

    def report(done: int) -> None:
        progress(before + done, total)

    for file, size in zip(files, sizes, strict=True):
        yield from read_records(file, targets, report)
        before += size


def structure_files(path: Path) -> list[Path]:
    """The file itself, or the .xyz and .extxyz files of a folder in the order of their names.

    Raises:
        UsageError: there is none.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if not path.is_dir():
        if reason := irregular(path):
            raise UsageError(f"{path} is {reason}")
        return [path]
    every = sorted(path.iterdir(), key=lambda file: file.name)
    files = [file for file in every if file.suffix.lower() in XYZ_SUFFIXES and not file.name.startswith(".")]
    if not files:
        raise UsageError(f"{path}: this folder holds no file that ends in {' or '.join(XYZ_SUFFIXES)}")
    return files


def _chunks(records: Iterable[StructureRecord], chunk: int) -> Iterator[PointCloudSet]:
    rest = iter(records)
    while block := list(islice(rest, chunk)):
        yield _pack(block)


def _pack(records: list[StructureRecord]) -> PointCloudSet:
    first = records[0]
    if all(record.file == first.file for record in records):
        names = LazyNames(np.array([record.number for record in records]), prefix=f"{first.file}:")
    else:
        names = LazyNames([f"{record.file}:{record.number}" for record in records])
    return molecules(
        torch.from_numpy(np.concatenate([record.numbers for record in records])),
        torch.from_numpy(np.concatenate([record.positions for record in records])),
        offsets_from_counts(torch.tensor([len(record.numbers) for record in records], dtype=torch.int64)),
        {name: torch.from_numpy(np.stack([record.targets[name] for record in records])) for name in first.targets},
        names,
        atom_targets={
            name: torch.from_numpy(np.concatenate([record.atom_targets[name] for record in records]))
            for name in first.atom_targets
        },
        **_cells(records),
    )


def _cells(records: list[StructureRecord]) -> dict[str, Tensor]:
    """Cell (S, 9) and pbc (S, 3), zeros and False for what is not periodic; nothing where nothing is."""
    if all(record.cell is None for record in records):
        return {}
    cells = [np.zeros(9) if record.cell is None else record.cell for record in records]
    flags = [np.zeros(3, dtype=bool) if record.pbc is None else record.pbc for record in records]
    return {"cell": torch.from_numpy(np.stack(cells)), "pbc": torch.from_numpy(np.stack(flags))}
