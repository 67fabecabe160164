"""The page about a run across scenes: errors of validation against epochs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.tasks.runs import write_run_page
from intertwine.tasks.sfm._job import SfmJob

_MEASURES = (
    ("pixels", "reprojection (pixels)", "mean reprojection loss in pixels, before bundle adjustment"),
    ("rotation", "rotation (degrees)", "mean rotation error where poses are known, before bundle adjustment"),
)


def write_report(
    job: SfmJob, history: Sequence[dict[str, float]], lines: Sequence[tuple[str, str]], path: Path
) -> Path:
    """Write the page, whole or not at all.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        lines: What describes the run.
        path: Where to.
    """
    body = [
        *(page.paragraph(f"{label.capitalize()}: {text}.") for label, text in lines),
        page.paragraph(
            "The figures are of the validation scenes and of the network alone; intertwine evaluate gives those of the "
            "test scenes after bundle adjustment."
        ),
        *_best(job, history),
        *_curves(history),
    ]
    return write_run_page(path, f"Scenes of {job.config['data']['given']}", body)


def _best(job: SfmJob, history: Sequence[dict[str, float]]) -> list[str]:
    """The epoch of the smallest validation loss."""
    if not history:
        return []
    best = min(history, key=lambda row: row[job.monitor])
    shown = [(title, f"{best[key]:.4g}") for key, title, _ in _MEASURES if key in best]
    return [page.table(("", f"epoch {best['epoch']:.0f}"), [("loss", f"{best['loss']:.4g}"), *shown])]


def _curves(history: Sequence[dict[str, float]]) -> list[str]:
    """The learning curves; nothing without matplotlib."""
    if find_spec("matplotlib") is None or not history:
        return []
    chosen = [(key, title, text) for key, title, text in _MEASURES if key in history[0]]
    html = []
    for key, title, text in chosen:
        caption = f"{text[0].upper()}{text[1:]}."
        html.append(page.illustration(figures.svg(_curve(history, key, title), caption), caption))
    return [page.heading("Learning"), *html]


def _curve(history: Sequence[dict[str, float]], key: str, title: str) -> Any:
    def draw(figure: Any) -> None:
        axes = figure.subplots()
        epochs = [row["epoch"] for row in history]
        values = [row[key] for row in history]
        axes.plot(epochs, values, lw=1.6, color=figures.BLUE, marker="o" if len(epochs) == 1 else "")
        axes.set(xlabel="epoch", ylabel=title)
        axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)

    return figures.figure(draw, 4.0, 2.6)
