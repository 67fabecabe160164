"""The page about a run on docking: measures of held-out complexes, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import Split
from intertwine.tasks._output import output_file
from intertwine.tasks.clouds.report import curve_figure
from intertwine.tasks.equidock._graphs import network_text
from intertwine.tasks.equidock._job import DockJob
from intertwine.tasks.equidock._predictor import DockPredictor
from intertwine.tasks.runs import provenance


def write_report(job: DockJob, history: Sequence[dict[str, float]], path: Path) -> Path:
    """Write the page, whole or not at all.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        path: The file.
    """
    predictor = DockPredictor(job.network, job.config, Split.from_json(job.split))
    found = predictor.measure(job.held_out, "held out")
    body = [
        *map(page.paragraph, _lead(job, found.notes[0])),
        page.table(found.columns, found.rows),
        page.heading("Complexes"),
        page.table(*found.details[0]),
        *_learning(history),
        page.heading("Run"),
        page.table(("", ""), provenance(path.parent)),
    ]
    given = job.config["data"]["given"]
    with output_file(path, force=True) as part:
        part.write_text(page.page(f"Docking of {Path(given).name or given}", body), encoding="utf-8")
    return path


def _lead(job: DockJob, measured: str) -> list[str]:
    """Data, network and what was measured, in sentences."""
    split = Split.from_json(job.split)
    sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
    parameters = sum(weight.numel() for weight in job.model.parameters())
    return [
        f"{sizes[0]} complexes for training, {sizes[1]} for validation and {sizes[2]} for the test "
        f"({job.config['data']['split']}). The network is {network_text(job.config['network'], parameters)}.",
        f'The figures are of the {"test" if len(split.test) else "validation"} split: {measured}. "network" is the '
        'motion of the network alone, "without clashes" the same after the proteins were moved out of one another. '
        "A low median alone does not tell that a complex is right: a ligand inside the receptor has one as well.",
    ]


def _learning(history: Sequence[dict[str, float]]) -> list[str]:
    """Learning curves; nothing without matplotlib or epochs."""
    if find_spec("matplotlib") is None or not history:
        return []
    losses = {"training": [row["train_loss"] for row in history], "validation": [row["loss"] for row in history]}
    errors = {
        "RMSD (angstrom)": [row["complex"] for row in history],
        "clashing pairs": [row["clashes"] for row in history],
    }
    pair = (
        (curve_figure(history, "loss", losses, None), "Loss in training and in validation."),
        (curve_figure(history, "mean", errors, None), "Validation: the network alone."),
    )
    html = "".join(page.illustration(figures.svg(one, text), text) for one, text in pair)
    columns = "repeat(auto-fit, minmax(min(16rem, 100%), 1fr))"
    style = f"<style>.pair {{ display: grid; gap: 0 1.5rem; grid-template-columns: {columns}; }}</style>"
    return [page.heading("Learning"), f'{style}<div class="pair">{html}</div>']
