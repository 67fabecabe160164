"""Lists of image files with their labels: folders of classes, folders of masks, tables."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from intertwine._errors import UsageError
from intertwine.data.images._image_file import IMAGE_SUFFIXES, image_files
from intertwine.data.readers import PART_OF_FOLDER

_PATHS = ("path", "file", "filename", "image", "image_path", "filepath", "img")
_LABELS = ("label", "labels", "class", "target", "value", "y", "category")
_SPLITS = ("split", "part", "subset")


class ImageEntry(NamedTuple):
    """One image file: its name in the set, its label as text ("" for none), its part of the split, its mask."""

    path: Path
    name: str
    label: str = ""
    part: str = ""
    mask: Path | None = None


def has_masks(folder: Path) -> bool:
    """Whether a folder, or its folders train, val and test, hold the two folders images and masks."""
    return any((place / "images").is_dir() and (place / "masks").is_dir() for place in (folder, *_parts(folder)))


def list_folder(folder: Path) -> list[ImageEntry]:
    """Every image of a folder, its class the folder above it.

    Known are class/*, train/class/* and class/train/*, with val, validation and test as the other parts; a flat folder
    has no classes.

    Raises:
        UsageError: There is no image in it, or only some stand in a part of the split.
    """
    entries = []
    for path in image_files(folder):
        above = path.relative_to(folder).parts[:-1]
        name = path.relative_to(folder).as_posix()
        if above and above[0].lower() in PART_OF_FOLDER:
            label, part = above[1] if len(above) > 1 else "", PART_OF_FOLDER[above[0].lower()]
        elif len(above) > 1 and above[1].lower() in PART_OF_FOLDER:
            label, part = above[0], PART_OF_FOLDER[above[1].lower()]
        else:
            label, part = above[0] if above else "", ""
        entries.append(ImageEntry(path, name, label, part))
    return _checked(entries, folder)


def list_masks(folder: Path) -> list[ImageEntry]:
    """Every image of images/ with the file of the same stem in masks/; the same below train, val and test.

    Raises:
        UsageError: There is no image, or one without a mask.
    """
    entries = []
    for place in [folder] if (folder / "images").is_dir() else _parts(folder):
        masks = {
            path.relative_to(place / "masks").with_suffix("").as_posix(): path for path in image_files(place / "masks")
        }
        part = "" if place == folder else PART_OF_FOLDER[place.name.lower()]
        for path in image_files(place / "images"):
            key = path.relative_to(place / "images").with_suffix("").as_posix()
            if key not in masks:
                raise UsageError(f"{path} has no mask: expected {place / 'masks' / key}.png")
            entries.append(ImageEntry(path, path.relative_to(folder).as_posix(), "", part, masks[key]))
    return _checked(entries, folder)


def list_table(table: Path) -> list[ImageEntry]:
    """Every row of a CSV file: path (relative to the file), label, and, under a heading, perhaps split.

    Raises:
        UsageError: It has no rows, no column of paths, or a path without a file.
    """
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        sample = file.read(4096)
        file.seek(0)
        delimiter = max(",;\t", key=sample.partition("\n")[0].count)
        rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter) if any(row)]
    if not rows:
        raise UsageError(f"{table} is empty; expected rows such as cats/1.png,cat")
    path_column, label_column, split_column = _columns(rows[0], table)
    body = rows if rows[0][path_column].lower().endswith(IMAGE_SUFFIXES) else rows[1:]
    entries = []
    for number, row in enumerate(body, 1 + len(rows) - len(body)):
        if len(row) <= max(path_column, label_column if label_column is not None else 0):
            raise UsageError(f"{table}, row {number}: expected {len(rows[0])} columns, got {len(row)}")
        label = "" if label_column is None else row[label_column]
        part = "" if split_column is None or len(row) <= split_column else row[split_column].lower()
        if part and part not in PART_OF_FOLDER:
            raise UsageError(f'{table}, row {number}: the split "{part}" is none of train, validation, test')
        name = row[path_column]
        entries.append(ImageEntry(table.parent / name, name, label, PART_OF_FOLDER.get(part, "")))
    return _checked(entries, table)


def _columns(first: Sequence[str], table: Path) -> tuple[int, int | None, int | None]:
    """The columns of paths, labels and parts."""
    if first[0].lower().endswith(IMAGE_SUFFIXES):
        return 0, 1 if len(first) > 1 else None, None
    words = [word.lower() for word in first]

    def column(known: Sequence[str]) -> int | None:
        return next((words.index(word) for word in known if word in words), None)

    path, label = column(_PATHS), column(_LABELS)
    if path is None:
        raise UsageError(
            f'{table}: expected a heading such as "path,label" or rows such as "cats/1.png,cat"; '
            f"got {','.join(first)[:60]!r}"
        )
    if label is None and len(first) == 2:
        label = 1 - path
    return path, label, column(_SPLITS)


def _checked(entries: list[ImageEntry], place: Path) -> list[ImageEntry]:
    if not entries:
        raise UsageError(f'"{place}" holds no images; expected files with {", ".join(IMAGE_SUFFIXES)}')
    loose = next((entry for entry in entries if not entry.part), None)
    if loose is not None and any(entry.part for entry in entries):
        raise UsageError(f'"{loose.path}" is in no part of the split, others are: give it train, validation or test')
    return entries


def _parts(folder: Path) -> Iterator[Path]:
    return (place for place in sorted(folder.iterdir()) if place.is_dir() and place.name.lower() in PART_OF_FOLDER)
