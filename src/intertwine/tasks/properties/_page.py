"""The page about a run on structures: errors, predictions against true values, learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import PointCloudSet, Split
from intertwine.tasks.properties._describe import describe
from intertwine.tasks.properties._job import PropertyJob
from intertwine.tasks.properties._predictor import PropertyPredictor
from intertwine.tasks.properties._source import target_values
from intertwine.tasks.runs import write_run_page

_MOST_STRUCTURES, _MOST_POINTS = 5000, 1500
_COLORS = (figures.BLUE, figures.ORANGE, figures.GREEN, figures.RED, figures.GRAY)


class PropertyPage:
    """A page about a run.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        predictor: Its model in use.
    """

    def __init__(self, job: PropertyJob, history: Sequence[dict[str, float]], predictor: PropertyPredictor) -> None:
        self.job, self.history, self.predictor, self.config = job, history, predictor, job.config
        self.part = "test" if len(Split.from_json(job.split).test) else "validation"
        whole = job.held_out
        self.structures: PointCloudSet = whole.select(torch.arange(min(_MOST_STRUCTURES, len(whole))))
        self.first = f"the first {len(self.structures):,} of " if len(self.structures) < len(whole) else ""

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all."""
        lines = describe(self.job, path.parent)
        body = [
            *(page.paragraph(f"{label.capitalize()}: {text}.") for label, text in lines),
            *(self._errors() if len(self.structures) else ()),
            *self._curves(),
        ]
        given = self.config["data"]["given"]
        return write_run_page(path, f"Properties of {Path(given).name or given}", body)

    def _errors(self) -> list[str]:
        """Mean errors, predictions, and errors of each element where atoms have targets."""
        found = self.predictor.measure(self.structures, self.part)
        by_element = [
            part
            for columns, rows in found.details
            for part in (page.heading("Errors by element"), page.table(columns, rows))
        ]
        text = f"The figures are of {self.first}the {self.part} split: {found.notes[-1]}."
        return [page.paragraph(text), page.table(found.columns, found.rows), *self._predictions(), *by_element]

    def _predictions(self) -> list[str]:
        """Predicted against true numbers of each target; nothing without matplotlib."""
        if find_spec("matplotlib") is None:
            return []
        some = self.structures.select(torch.arange(min(_MOST_POINTS, len(self.structures))))
        predicted = torch.cat(list(self.predictor(some, batch_size=self.predictor.batch_size)))
        dims, begin, html = [target.dim for target in self.job.targets], 0, []
        for target, dim in zip(self.job.targets, dims, strict=True):
            columns = target.columns if len(target.columns) == dim else [str(k + 1) for k in range(dim)]
            unit = f" ({target.unit})" if target.unit else ""
            drawing = _parity(target_values(some, target), predicted[:, begin : begin + dim], columns, unit)
            text = f"Predicted against true {target.name}{unit}."
            html.append(page.illustration(figures.svg(drawing, text), text))
            begin += dim
        return [page.heading("Predictions"), *html]

    def _curves(self) -> list[str]:
        """The learning curves; nothing without matplotlib."""
        if find_spec("matplotlib") is None or not self.history:
            return []
        text = "Loss in training and in validation."
        return [page.heading("Learning"), page.illustration(figures.svg(_losses(self.history), text), text)]


def _parity(truth: Tensor, predicted: Tensor, columns: Sequence[str], unit: str) -> Any:
    """Predicted against true numbers, a color for each of the first components."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        ends = [float(f(torch.cat([truth, predicted]))) for f in (torch.min, torch.max)]
        axes.plot(ends, ends, color=figures.INK, lw=0.8, alpha=0.4)
        for index, (name, color) in enumerate(zip(columns, _COLORS, strict=False)):
            rows = torch.arange(len(truth))[:_MOST_POINTS]
            axes.scatter(
                truth[rows, index], predicted[rows, index], s=6, color=color, alpha=0.5, linewidths=0, label=name
            )
        axes.set(xlabel=f"true{unit}", ylabel=f"predicted{unit}")
        if len(columns) > 1:
            axes.legend(loc="upper left", handletextpad=0.1, markerscale=2)

    return figures.figure(draw, 4.0, 3.4)


def _losses(history: Sequence[dict[str, float]]) -> Any:
    """Losses against epochs on a logarithmic scale."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        epochs = [row["epoch"] for row in history]
        for name, key, color in (("training", "train_loss", figures.BLUE), ("validation", "loss", figures.ORANGE)):
            axes.plot(epochs, [row[key] for row in history], lw=1.6, label=name, color=color,
                      marker="o" if len(epochs) == 1 else "")  # fmt: skip
        axes.set_yscale("log")
        axes.set(xlabel="epoch", ylabel="loss")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()

    return figures.figure(draw, 4.0, 2.9)
