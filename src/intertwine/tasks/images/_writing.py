"""Writers of predictions for images: tables, and folders of masks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import torch

from intertwine._errors import UsageError
from intertwine.data import write_mask
from intertwine.tasks._results import PredictionChunk
from intertwine.tasks.clouds.report import part_color


class MaskWriter:
    """Writes a palette PNG file for each image, and classes.csv with the name and the color of each class.

    Args:
        folder: Where to; it is made.
        classes: Their names.
    """

    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        self._folder, self._colors = folder, [part_color(index) for index in range(len(classes))]
        self._written: set[Path] = set()
        folder.mkdir(exist_ok=True)
        with (folder / "classes.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["index", "class", "red", "green", "blue"])
            rows.writerows((index, name, *self._colors[index]) for index, name in enumerate(classes))

    def write(self, chunk: PredictionChunk) -> None:
        """Write some more files.

        Raises:
            UsageError: Two images have one name but for their suffix.
        """
        for name, mask in zip(chunk.names, chunk.ragged["mask"], strict=True):
            path = self._folder / Path(name).with_suffix(".png").as_posix().lstrip("/").replace("../", "")
            if path in self._written:
                raise UsageError(f"two images are called {Path(name).with_suffix('')}; rename one of them")
            self._written.add(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, torch.from_numpy(mask), self._colors)
