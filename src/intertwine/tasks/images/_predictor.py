"""Trained models on images in use: files, folders and arrays to classes, numbers and masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import ImageLayout, ImageSet, Split, unfit_mask
from intertwine.tasks._example_metrics import ClassMetrics, Metrics, NumberMetrics
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation, PredictionChunk, PredictionWriter
from intertwine.tasks._skipped import warn_skipped
from intertwine.tasks._source import resolve
from intertwine.tasks._table_predictions import (
    class_predictions,
    number_predictions,
    open_class_writer,
    open_number_writer,
)
from intertwine.tasks.images._choices import PROTOCOLS, PUBLIC
from intertwine.tasks.images._evaluation import TurnedImages, as_evaluation, drift_advice
from intertwine.tasks.images._memory import images_in_memory
from intertwine.tasks.images._metrics import MaskMetrics
from intertwine.tasks.images._network import ImageNetwork, make_network
from intertwine.tasks.images._source import read, read_again, rename_labels, stream
from intertwine.tasks.images._targets import NumberTarget, make_target
from intertwine.tasks.images._writing import MaskWriter


class ImagePredictor(Predictor[ImageNetwork, ImageSet]):
    """A network on images in use; arguments as those of `Predictor`."""

    batch_size: ClassVar[int] = 128
    audit_batch_size: ClassVar[int] = 4
    kind: ClassVar[str] = "images"
    public: ClassVar[tuple[str, ...]] = PUBLIC
    protocols: ClassVar[tuple[str, ...]] = PROTOCOLS

    def __init__(self, model: ImageNetwork, config: dict[str, Any], split: Split) -> None:
        super().__init__(model, config, split)
        self.target = make_target(config)
        self.layout = ImageLayout(**config["layout"])

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> ImageNetwork:
        """The network that a configuration describes."""
        return make_network(config)

    def metrics(self) -> Metrics:
        """Metrics to be gathered."""
        return ClassMetrics(self.config["target"]["classes"], self.kind)

    def read(self, source: str | None, progress: ProgressCallback) -> ImageSet:
        """Images with known labels, in the classes of the run."""
        if source is None:
            return read_again(self.config, progress)
        kind = self.config["target"]["kind"]
        images = read(resolve(source), self.layout.size, self.layout.channels, kind, progress=progress)
        warn_skipped(images.skipped)
        return rename_labels(images, self.config["target"], source)

    @torch.inference_mode()
    def outputs(self, images: Tensor) -> Tensor:
        """The outputs for images ``(B, C, H, W)``, on the CPU."""
        outputs: Tensor = self.model(images.to(self.device))
        return outputs.cpu()

    def turned(self, examples: ImageSet) -> TurnedImages:
        """What measures these images at every angle."""
        fill = torch.tensor(self.config["normalization"]["background"])
        return TurnedImages(examples, self.target, self.metrics, self.outputs, fill)

    def measure(
        self,
        examples: ImageSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Metrics on images as given, and turned by every 15 degrees."""
        size, wanted = batch_size or self.batch_size, protocols or PROTOCOLS
        turned = self.turned(examples)
        given = turned.given(size, progress) if "given" in wanted else None
        curve = turned.curve(size, progress) if "turned" in wanted else []
        return as_evaluation(given, curve, self.metrics(), name, len(examples), drift_advice(self.config))

    def audit_inputs(self, examples: ImageSet, name: str) -> list[Tensor]:
        """Batches of images in float64."""
        return [
            examples.batch(indices, torch.float64).images
            for indices in torch.split(torch.arange(len(examples)), self.audit_batch_size)
        ]

    @property
    def claims_symmetry(self) -> bool:
        """Not of a plain network."""
        return bool(self.config["network"]["name"] != "plain")

    def export_module(self) -> tuple[nn.Module, Tensor]:
        """Ordinary convolutions, from images (B, C, H, W), 0 to 1, to logits (or standardized numbers)."""
        example = torch.zeros(2, self.layout.channels, self.layout.size, self.layout.size)
        return self.model.cpu().export(), example

    def audit_note(self, examples: ImageSet) -> str:
        """What the audit does not see."""
        group = self.config["network"]["group"]
        if self.config["network"]["name"] == "plain" or group in ("C1", "C2", "C4", "D1", "D2", "D4"):
            return ""
        return (
            f"measured under the elements of {group} that map pixels to pixels, where the law is exact; "
            "intertwine evaluate measures other angles"
        )

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[ImageSet]:
        """The images of a file or a folder, a chunk at a time; files that cannot be read are named at the end."""
        skipped: list[tuple[str, str]] = []
        for chunk in stream(resolve(data), self.layout, batch_size, strict=strict):
            skipped += chunk.skipped
            yield chunk
        warn_skipped(skipped)

    def from_memory(self, data: Any, batch_size: int, **fields: Any) -> Iterator[ImageSet]:
        """Images of arrays, tensors or Pillow's images.

        Args:
            data: An image ``(H, W)``, ``(H, W, C)`` or ``(C, H, W)``; images ``(N, C, H, W)``; or a list of images:
                bytes, or floating-point numbers in 0 .. 1.
            batch_size: How many of them at a time.
            fields: None that is known.
        """
        return images_in_memory(data, self.layout, batch_size, **fields)

    def predict_chunk(self, chunk: ImageSet, name: str, batch_size: int) -> PredictionChunk:
        """The classes of some images."""
        probabilities = self.outputs(chunk.batch(range(len(chunk))).images).softmax(1)
        return class_predictions(list(chunk.names), probabilities, self.config["target"]["classes"])


