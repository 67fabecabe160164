"""The page about a run on networks: figures, learning curves, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import Split
from intertwine.tasks._learning_curves import Panel, learning_section
from intertwine.tasks.clouds.report import CONFUSION_STYLE, confusion_table
from intertwine.tasks.runs import write_run_page
from intertwine.tasks.weights._describe import model_text, space_text, target_text
from intertwine.tasks.weights._job import WeightJob, number_of
from intertwine.tasks.weights._network import arrays_of
from intertwine.tasks.weights._predictor import WeightPredictor

_MOST_POINTS = 2000
_SCORES = {"accuracy": "accuracy (%)", "mae": "mean absolute error"}


class WeightPage:
    """A page about a run.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        predictor: Its model in use.
    """

    def __init__(self, job: WeightJob, history: Sequence[dict[str, float]], predictor: WeightPredictor) -> None:
        self.job, self.history, self.predictor, self.config = job, history, predictor, job.config
        self.found = predictor.measure(job.held_out, "held out")

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all."""
        body = [
            *map(page.paragraph, self.lead()),
            page.table(self.found.columns, self.found.rows),
            f"<style>\n{CONFUSION_STYLE}</style>",
            *self.predictions(),
            *self.curves(),
            *(
                part
                for columns, rows in self.found.details
                for part in (page.heading("Classes"), page.table(columns, rows))
            ),
        ]
        given = self.config["data"]["given"]
        return write_run_page(path, f"Weights of {Path(given).name or given}", body)

    def lead(self) -> list[str]:
        """Data, model and what was measured, in sentences."""
        split = Split.from_json(self.job.split)
        sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
        numbers = sum(weight.numel() for weight in self.job.model.parameters())
        changes = ", ".join(self.config["augment"]) or "none"
        measured = self.found.notes[-1]
        return [
            f"{sizes[0]} networks of {self.job.space.num_weights:,} weights for training, {sizes[1]} for validation "
            f"and {sizes[2]} for the test: {target_text(self.config['target'])}. Symmetries: {space_text(self.config)}"
            f". Random changes in training: {changes}. The model is {model_text(self.config['network'])}; it has "
            f"{numbers:,} parameters.",
            f"The figures are of the {'test' if len(split.test) else 'validation'} split. "
            f"{measured[0].upper()}{measured[1:]}.",
        ]

    def predictions(self) -> list[str]:
        """The confusion matrix, or predicted numbers against true ones."""
        given = self.found.metrics["given"]
        if "confusion" in given:
            table = confusion_table(torch.tensor(given["confusion"]), self.config["target"]["classes"])
            text = "True classes by rows, predicted ones by columns; shades are shares of the row."
            return [page.heading("Confusion matrix"), page.paragraph(text), table]
        if find_spec("matplotlib") is None:
            return []
        some = self.job.held_out.select(torch.arange(min(_MOST_POINTS, len(self.job.held_out))))
        outputs = self.predictor.outputs(arrays_of(self.job.space, some.weights))
        predicted = number_of(outputs, self.config["target"]).tolist()
        drawing = _scatter(some.labels["values"].tolist(), predicted)
        text = f"Predicted against true numbers of {len(some):,} networks."
        return [page.heading("Predictions"), page.illustration(figures.svg(drawing, text), text)]

    def curves(self) -> list[str]:
        """The learning curves; nothing without matplotlib."""
        rows, name = self.history, self.job.score
        factor, top = (1, None) if name == "mae" else (100, 102)
        scores = {
            "as given": [factor * row[name] for row in rows],
            "permuted": [factor * row["permuted"] for row in rows],
        }
        caption = "Validation, as given and with hidden features permuted."
        return learning_section(rows, Panel(_SCORES[name], scores, top, caption))


def _scatter(truth: list[float], predicted: list[float]) -> Any:
    """Predicted against true numbers."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        ends = min(truth + predicted), max(truth + predicted)
        axes.plot(ends, ends, color=figures.INK, lw=0.8, alpha=0.4)
        axes.scatter(truth, predicted, s=6, color=figures.BLUE, alpha=0.5, linewidths=0)
        axes.set(xlabel="true", ylabel="predicted")

    return figures.figure(draw, 4.0, 3.4)
