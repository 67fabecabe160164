"""The predictor of a segmentation: files to clouds with a part at each point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data import CloudChunk, PointCloudBatch, PointCloudSet
from intertwine.tasks._results import PredictionChunk
from intertwine.tasks.clouds import CloudPredictor, rename_labels
from intertwine.tasks.segment._categories import allowed_parts, mask_parts
from intertwine.tasks.segment._job import SegmentJob
from intertwine.tasks.segment._metrics import PartMetrics
from intertwine.tasks.segment._model import Segmenter
from intertwine.tasks.segment._writing import SegmentWriter

_FILES_AT_ONCE = 16


class SegmentPredictor(CloudPredictor[Segmenter]):
    """A `Segmenter` in use. For each cloud it predicts "labels" (n,), "probabilities" (n,), at "positions" (n, 3)."""

    job_type = SegmentJob
    suffixes: ClassVar[tuple[str, ...]] = ("", ".npz", ".csv")

    @property
    def categories(self) -> Sequence[str]:
        """The categories that were learned, if there are several."""
        categories: list[str] = self.config["categories"]
        return categories

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the labels 0, 1, ..."""
        return {"labels": tuple(self.config["parts"])}

    def metrics(self, clouds: PointCloudSet) -> PartMetrics:
        """Metrics with the true parts of these clouds.

        Raises:
            UsageError: Nobody knows them.
        """
        if "parts" not in clouds.point_fields:
            raise UsageError("these clouds have no labels at their points, so there is nothing to evaluate")
        truth, category = clouds.point_fields["parts"], clouds.cloud_fields["classes"]
        allowed = allowed_parts(self.config, category)
        return PartMetrics(truth, clouds.batch, category, allowed, self.config["parts"], self.config["categories"])

    def probabilities(self, logits: Tensor, clouds: PointCloudBatch) -> Tensor:
        """Of each part that the cloud may have, at each point."""
        allowed = allowed_parts(self.config, clouds.cloud_fields["classes"])
        return mask_parts(logits, clouds.batch, allowed).softmax(1)

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[CloudChunk]:
        """As that of other clouds; few files at a time, with all points of each in memory."""
        return super().stream(data, min(batch_size, _FILES_AT_ONCE), strict=strict)

    def predict_chunk(self, chunk: CloudChunk, name: str, batch_size: int) -> PredictionChunk:
        """The parts of all points of some files: that of the nearest point that the network saw.

        Of a mesh the points are those that were sampled.
        """
        renamed = rename_labels(chunk.clouds, self.categories, None, name)
        clouds = self.dataset(renamed).batch(range(len(renamed)))
        likeliest = self.probabilities(self.logits(clouds), clouds).max(1)
        sizes = renamed.counts.tolist()
        nearest = [nearest_indices(*pair) for pair in zip(chunk.samples, chunk.originals, strict=True)]
        labels, probabilities = (
            [part.numpy()[index] for part, index in zip(values.split(sizes), nearest, strict=True)]
            for values in (likeliest.indices, likeliest.values)
        )
        ragged = {"positions": chunk.originals, "labels": labels, "probabilities": probabilities}
        return PredictionChunk(chunk.clouds.names, {}, ragged, chunk)

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[SegmentWriter]:
        """PLY files in a folder, or all in one NPZ or CSV."""
        return SegmentWriter(path, suffix, self.config["parts"])


def nearest_indices(points: npt.NDArray[np.float64], queries: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The index of the nearest point for each query, at whatever size and however far away.

    Args:
        points: (n, 3), finite, at least one.
        queries: (m, 3), finite.

    Returns:
        (m,).

    >>> nearest_indices(np.array([[0.0, 0, 0], [1e300, 0, 0]]), np.array([[9e299, 0, 0]])).tolist()
    [1]
    """
    from scipy.spatial import cKDTree  # a tenth of a second to import

    size = max(float(np.abs(points).max()), float(np.abs(queries).max()), float(np.finfo(np.float64).tiny))
    here, there = points / size, queries / size  # squares of coordinates can neither overflow nor vanish
    extent = max(float(np.abs(cloud - here[0]).max()) for cloud in (here, there)) or 1.0
    indices: npt.NDArray[np.intp] = cKDTree((here - here[0]) / extent).query((there - here[0]) / extent)[1]
    return indices
