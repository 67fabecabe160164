"""The page about a run on docking: measures of held-out complexes, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from intertwine import _page as page
from intertwine.data import Split
from intertwine.tasks._learning_curves import Panel, learning_section
from intertwine.tasks.dock.equidock._graphs import network_text
from intertwine.tasks.dock.equidock._job import DockJob
from intertwine.tasks.dock.equidock._predictor import DockPredictor
from intertwine.tasks.runs import write_run_page


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
    ]
    given = job.config["data"]["given"]
    return write_run_page(path, f"Docking of {Path(given).name or given}", body)


def _lead(job: DockJob, measured: str) -> list[str]:
    """Data, network and what was measured, in sentences."""
    split = Split.from_json(job.split)
    sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
    parameters = sum(weight.numel() for weight in job.model.parameters())
    return [
        f"{sizes[0]} complexes for training, {sizes[1]} for validation and {sizes[2]} for the test "
        f"({job.config['data']['split']}). The network is {network_text(job.config['network'], parameters)}.",
        f'The figures are of the {"test" if len(split.test) else "validation"} split: {measured}. "network" is the '
        'motion of the network alone; "without clashes" the same after the sites that the network sees were turned to '
        "face one another and the proteins have left one another by the shortest way. "
        "A low median alone does not tell that a complex is right: a ligand inside the receptor has one as well.",
    ]


def _learning(history: Sequence[dict[str, float]]) -> list[str]:
    """Learning curves of the network alone and without clashes."""
    errors = {
        "RMSD without clashes (angstrom)": [row["complex"] for row in history],
        "RMSD, network alone (angstrom)": [row["network"] for row in history],
        "clashing pairs": [row["clashes"] for row in history],
    }
    return learning_section(
        history, Panel("mean", errors, None, "Validation; the clashing pairs are those of the network alone.")
    )
