"""The page about a run on clouds: metrics first, then the gallery, learning curves, and the task's own tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from intertwine import _page as page
from intertwine.data import PointCloudBatch, Split
from intertwine.tasks._learning_curves import Panel, learning_section
from intertwine.tasks.clouds._choices import ROTATIONS
from intertwine.tasks.clouds._describe import kinds, layers_text
from intertwine.tasks.clouds._evaluation import evaluation_table
from intertwine.tasks.clouds._job import CloudJob
from intertwine.tasks.clouds._predictor import CloudPredictor
from intertwine.tasks.clouds.report._confusion_tables import STYLE
from intertwine.tasks.clouds.report._gallery import GALLERY_SIZE, GalleryItem, gallery, orientations
from intertwine.tasks.runs import write_run_page

_BATCH_SIZE = 32
_ERRORS_FIRST = 6
"""How many of the largest errors open the gallery."""
_SEEN = {"none": "as they are", "z": "rotated at random about the vertical", "SO3": "rotated at random"}

PredictorT = TypeVar("PredictorT", bound=CloudPredictor[Any])


class RunPage(ABC, Generic[PredictorT]):
    """A page about a run.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        predictor: Its model in use.
    """

    heading: str
    """What was learned, in a word or two."""
    curve: str
    """The label of the axis of the score."""

    def __init__(self, job: CloudJob, history: Sequence[dict[str, float]], predictor: PredictorT) -> None:
        self.job, self.history, self.predictor, self.config = job, history, predictor, job.config
        self.clouds, self.dataset = job.held_out, predictor.dataset(job.held_out)
        seed = self.config["seed"]
        self.predictions = predictor.predict_rotated(self.dataset, ROTATIONS, _BATCH_SIZE, seed=seed)

    @abstractmethod
    def order(self) -> Sequence[int]:
        """The clouds, largest errors first."""

    @abstractmethod
    def gallery_item(self, index: int, logits: Tensor, batch: PointCloudBatch) -> GalleryItem:
        """A cloud of the gallery, from the logits of its copies in each orientation."""

    @abstractmethod
    def tables(self) -> Sequence[str]:
        """Fragments about single classes or parts."""

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all."""
        metrics = self.predictor.metrics(self.clouds)
        columns, rows, _ = evaluation_table(self.predictions, metrics, self.config["augment"])
        body = [
            *map(page.paragraph, self.lead()),
            page.table(columns, rows),
            page.heading("Clouds"),
            page.paragraph(self.invitation()),
            self.gallery(),
            f"<style>\n{STYLE}</style>",
            *self.curves(),
            *self.tables(),
        ]
        name = Path(self.config["data"]["given"]).name or self.config["data"]["given"]
        return write_run_page(path, f"{self.heading} of {name}", body)

    def lead(self) -> list[str]:
        """Data, network and protocols, in sentences."""
        config, split, encoder = self.config, Split.from_json(self.job.split), self.config["encoder"]
        sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
        weights = sum(weight.numel() for weight in self.job.model.parameters())
        size = encoder["hidden"] or f"{encoder['width']} channels"
        return [
            f"{sizes[0]} clouds of {config['points']} points for training, {sizes[1]} for validation and {sizes[2]} "
            f"for the test: {kinds(config)}. In training they were seen {_SEEN[config['augment']]}. The encoder is "
            f"{encoder['name']}, {layers_text(encoder)}, {size}; the network has {weights:,} weights.",
            f"The figures are of the {'test' if len(split.test) else 'validation'} split: {len(self.clouds):,} clouds "
            "as they are (none), rotated at random about the vertical (z), and rotated at random (SO3); "
            f"{config['augment']}/SO3, say, means {_SEEN[config['augment']]} in training and rotated at random in the "
            "test. An equivariant network cannot tell the difference.",
        ]

    def invitation(self) -> str:
        """What the reader can do with the clouds."""
        return (
            "Drag a cloud to rotate it; a double click brings it back. Beneath is the prediction in that orientation: "
            f"{len(orientations())} orientations were tried, one for each mark, and the nearest is shown. Errors come "
            "first."
        )

    def gallery(self) -> str:
        """The clouds."""
        rotations = orientations()
        items = []
        for index in list(self.order())[:GALLERY_SIZE]:
            copies = self.dataset.batch([index] * len(rotations), rotations=rotations)
            items.append(self.gallery_item(index, self.predictor.logits(copies), copies))
        return gallery(items, rotations, self.config["up"], self.config.get("parts", ()))

    def positions(self, index: int) -> Tensor:
        """The points of a cloud in the unit sphere."""
        return self.dataset.batch([index]).positions

    def curves(self) -> list[str]:
        """The learning curves; nothing without matplotlib."""
        rows, score = self.history, self.job.score
        scores = {
            "as in training": [100 * row[score] for row in rows],
            "rotated at random": [100 * row["rotated"] for row in rows],
        }
        text = "Validation, rotated as in training and rotated at random"
        if rows and all("estimated" in row for row in rows):
            scores["estimated normals"] = [100 * row["estimated"] for row in rows]
            text += ", and with normals estimated from the points"
        loss = "Loss in training, with dropout and noise on the points, and in validation."
        return learning_section(rows, Panel(self.curve, scores, 102, f"{text}."), loss)


def errors_first(errors: Tensor, kinds: Tensor) -> list[int]:
    """The order of the gallery: some of the largest errors, then one cloud of each kind in turn.

    Args:
        errors: (S,) the error of each cloud; 0 for those that are right.
        kinds: (S,) int64.
    """
    by_error = [k for k in errors.argsort(descending=True, stable=True).tolist() if errors[k] > 0]
    first = by_error[:_ERRORS_FIRST]
    seen: dict[int, int] = {}
    ranks = []
    for k, kind in enumerate(kinds.tolist()):
        seen[kind] = seen.get(kind, -1) + 1
        ranks.append((seen[kind], k))
    return [*first, *(k for _, k in sorted(ranks) if k not in first)]
