"""Writers of clouds with a part at each point: colored PLY, NPZ, CSV."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine.tasks._results import PredictionChunk
from intertwine.tasks.clouds.report import part_color

_SINGLE_TOLERANCE = 1e-6
"""What single precision may lose of a position, over the extent of the cloud."""


class LabeledCloud(NamedTuple):
    """A cloud with predictions: its name, positions (n, 3), labels (n,) and their probabilities (n,)."""

    name: str
    positions: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    probabilities: npt.NDArray[Any]


def part_numbers(parts: Sequence[str]) -> list[int]:
    """The labels that files have: the user's own where the names of the parts are numbers, else their indices.

    >>> part_numbers(["3", "7"]), part_numbers(["body", "pin"])
    ([3, 7], [0, 1])
    """
    if all(name.isdecimal() and int(name) < 1 << 31 for name in parts):
        return [int(name) for name in parts]
    return list(range(len(parts)))


def ply(cloud: LabeledCloud, parts: Sequence[str]) -> bytes:
    """The cloud as binary PLY: x y z, a fixed color for each part, its number as `label`, and its probability.

    Positions are in single precision, which every viewer reads, unless the cloud stands so far from the origin, or is
    so large or small, that they would be moved by it: scans in the coordinates of a map, say.
    """
    numbers = part_numbers(parts)
    code, name = ("<f4", "float") if _single_suffices(cloud.positions) else ("<f8", "double")
    kinds = [("position", code, 3), ("color", "u1", 3), ("label", "<i4"), ("probability", "<f4")]
    points = np.empty(len(cloud.positions), dtype=np.dtype(kinds))
    points["position"], points["label"] = cloud.positions, np.array(numbers)[cloud.labels]
    points["probability"] = cloud.probabilities
    points["color"] = np.array([part_color(part) for part in range(len(parts))], dtype=np.uint8)[cloud.labels]
    properties = [f"{name} {axis}" for axis in "xyz"] + [f"uchar {name}" for name in ("red", "green", "blue")]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment label {number} is {' '.join(part.split())}" for number, part in zip(numbers, parts, strict=True)),
        f"element vertex {len(points)}",
        *(f"property {text}" for text in (*properties, "int label", "float probability")),
        "end_header",
    ]
    return ("\n".join(header) + "\n").encode("utf-8") + points.tobytes()


def _single_suffices(positions: npt.NDArray[Any]) -> bool:
    with np.errstate(all="ignore"):
        single = positions.astype(np.float32)
        size = np.abs(positions - positions[:1]).max(initial=0.0) or np.abs(positions).max(initial=0.0)
        return bool(np.isfinite(single).all() and (np.abs(single - positions) <= _SINGLE_TOLERANCE * size).all())


class SegmentWriter:
    """Writes labeled clouds one after the other, without keeping them.

    Args:
        output: A folder for PLY files, or a file to be written.
        suffix: "" for the folder, ".npz" or ".csv".
        parts: The names of the parts.
    """

    def __init__(self, output: Path, suffix: str, parts: Sequence[str]) -> None:
        self.output, self.suffix, self.parts = output, suffix, parts
        self._names: set[str] = set()
        self._archive: zipfile.ZipFile | None = None
        self._file: IO[str] | None = None

    def __enter__(self) -> SegmentWriter:
        if self.suffix == ".npz":
            self._archive = zipfile.ZipFile(self.output, "w", zipfile.ZIP_DEFLATED)
            self._array("parts", np.array(self.parts))
            self._array("numbers", np.array(part_numbers(self.parts)))
        elif self.suffix == ".csv":
            self._file = self.output.open("w", encoding="utf-8", newline="")
            csv.writer(self._file, lineterminator="\n").writerow(
                ["file", "point", "x", "y", "z", "part", "probability"]
            )
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._archive, self._file):
            if opened is not None:
                opened.close()

    def write(self, chunk: PredictionChunk) -> None:
        """Write some more clouds."""
        arrays = (chunk.ragged[name] for name in ("positions", "labels", "probabilities"))
        for name, *values in zip(chunk.names, *arrays, strict=True):
            self.write_cloud(LabeledCloud(name, *values))

    def write_cloud(self, cloud: LabeledCloud) -> None:
        """Write one more cloud."""
        if self._file is not None:
            self._rows(cloud)
            return
        name = self._free(PurePosixPath(cloud.name))
        if self._archive is not None:
            for key, values in zip(cloud._fields[1:], cloud[1:], strict=True):
                self._array(f"{name}/{key}", values)
            return
        path = self.output / f"{name}.ply"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ply(cloud, self.parts))

    def _rows(self, cloud: LabeledCloud) -> None:
        rows = zip(cloud.positions.tolist(), cloud.labels.tolist(), cloud.probabilities.tolist(), strict=True)
        csv.writer(self._file, lineterminator="\n").writerows(  # type: ignore[arg-type]
            [cloud.name, index, *(f"{value:.10g}" for value in position), self.parts[label], f"{probability:.4f}"]
            for index, (position, label, probability) in enumerate(rows)
        )

    def _array(self, name: str, values: npt.NDArray[Any]) -> None:
        assert self._archive is not None, "arrays go into an archive"
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        self._archive.writestr(f"{name}.npy", buffer.getvalue())

    def _free(self, path: PurePosixPath) -> str:
        """The name without its suffix, inside the folder whatever it says, and with a number where it is taken."""
        segments = [part for part in path.with_suffix("").parts if part not in ("/", "..", ".")]
        stem = "/".join(segments) or "cloud"
        name, number = stem, 2
        while name in self._names:
            name, number = f"{stem}-{number}", number + 1
        self._names.add(name)
        return name
