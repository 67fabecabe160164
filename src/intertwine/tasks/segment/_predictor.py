"""A trained segmenter: from files to clouds with a part at each point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data import ShapeSet
from intertwine.tasks._task import Progress
from intertwine.tasks.segment._job import SegmentJob
from intertwine.tasks.segment._metrics import PartMetrics, batch_of
from intertwine.tasks.segment._categories import allowed_parts
from intertwine.tasks.segment._writing import Labeled, Writer
from intertwine.tasks.clouds._predictor import CloudPredictor
from intertwine.tasks.clouds._source import CloudChunk, renamed

_MOST = 16
"""Files at a time: each is held whole."""


class SegmentPredictor(CloudPredictor):
    """A `Segmenter` in use."""

    job = SegmentJob
    suffixes: tuple[str, ...] = ("", ".npz", ".csv")

    @property
    def kinds(self) -> Sequence[str]:
        """The categories that were learned, if there are several."""
        categories: list[str] = self.config["categories"]
        return categories

    def measures(self, shapes: ShapeSet) -> PartMetrics:
        """The true parts of these clouds.

        Raises:
            UsageError: Nobody knows them.
        """
        if shapes.parts is None:
            raise UsageError(
                "these clouds have no labels at their points, so there is nothing to hold the model against"
            )
        allowed = allowed_parts(self.config, shapes.classes)
        names = self.config["parts"], self.config["categories"]
        return PartMetrics(shapes.parts, batch_of(shapes.offsets), shapes.classes, allowed, *names)

    def probabilities(self, logits: Tensor, batch: Tensor, category: Tensor | None) -> Tensor:
        """Of each part that the cloud may have, at each point."""
        allowed = allowed_parts(self.config, category)
        if allowed is not None:
            logits = logits.masked_fill(~allowed[batch], -torch.inf)
        return logits.softmax(1)

    def predict(
        self, data: str, output: Path, suffix: str, *, batch_size: int, progress: Progress, strict: bool = False
    ) -> int:
        """Write each cloud with its parts: PLY files in a folder, or all in one NPZ or CSV; returns how many.

        Of a file with points all of them get a part, that of the nearest one that the network saw; of a mesh those that
        were sampled.
        """
        done = 0
        with Writer(output, suffix, self.config["parts"]) as writer:
            for streamed in self.stream(data, min(batch_size, _MOST), strict=strict):
                for cloud in self._labeled(streamed, data):
                    writer.write(cloud)
                done += len(streamed.shapes)
                progress(done, None)
        return done

    def _labeled(self, streamed: CloudChunk, what: str) -> Iterator[Labeled]:
        shapes = renamed(streamed.shapes, self.kinds, None, what)
        held = self.held(shapes)
        cloud, category = held.clouds.batch(range(len(shapes))), held.category(torch.arange(len(shapes)))
        found = self.probabilities(self.logits(cloud, category), cloud.batch, category).max(1)
        sizes = shapes.counts.tolist()
        parts = [part.split(sizes) for part in (found.indices, found.values)]
        for name, points, whole, labels, sure in zip(shapes.names, *streamed[1:], *parts, strict=True):
            places = nearest_places(points, whole)
            yield Labeled(name, whole, labels.numpy()[places], sure.numpy()[places])


def nearest_places(points: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The place of the nearest of some points for each that is wanted, at whatever size and however far away.

    Args:
        points: (n, 3), finite, at least one.
        wanted: (m, 3), finite.

    Returns:
        (m,).

    >>> nearest_places(np.array([[0.0, 0, 0], [1e300, 0, 0]]), np.array([[9e299, 0, 0]])).tolist()
    [1]
    """
    size = max(float(np.abs(points).max()), float(np.abs(wanted).max()), float(np.finfo(np.float64).tiny))
    here, there = points / size, wanted / size  # squares of coordinates can neither overflow nor vanish
    extent = max(float(np.abs(cloud - here[0]).max()) for cloud in (here, there)) or 1.0
    places: npt.NDArray[np.intp] = cKDTree((here - here[0]) / extent).query((there - here[0]) / extent)[1]
    return places
