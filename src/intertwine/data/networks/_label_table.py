"""Table of labels of files: labels.csv."""

from __future__ import annotations

import csv
from pathlib import Path

from intertwine._errors import UsageError

NAME = "labels.csv"
_FILES, _LABELS = ("file", "name", "path", "filename", "checkpoint"), ("label", "class", "value", "target", "accuracy")
_PARTS = {"train": 0, "training": 0, "validation": 1, "val": 1, "test": 2}
_LARGEST = 1 << 28


def read_label_table(path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """The label of each file, and its part of a prescribed split where the table has the column "split".

    Args:
        path: A table with a row for each file: its name and its label, with a heading or without.

    Raises:
        UsageError: It cannot be read, or a row has no file or no label, or two rows have one file.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than {_LARGEST >> 20} MB")
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a table of labels: {error}") from None
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise UsageError(f"{path} has no rows; expected the columns file and label")
    heading = [cell.lower() for cell in rows[0]]
    file = next((heading.index(name) for name in _FILES if name in heading), None)
    label = next((heading.index(name) for name in _LABELS if name in heading), None)
    if file is None or label is None:
        file, label, part = 0, 1, None
    else:
        part = heading.index("split") if "split" in heading else None
        rows = rows[1:]
    labels: dict[str, str] = {}
    parts: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if len(row) <= max(file, label) or not row[file] or not row[label]:
            raise UsageError(f"{path}: row {number} has no file or no label: expected the columns file and label")
        if row[file] in labels:
            raise UsageError(f'{path}: "{row[file]}" has two rows')
        labels[row[file]] = row[label]
        if part is not None:
            word = row[part].lower() if len(row) > part else ""
            if word not in _PARTS:
                raise UsageError(f'{path}: row {number} has the split "{word}": expected train, validation or test')
            parts[row[file]] = _PARTS[word]
    return labels, parts
