"""Trained keypoints in use: images to keypoints, tables and archives of them, and their figures against the angle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import Split
from intertwine.ops import Keypoints
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation, PredictionChunk, PredictionWriter
from intertwine.tasks._skipped import warn_skipped
from intertwine.tasks._source import resolve
from intertwine.tasks._table_or_archive import open_table_or_archive
from intertwine.tasks.images import as_pixels
from intertwine.tasks.keypoints._evaluation import VIEW, AnglePoint, as_evaluation, rotation_curve
from intertwine.tasks.keypoints._network import KeypointNetwork
from intertwine.tasks.keypoints._photos import PhotoSet, gray_bytes, iter_photos, read_again, read_photos

KEYPOINTS, LEVELS = 2048, 3
"""The most keypoints of an image, and the levels of its pyramid, where nothing else is asked for."""
_AUDIT_SIDE = 64


class KeypointPredictor(Predictor[KeypointNetwork, PhotoSet]):
    """A detector and a descriptor in use; arguments as those of `Predictor`.

    It predicts for each image the arrays "positions" (N, 2), "scales" (N,), "angles" (N,), "responses" (N,) and
    "descriptors" (N, D); see `Keypoints`.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".npz")
    batch_size: ClassVar[int] = 16
    audit_batch_size: ClassVar[int] = 2
    kind: ClassVar[str] = "photos"
    public: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: KeypointNetwork, config: dict[str, Any], split: Split) -> None:
        super().__init__(model, config, split)
        self.tolerance = float(config["training"]["tolerance"])

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> KeypointNetwork:
        """The network that a configuration describes."""
        return KeypointNetwork(config["network"])

    def extract(self, image: Tensor, max_keypoints: int | None = None, levels: int = LEVELS) -> Keypoints:
        """The keypoints of a gray image ``(H, W)``, 0 to 1, of all levels of its pyramid, best first."""
        return self.model.extract(image.to(self.device), max_keypoints or KEYPOINTS, levels)

    def extract_upright(self, image: Tensor, max_keypoints: int) -> Keypoints:
        """The same at one level: for images of one scale."""
        return self.extract(image, max_keypoints, 1)

    def read(self, source: str | None, progress: ProgressCallback) -> PhotoSet:
        """Photos to be compared with their own warped copies."""
        if source is None:
            return read_again(self.config, progress)
        data, smallest = self.config["data"], self.config["training"]["crop"]
        photos = read_photos(resolve(source), data["resolution"], smallest, progress=progress)
        warn_skipped(photos.skipped)
        return photos

    def curve(self, examples: PhotoSet, seed: int = 0, progress: ProgressCallback = no_progress) -> list[AnglePoint]:
        """The scores at every angle."""
        return rotation_curve(
            examples.pixels, self.extract_upright, self.tolerance, seed=seed, view=view_side(examples),
            progress=progress,
        )  # fmt: skip

    def measure(
        self,
        examples: PhotoSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Repeatability and matches of photos and their warped copies, turned by every 15 degrees to 180."""
        return as_evaluation(self.curve(examples, seed, progress), name, len(examples), self.tolerance)

    def audit_inputs(self, examples: PhotoSet, name: str) -> list[Tensor]:
        """The middle of each photo, in float64."""
        squares = []
        for index in range(len(examples)):
            image = examples.image(index).double()
            side = min(*image.shape, _AUDIT_SIDE)
            top, left = ((size - side) // 2 for size in image.shape)
            middle = image[None, None, top : top + side, left : left + side]
            squares.append(functional.interpolate(middle, (_AUDIT_SIDE, _AUDIT_SIDE), mode="bilinear"))
        return list(torch.cat(squares).split(self.audit_batch_size))

    @property
    def claims_symmetry(self) -> bool:
        """Not of plain convolutions."""
        return bool(self.config["network"]["name"] != "plain")

    def audit_note(self, examples: PhotoSet) -> str:
        """What the audit does not see."""
        if not self.claims_symmetry or self.config["network"]["group"] == "C4":
            return ""
        return (
            "the score map, under the rotations that map pixels to pixels, where the law is exact; intertwine evaluate "
            "measures other angles, and the descriptors"
        )

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[PhotoSet]:
        """The images of a file or a folder in their own size, a chunk at a time."""
        skipped: list[tuple[str, str]] = []
        for chunk in iter_photos(resolve(data), batch_size, strict=strict):
            skipped += chunk.skipped
            yield chunk
        warn_skipped(skipped)

    def from_memory(self, data: Any, batch_size: int, **fields: Any) -> Iterator[PhotoSet]:
        """Images of arrays, tensors or Pillow's images.

        Args:
            data: An image ``(H, W)``, ``(H, W, C)`` or ``(C, H, W)``; images ``(N, C, H, W)``; or a list of images:
                bytes, or floating-point numbers in 0 .. 1.
            batch_size: How many of them at a time.
            fields: None that is known.
        """
        if fields:
            raise UsageError(f"images have no further fields, got {', '.join(fields)}")
        single = [as_pixels(one)[0] for one in data] if isinstance(data, list | tuple) else list(as_pixels(data))
        if not single:
            raise UsageError("expected an image or images, got none")
        for begin in range(0, len(single), batch_size):
            some = single[begin : begin + batch_size]
            names = [str(number) for number in range(begin + 1, begin + len(some) + 1)]
            yield PhotoSet([gray_bytes(image) for image in some], names)

    def predict_chunk(self, chunk: PhotoSet, name: str, batch_size: int) -> PredictionChunk:
        """The keypoints of some images."""
        found = [self.extract(chunk.image(index)) for index in range(len(chunk))]
        ragged = {field: [getattr(points, field).numpy() for points in found] for field in Keypoints._fields}
        return PredictionChunk(list(chunk.names), {}, ragged, None)

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table with a row for each keypoint, or an archive with the arrays of each image."""
        return open_table_or_archive(path, suffix, KeypointTable, KeypointArchive)


class KeypointTable:
    """Writes a row for each keypoint: file, x, y and scale in pixels, angle in radians, response."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        rows.writerow(("file", "x", "y", "scale", "angle", "response"))

    def write(self, chunk: PredictionChunk) -> None:
        """Write the keypoints of some images."""
        fields = [chunk.ragged[name] for name in ("positions", "scales", "angles", "responses")]
        for name, positions, *columns in zip(chunk.names, *fields, strict=True):
            for (x, y), *values in zip(positions, *columns, strict=True):
                self._rows.writerow((name, f"{x:.3f}", f"{y:.3f}", *(f"{value:.5g}" for value in values)))


class KeypointArchive:
    """Gathers the arrays of images, named FILE/positions, FILE/descriptors and so on, and writes them as NPZ."""

    def __init__(self) -> None:
        self._arrays: dict[str, Any] = {}

    def write(self, chunk: PredictionChunk) -> None:
        """Take the keypoints of some images."""
        fields: Mapping[str, Sequence[Any]] = chunk.ragged
        for field, arrays in fields.items():
            self._arrays |= {f"{name}/{field}": array for name, array in zip(chunk.names, arrays, strict=True)}

    def save(self, path: Path) -> None:
        """Write the file."""
        with path.open("wb") as file:
            np.savez(file, **self._arrays)


def view_side(photos: PhotoSet) -> int:
    """The side of the windows that are compared: 240 pixels, or less where most photos are small."""
    sides = sorted(min(image.shape) for image in photos.pixels)
    return int(min(VIEW, sides[len(sides) // 2]))
