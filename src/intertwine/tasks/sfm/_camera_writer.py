"""Table of predicted cameras."""

from __future__ import annotations

import csv
from typing import IO

from intertwine.tasks._results import PredictionChunk

_TITLES = {
    "quaternion": ("qw", "qx", "qy", "qz"),
    "translation": ("tx", "ty", "tz"),
    "projection": tuple(f"p{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3, 4)),
}


class CameraWriter:
    """Writes a table with a row for each camera: quaternion and translation, or the 3 x 4 matrix row by row.

    Args:
        file: An open text file (``newline=""``).
    """

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file, lineterminator="\n")
        self._begun = False

    def write(self, chunk: PredictionChunk) -> None:
        """Write some more rows."""
        if not self._begun:
            self._rows.writerow(["camera", *(title for name in chunk.arrays for title in _TITLES[name])])
            self._begun = True
        for name, *parts in zip(chunk.names, *chunk.arrays.values(), strict=True):
            numbers = (value for part in parts for value in part.flatten())
            self._rows.writerow([name, *(f"{value:.9g}" for value in numbers)])