class ImageClassPredictor(ImagePredictor):
    """Predicts the arrays "class" (N,) and "probabilities" (N, classes)."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The classes of the probabilities."""
        return {"probabilities": tuple(self.config["target"]["classes"])}

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table."""
        return open_class_writer(path, self.config["target"]["classes"])


class ImageNumberPredictor(ImagePredictor):
    """Predicts the array "value" (N,), in the unit of the labels."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def metrics(self) -> Metrics:
        """Errors."""
        assert isinstance(self.target, NumberTarget), "of numbers"
        return NumberMetrics(self.target.values)

    def predict_chunk(self, chunk: ImageSet, name: str, batch_size: int) -> PredictionChunk:
        """The numbers of some images."""
        assert isinstance(self.target, NumberTarget), "of numbers"
        values = self.target.values(self.outputs(chunk.batch(range(len(chunk))).images))
        return number_predictions(list(chunk.names), values)

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table."""
        return open_number_writer(path)


class ImageMaskPredictor(ImagePredictor):
    """Predicts "mask", an array (H, W) of class indices for each image, in its own size."""

    suffixes: ClassVar[tuple[str, ...]] = ("",)

    def metrics(self) -> Metrics:
        """Intersections of pixels."""
        return MaskMetrics(self.config["target"]["classes"])

    def predict_chunk(self, chunk: ImageSet, name: str, batch_size: int) -> PredictionChunk:
        """The masks of some images."""
        squares = self.outputs(chunk.batch(range(len(chunk))).images).argmax(1).to(torch.uint8)
        sizes = zip(*(chunk.image_fields[field].tolist() for field in ("height", "width")), strict=True)
        masks = [unfit_mask(square, *size).numpy() for square, size in zip(squares, sizes, strict=True)]
        return PredictionChunk(list(chunk.names), {}, {"mask": masks}, None)

    @contextmanager
    def open_writer(self, path: Path, suffix: str) -> Iterator[PredictionWriter]:
        """A folder of PNG files."""
        yield MaskWriter(path, self.config["target"]["classes"])

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[ImageSet]:
        """As `ImagePredictor.stream`, with the size of each image."""
        for chunk in super().stream(data, batch_size, strict=strict):
            sides = {name: torch.full((len(chunk),), self.layout.size) for name in ("height", "width")}
            yield replace(chunk, image_fields={**sides, **chunk.image_fields})


PREDICTORS: dict[str, type[ImagePredictor]] = {
    "classes": ImageClassPredictor,
    "numbers": ImageNumberPredictor,
    "masks": ImageMaskPredictor,
}
"""By what is predicted."""
