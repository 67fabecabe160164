"""Folder layouts of shapes: the class of each file, and the part of the split in which it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from intertwine._errors import UsageError
from intertwine.data.readers._point_files import SHAPE_SUFFIXES

PART_OF_FOLDER = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Names of folders that are parts of a split."""

_SYNSETS = "synsetoffset2category.txt"


class ShapeEntry(NamedTuple):
    """One shape: its file, its class, its part of the split ("" when there is none), a file of labels beside it."""

    path: Path
    label: str
    part: str = ""
    labels: Path | None = None


def list_shapes(folder: Path) -> list[ShapeEntry]:
    """Every shape of a folder, in the order of their names.

    Known are ShapeNetPart as it is (a file synsetoffset2category.txt; `*.txt` with x y z nx ny nz label, or
    points/*.pts with points_label/*.seg; train_test_split/*.json, which leave out what they do not list), ModelNet as
    it is (class/train/*, class/test/*), the same with the parts above the classes (train/class/*), plain class/*, and a
    flat folder, which is one class: also a single one of ShapeNetPart's. Files are looked for in deeper folders too;
    hidden ones, and those with other suffixes than `SHAPE_SUFFIXES`, are left alone.

    Raises:
        UsageError: there is no such folder, no shape in it, or shapes both inside and outside of the parts of a split.
    """
    if not folder.is_dir():
        raise UsageError(f'"{folder}" is {"a file" if folder.is_file() else "not there"}; expected a folder of shapes')
    entries = list(_shapenet(folder) if (folder / _SYNSETS).is_file() else _plain(folder))
    if not entries:
        raise UsageError(f'"{folder}" holds no shapes; expected class/files with {", ".join(SHAPE_SUFFIXES)}')
    loose = next((entry for entry in entries if not entry.part), None)
    if loose is not None and any(entry.part for entry in entries):
        raise UsageError(
            f'"{loose.path}" stands in no part of the split, others do: put it into a folder train, validation or test'
        )
    return entries


def _plain(folder: Path) -> Iterator[ShapeEntry]:
    for path in _files(folder):
        above = path.relative_to(folder).parts[:-1]
        if above and above[0].lower() in PART_OF_FOLDER:  # train/class/*
            yield ShapeEntry(
                path, above[1] if len(above) > 1 else class_of_folder(folder), PART_OF_FOLDER[above[0].lower()]
            )
        elif len(above) > 1 and above[1].lower() in PART_OF_FOLDER:  # class/train/*
            yield ShapeEntry(path, above[0], PART_OF_FOLDER[above[1].lower()])
        else:
            yield ShapeEntry(path, above[0] if above else class_of_folder(folder))


def class_of_folder(folder: Path) -> str:
    """The class of the files that stand in a folder: its name, or what ShapeNetPart's table beside it calls that."""
    table = folder.parent / _SYNSETS
    found = {synset: name for name, synset in _synsets(table)} if table.is_file() else {}
    return found.get(folder.name, folder.name)


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(SHAPE_SUFFIXES) and not name.startswith("."):
                yield Path(parent) / name


def _shapenet(folder: Path) -> Iterator[ShapeEntry]:
    parts = _listed_parts(folder / "train_test_split")
    for name, synset in _synsets(folder / _SYNSETS):
        points, texts = sorted((folder / synset / "points").glob("*.pts")), sorted((folder / synset).glob("*.txt"))
        for path in [*points, *texts]:
            if parts and (synset, path.stem) not in parts:
                continue  # the published lists leave it out
            beside = (folder / synset / name_of_folder / f"{path.stem}.seg" for name_of_folder in _LABEL_FOLDERS)
            labels = next(filter(Path.is_file, beside), None) if path.suffix == ".pts" else None
            yield ShapeEntry(path, name, parts.get((synset, path.stem), ""), labels)


_LABEL_FOLDERS = ("points_label", "expert_verified/points_label")


def _synsets(table: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(table.read_text("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if len(words) == 2:
            yield words[0], words[1]
        elif words:
            raise UsageError(f'"{table}", line {number}: expected a name and a folder, such as "Chair 03001627"')


def _listed_parts(folder: Path) -> dict[tuple[str, str], str]:
    """(synset, name) -> part, from files such as shuffled_train_file_list.json with "shape_data/synset/name"."""
    parts: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("*.json")):
        part = next((PART_OF_FOLDER[word] for word in path.stem.lower().split("_") if word in PART_OF_FOLDER), None)
        if part is None:
            continue
        try:
            listed = json.loads(path.read_text("utf-8"))
            pairs = [tuple(str(name).replace(".txt", "").split("/")[-2:]) for name in listed]
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f'"{path}" is not a list of names ({error})') from error
        parts.update({(pair[0], pair[1]): part for pair in pairs if len(pair) == 2})
    return parts
