"""The page about a run on registration: figures, success by overlap, pairs before and after, learning curves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import Split
from intertwine.tasks._learning_curves import Panel, learning_section
from intertwine.tasks.register._draw import draw_view_pairs
from intertwine.tasks.register._evaluation import STRATA, Scores, as_evaluation
from intertwine.tasks.register._job import RegisterJob
from intertwine.tasks.register._network import network_text
from intertwine.tasks.register._pairs import ViewPair
from intertwine.tasks.register._predictor import RegisterPredictor
from intertwine.tasks.runs import write_run_page

_SHAPES, _DRAWN = 12, 5
"""The page is about so many held-out shapes at most, and shows so many pairs."""


def write_report(job: RegisterJob, history: Sequence[dict[str, float]], path: Path) -> Path:
    """Write the page, whole or not at all.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        path: The file.
    """
    predictor = RegisterPredictor(job.network, job.config, Split.from_json(job.split))
    shapes = job.held_out.select(torch.arange(min(_SHAPES, len(job.held_out))))
    pairs, scores = predictor.scores(shapes)
    overlaps = torch.tensor([pair.overlap for pair in pairs], dtype=torch.float64)
    found = as_evaluation(scores, overlaps, job.config["pairs"]["overlap"], "held out", len(shapes))
    body = [
        *map(page.paragraph, _lead(job, found.notes[0])),
        page.table(found.columns, found.rows),
        page.heading("Overlap"),
        page.table(*found.details[0]),
        *_by_overlap(scores, overlaps, job.config["pairs"]["overlap"]),
        *_examples(predictor, pairs, scores, shapes.names),
        *_learning(history),
    ]
    given = job.config["data"]["given"]
    return write_run_page(path, f"Registration of {Path(given).name or given}", body)


def _lead(job: RegisterJob, measured: str) -> list[str]:
    """Data, network and what was measured, in sentences."""
    split, pairs = Split.from_json(job.split), job.config["pairs"]
    sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
    parameters = sum(weight.numel() for weight in job.model.parameters())
    return [
        f"{sizes[0]} shapes for training, {sizes[1]} for validation and {sizes[2]} for the test. A pair is two views "
        f"of a shape without a common point, each cut by a plane, of {100 * pairs['overlap']:.0f} to 100 % overlap "
        f"and with noise of {100 * pairs['noise']:g} % of the diameter, turned and moved at random; the network sees "
        f"{pairs['points']} points of each. It is {network_text(job.config['network'], parameters)}.",
        f'The figures are of the {"test" if len(split.test) else "validation"} split: {measured}. "network" is the '
        'motion of the network alone, "refined" the answer of `intertwine register --checkpoint`, which tries '
        'the motions that many of its matches agree on beside those of local histograms, and "untrained" that of '
        "`intertwine register` without a network.",
    ]


def _by_overlap(scores: Mapping[str, Scores], overlaps: Tensor, least: float) -> list[str]:
    """The success of each method against the overlap; nothing without matplotlib."""
    if find_spec("matplotlib") is None:
        return []
    styles: list[dict[str, Any]] = [{"color": figures.ORANGE, "marker": "s"}, {"color": figures.BLUE, "marker": "o"},
                                    {"color": figures.GRAY, "ls": (0, (4, 2))}]  # fmt: skip
    width = (1 - least) / STRATA
    places = ((overlaps - least) / width).long().clamp(0, STRATA - 1)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for (name, found), style in zip(scores.items(), styles, strict=True):
            known = [k for k in range(STRATA) if bool((places == k).any())]
            values = [100 * float(found.successes[places == k].double().mean()) for k in known]
            axes.plot([100 * (least + (k + 0.5) * width) for k in known], values, lw=1.6, ms=4, label=name, **style)
        axes.grid(axis="y", color=figures.INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set(xlabel="overlap (%)", ylabel="success (%)", ylim=(-2, 102))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, handlelength=1.6, columnspacing=1.4)

    text = "Success against the overlap."
    drawing = figures.figure(draw, 4.0, 2.9)
    return [f'<div style="max-width: 27rem">{page.illustration(figures.svg(drawing, text), text)}</div>']


def _examples(
    predictor: RegisterPredictor, pairs: Sequence[ViewPair], scores: Mapping[str, Scores], names: Sequence[str]
) -> list[str]:
    """Pairs before and after the refined motion, with the smallest overlaps first; nothing without matplotlib."""
    if find_spec("matplotlib") is None:
        return []
    shapes = len(pairs) // STRATA
    chosen = [STRATA * (k % shapes) + k % STRATA for k in range(min(_DRAWN, shapes * STRATA))]
    some = [pairs[k] for k in dict.fromkeys(chosen)]
    chosen = list(dict.fromkeys(chosen))
    motions = [predictor.register(pair.first, pair.second).matrix.numpy() for pair in some]
    refined = scores["refined"]
    titles = [
        f"{Path(names[k // STRATA]).name}\noverlap {100 * pair.overlap:.0f} %: {float(refined.angles[k]):.1f} degrees, "
        f"{100 * float(refined.gaps[k]):.1f} %"
        for k, pair in zip(chosen, some, strict=True)
    ]
    content = io.BytesIO()
    draw_view_pairs(some, motions, titles).savefig(content, format="png", dpi=110)
    caption = (
        "Pairs before registration, each view about its own center (above), and after (below): the motion of the "
        "network, refined; errors modulo the symmetry of the shape."
    )
    return [page.heading("Pairs"), page.picture(content.getvalue(), caption)]


def _learning(history: Sequence[dict[str, float]]) -> list[str]:
    """Learning curves of the network alone."""
    errors = {
        "rotation (degrees)": [row["rotation"] for row in history],
        "translation (%)": [row["translation"] for row in history],
    }
    caption = "Validation: errors of the network alone, translation in % of the diameter."
    return learning_section(history, Panel("mean error", errors, None, caption))
