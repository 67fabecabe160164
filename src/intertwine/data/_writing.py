"""Writers of predictions beside their molecules: extended XYZ and CSV, in full precision."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data._elements import CHEMICAL_SYMBOLS
from intertwine.data._point_cloud_set import PointCloudSet

Target = str | os.PathLike[str] | IO[str]

_TAKEN = {"Properties", "Lattice", "pbc", "name", "stress", "virial"}
_TAKEN_COLUMNS = {"species", "pos", "numbers", "positions", "forces"}
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def write_extxyz(
    target: Target,
    structures: PointCloudSet,
    predictions: Mapping[str, Tensor],
    atom_predictions: Mapping[str, Tensor] | None = None,
) -> None:
    """Structures with predicted values in the comment line or in columns of the atoms, as ase and Ovito read them.

    Args:
        target: a path, which is written anew; or an open text file, to which the frames are appended.
        structures: S molecules of N atoms in all, or crystals, which are written with their cells; their own targets
            are not written.
        predictions: name -> (S,) or (S, d); a scalar is written ``name=1.5``, a vector ``name="1.5 0.0 -2.0"``.
        atom_predictions: name -> (N,) or (N, d), written in columns.

    Raises:
        ValueError: a prediction has another length, or a name that the format keeps for itself.
        UsageError: the path cannot be written.
    """
    atom_predictions = atom_predictions or {}
    taken = sorted((_TAKEN & set(predictions)) | (_TAKEN_COLUMNS & set(atom_predictions)))
    if taken:
        raise ValueError(f'"{taken[0]}" has a meaning of its own in extended XYZ: give the prediction another name')
    columns = {name: _texts(name, values, len(structures)) for name, values in predictions.items()}
    rows_of_atoms = [_texts(name, values, len(structures.positions)) for name, values in atom_predictions.items()]
    titles = "".join(f":{_column(name)}:R:{_width(values)}" for name, values in atom_predictions.items())
    cells = _cell_texts(structures)
    symbols = [CHEMICAL_SYMBOLS[number] for number in structures.point_fields["numbers"].tolist()]
    positions = structures.positions.tolist()
    offsets = structures.offsets.tolist()
    with _opened(target) as file:
        for index, name in enumerate(structures.names):
            values = "".join(f" {_key(key)}={_value(rows[index])}" for key, rows in columns.items())
            atoms = range(offsets[index], offsets[index + 1])
            head = f"Properties=species:S:1:pos:R:3{titles}"
            file.write(f"{len(atoms)}\n{head} name={_quoted(name)}{values} {cells[index]}\n")
            for atom in atoms:
                words = [*map(repr, positions[atom]), *(word for rows in rows_of_atoms for word in rows[atom])]
                file.write(f"{symbols[atom]:<2} {' '.join(words)}\n")


def write_csv(
    target: Target, structures: PointCloudSet, predictions: Mapping[str, Tensor], *, header: bool = True
) -> None:
    """A table with one row a structure: its name, its number of atoms, and the predicted values.

    Args:
        target: a path, which is written anew; or an open text file (``newline=""``), to which the rows are appended.
        structures: S molecules.
        predictions: name -> (S,) or (S, d); the columns of a vector are ``name_0``, ``name_1``, ...
        header: False for the second and later chunks of one table.

    Raises:
        ValueError: a prediction has another length.
        UsageError: the path cannot be written.
    """
    columns = {name: _texts(name, values, len(structures)) for name, values in predictions.items()}
    with _opened(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        if header:
            writer.writerow(
                ["name", "atoms", *(title for name in columns for title in _titles(name, predictions[name]))]
            )
        for index, (name, count) in enumerate(zip(structures.names, structures.counts.tolist(), strict=True)):
            writer.writerow([name, count, *(text for rows in columns.values() for text in rows[index])])


def write_atoms_csv(
    target: Target, structures: PointCloudSet, predictions: Mapping[str, Tensor], *, header: bool = True
) -> None:
    """A table with one row an atom: the name of its structure, its number there from 1, its element, the values.

    Args:
        target: as for `write_csv`.
        structures: S molecules of N atoms in all.
        predictions: name -> (N,) or (N, d); the columns of a vector are ``name_0``, ``name_1``, ...
        header: False for the second and later chunks of one table.

    Raises:
        ValueError: a prediction has another length.
        UsageError: the path cannot be written.
    """
    columns = [_texts(name, values, len(structures.positions)) for name, values in predictions.items()]
    symbols = [CHEMICAL_SYMBOLS[number] for number in structures.point_fields["numbers"].tolist()]
    offsets = structures.offsets.tolist()
    with _opened(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        if header:
            titles = (title for name in predictions for title in _titles(name, predictions[name]))
            writer.writerow(["name", "atom", "element", *titles])
        for index, name in enumerate(structures.names):
            for number, atom in enumerate(range(offsets[index], offsets[index + 1]), 1):
                values = (word for rows in columns for word in rows[atom])
                writer.writerow([name, number, symbols[atom], *values])


@contextmanager
def _opened(target: Target) -> Iterator[IO[str]]:
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    try:
        with Path(target).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error


def _texts(name: str, values: Tensor, size: int) -> list[list[str]]:
    """Each row as the shortest decimals that give the same floats back."""
    if values.dim() not in (1, 2) or len(values) != size:
        raise ValueError(f"prediction {name!r} must be ({size},) or ({size}, d); got {tuple(values.shape)}")
    is_float = values.dtype in (torch.float32, torch.float64)
    array = values.detach().cpu().to(values.dtype if is_float else torch.float64).numpy()
    rows: list[list[str]] = array.reshape(size, -1).astype(str).tolist() if array.size else [[] for _ in range(size)]
    return rows


def _titles(name: str, values: Tensor) -> list[str]:
    width = values[0].numel() if len(values) else values.shape[1:].numel()
    return [name] if width == 1 else [f"{name}_{index}" for index in range(width)]


def _width(values: Tensor) -> int:
    return values.shape[1:].numel()


def _cell_texts(structures: PointCloudSet) -> list[str]:
    """Lattice and pbc of each structure."""
    if structures.lattice is None:
        return ['pbc="F F F"'] * len(structures)
    fields = structures.cloud_fields
    flags = fields["pbc"] if "pbc" in fields else structures.lattice.any(2)
    texts = []
    for cell, periodic in zip(fields["cell"].tolist(), flags.tolist(), strict=True):
        lattice = f'Lattice="{" ".join(map(repr, cell))}" ' if any(periodic) else ""
        texts.append(f'{lattice}pbc="{" ".join("FT"[flag] for flag in periodic)}"')
    return texts


def _column(name: str) -> str:
    """A name of a column, which the format separates by colons and spaces."""
    return re.sub(r"[\s:\"=]", "_", name)


def _value(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f'"{" ".join(texts)}"'


def _key(text: str) -> str:
    return text if _PLAIN_KEY.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    escaped = " ".join(text.splitlines()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
