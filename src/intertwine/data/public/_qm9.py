"""QM9 from the Python package `qm9pack`: parsed once, then read from a compact cache."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._constructors import molecules
from intertwine.data._elements import NUMBERS
from intertwine.data._lazy_names import LazyNames
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import offsets_from_counts
from intertwine.data.public._qm9_targets import QM9_TARGETS

_FORMAT = 1
_ROWS_AT_ONCE = 4000
_HOW_TO_INSTALL = 'pip install "intertwine[atoms]"'


def qm9(targets: Sequence[str] | None = None, *, progress: ProgressCallback = no_progress) -> PointCloudSet:
    """QM9: 130,831 molecules of up to nine heavy atoms, B3LYP/6-31G(2df,p) geometries and properties.

    The three tables inside the installed package `qm9pack` are read directly, the package is not imported. The first
    call parses them and keeps the result in `user_cache()`; later calls take a fraction of a second. The molecules that
    are usually excluded (uncharacterized, unconverged) are not in the source. Names are those of the original archive.

    Args:
        targets: which of `QM9_TARGETS`; all twelve when None.
        progress: called with (bytes parsed, bytes in all) while the tables are parsed.

    Returns:
        As `molecules`: positions in Angstrom, and targets of shape (130831, 1) in the units of `QM9_TARGETS`.

    Raises:
        UsageError: the package is not installed or not complete, or a target is not known.

    >>> qm9(["polarizability"]).cloud_fields["polarizability"][:3].flatten()    # doctest: +SKIP
    tensor([13.2100,  9.4600,  6.3100], dtype=torch.float64)

    Reference: R. Ramakrishnan et al., Quantum chemistry structures and properties of 134 kilo molecules, Scientific
    Data 1 (2014), table 3.
    """
    wanted = list(QM9_TARGETS) if targets is None else list(targets)
    for name in wanted:
        if name not in QM9_TARGETS:
            close = get_close_matches(name, QM9_TARGETS, 1)
            hint = f'; did you mean "{close[0]}"?' if close else "."
            raise UsageError(f'qm9 has no target "{name}"{hint} Known: {", ".join(QM9_TARGETS)}')
    return _load(_source_files(), user_cache() / "qm9.safetensors", wanted, progress)


def _load(
    files: Sequence[Path], cache: Path, targets: Sequence[str], progress: ProgressCallback = no_progress
) -> PointCloudSet:
    key = {"format": _FORMAT, "sources": {file.name: file.stat().st_size for file in files}}
    try:
        table = load_cached(cache, key)
        if table is None:
            table = _parse(files, progress)
            store_cached(cache, key, table)
    except ModuleNotFoundError as error:
        raise UsageError(f"qm9 needs the Python package {error.name}: {_HOW_TO_INSTALL}") from error
    order = list(QM9_TARGETS)
    return molecules(
        table["numbers"].to(torch.int64),
        table["positions"],
        offsets_from_counts(table["counts"].to(torch.int64)),
        {name: table["targets"][order.index(name), :, None] for name in targets},
        LazyNames(table["indices"].numpy(), prefix="qm9/dsgdb9nsd_", digits=6),
    )


def _source_files() -> list[Path]:
    spec = find_spec("qm9pack")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"qm9 is read from the Python package qm9pack, which is not installed: {_HOW_TO_INSTALL}")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    files = [folder / f"qm9_part{part}.csv" for part in (1, 2, 3)]
    for file in files:
        if not file.is_file():
            raise UsageError(
                f"the installed package qm9pack lacks data/{file.name}: pip install --force-reinstall qm9pack"
            )
    return files


def _parse(files: Sequence[Path], progress: ProgressCallback = no_progress) -> dict[str, Tensor]:
    """The tables: numbers (N,) uint8, positions (N, 3), counts (S,) int16, targets (12, S), indices (S,) int32."""
    total, before = sum(file.stat().st_size for file in files), 0
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for file in files:
        for done, rows, first in _rows(file):
            parts.append(_convert(rows, f"{file.name}, row {first}"))
            progress(before + done, total)
        before += file.stat().st_size
    if not parts:
        raise UsageError(f"{files[0].parent}: the tables of qm9pack are empty: pip install --force-reinstall qm9pack")
    numbers, positions, counts, targets, indices = (np.concatenate(column) for column in zip(*parts, strict=True))
    arrays = {
        "numbers": numbers,
        "positions": positions.reshape(-1, 3),
        "counts": counts.astype(np.int16),
        "targets": targets.T,
        "indices": indices,
    }
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def _rows(file: Path) -> Iterator[tuple[int, list[list[str]], int]]:
    """Blocks of rows, columns in a fixed order, with the bytes read so far and the number of the block's first row."""
    columns = ["Index", "N_atoms", "Elements", "XYZ_Ang", *(info.column for info in QM9_TARGETS.values())]
    with file.open("rb") as raw, open(raw.fileno(), encoding="utf-8", newline="", closefd=False) as text:
        reader = csv.reader(text)
        header = next(reader, [])
        missing = [column for column in columns if column not in header]
        if missing:
            raise UsageError(f"{file}: no column {missing[0]}; expected the tables of qm9pack 1.0.3")
        indices = [header.index(column) for column in columns]
        first = 1
        while rows := list(islice(reader, _ROWS_AT_ONCE)):
            if any(len(row) != len(header) for row in rows):
                raise UsageError(f"{file}: a row after row {first} has not {len(header)} columns: is the file whole?")
            yield raw.tell(), [[row[index] for index in indices] for row in rows], first
            first += len(rows)


def _convert(rows: list[list[str]], location: str) -> tuple[npt.NDArray[Any], ...]:
    indices, sizes, elements, coordinates, *values = zip(*rows, strict=True)
    letters = [_letters(text) for text in elements]
    try:
        counts = np.array(sizes, dtype=np.int64)
        numbers = np.frombuffer(b"".join(letters).translate(_NUMBER_OF_LETTER), dtype=np.uint8)
        positions = np.array(",".join(coordinates).replace("[", "").replace("]", "").split(","), dtype=np.float64)
        targets = np.array(values, dtype=np.float64).T
        names = np.array(indices, dtype=np.int32)
    except ValueError as error:
        raise UsageError(f"{location} or shortly after: not a number ({error}): is the file whole?") from error
    lengths = np.array([len(text) for text in letters])
    if not (numbers.all() and (lengths == counts).all() and len(positions) == 3 * counts.sum()):
        raise UsageError(f"{location} or shortly after: atoms, elements and coordinates disagree: is the file whole?")
    return numbers, positions, counts, targets, names


def _letters(text: str) -> bytes:
    """``['C','H','H']`` -> ``b"CHH"``: every element of QM9 has one letter."""
    return text.translate(_NO_LIST).encode("ascii", "replace")


_NO_LIST = {ord(letter): None for letter in "[]', "}
_NUMBER_OF_LETTER = bytes(NUMBERS.get(chr(code), 0) for code in range(256))
