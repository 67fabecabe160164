"""The page about a run on keypoints: figures, curves against the angle beside SIFT's, an example, learning curves."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import Split
from intertwine.ops import Keypoints, match_descriptors, sift
from intertwine.tasks._learning_curves import Panel, curve_illustration
from intertwine.tasks.keypoints._describe import network_text
from intertwine.tasks.keypoints._draw import draw_matches
from intertwine.tasks.keypoints._evaluation import (
    KEYPOINTS,
    AnglePoint,
    as_evaluation,
    cells,
    mean_score,
    rotation_curve,
)
from intertwine.tasks.keypoints._job import KeypointJob
from intertwine.tasks.keypoints._match_images import ImageMatches
from intertwine.tasks.keypoints._pairs import turned_pairs, warp_points
from intertwine.tasks.keypoints._photos import PhotoSet
from intertwine.tasks.keypoints._predictor import KeypointPredictor, view_side
from intertwine.tasks.runs import write_run_page

_PHOTOS = 16
"""The page is about so many held-out photos at most."""
_EXAMPLE_DEGREES = 75.0
_EXAMPLE_KEYPOINTS = 100


def write_report(job: KeypointJob, history: Sequence[dict[str, float]], path: Path) -> Path:
    """Write the page, whole or not at all.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        path: The file.
    """
    predictor = KeypointPredictor(job.network, job.config, Split.from_json(job.split))
    photos = job.held_out.select(range(min(_PHOTOS, len(job.held_out))))
    points = predictor.curve(photos)
    classical = rotation_curve(photos.pixels, sift, predictor.tolerance, view=view_side(photos))
    found = as_evaluation(points, "held out", len(photos), predictor.tolerance)
    beside = cells(mean_score(classical), classical[0].score, len(photos))
    body = [
        *map(page.paragraph, _lead(job, found.notes[0])),
        page.table(found.columns, [*found.rows, ("SIFT, mean over angles", *beside)]),
        *_curves({"learned": points, "SIFT": classical}),
        page.heading("Example"),
        example(predictor, photos),
        *_learning(history),
        page.heading("Angles"),
        page.table(*found.details[0]),
    ]
    given = job.config["data"]["given"]
    return write_run_page(path, f"Keypoints of {Path(given).name or given}", body)


def _lead(job: KeypointJob, measured: str) -> list[str]:
    """Data, network and what was measured, in sentences."""
    split, data, training = Split.from_json(job.split), job.config["data"], job.config["training"]
    sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
    remarks = f" Of the files: {'; '.join(data['remarks'])}." if data["remarks"] else ""
    return [
        f"{sizes[0]} photos for training, {sizes[1]} for validation and {sizes[2]} for the test, read as gray. Windows "
        f"of {training['crop']} x {training['crop']} pixels are turned by up to {training['rotation']:g} degrees in "
        f"training. The network is {network_text(job)}.{remarks}",
        f"The figures are of the {'test' if len(split.test) else 'validation'} split: {measured}, at most {KEYPOINTS} "
        'keypoints in each view. "Accuracy" is the share of the mutual nearest neighbors that are right, "matching '
        'score" the share of the visible keypoints that are matched rightly, "correct" the right matches of a photo, '
        'and "kept" their number over that of the upright view.',
    ]


def _curves(curves: Mapping[str, Sequence[AnglePoint]]) -> list[str]:
    """Repeatability, accuracy and matches against the angle; nothing without matplotlib."""
    if find_spec("matplotlib") is None:
        return []
    illustrations = []
    for label, value in (
        ("repeatability (%)", lambda score: 100 * score.repeatability),
        ("accuracy of matches (%)", lambda score: 100 * score.accuracy),
        ("matching score (%)", lambda score: 100 * score.matching_score),
    ):
        text = f"{label[0].upper()}{label[1:]} against the angle."
        illustrations.append(page.illustration(figures.svg(_angle_figure(curves, label, value), text), text))
    return [page.heading("Angle"), page.side_by_side(illustrations)]


def _angle_figure(curves: Mapping[str, Sequence[AnglePoint]], label: str, value: Callable[[Any], float]) -> Any:
    """One quantity against the angle, a line for each method."""
    styles: list[dict[str, Any]] = [{"color": figures.BLUE, "marker": "o", "ms": 3},
                                    {"color": figures.GRAY, "ls": (0, (4, 2))}]  # fmt: skip

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for (name, points), style in zip(curves.items(), styles, strict=True):
            axes.plot([p.degrees for p in points], [value(p.score) for p in points], lw=1.6, label=name, **style)
        axes.grid(axis="y", color=figures.INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set(xlabel="angle (degrees)", ylabel=label, xticks=range(0, 181, 45), ylim=(0, 102))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1.6, columnspacing=1.4)

    return figures.figure(draw, 4.0, 2.9)


def example(predictor: KeypointPredictor, photos: PhotoSet) -> str:
    """Matches of the photo with the median number of right ones: green where they are right, red where not."""
    pairs = turned_pairs(photos.pixels, _EXAMPLE_DEGREES, view_side(photos))
    drawn = [_matches(predictor, *views) for views in zip(pairs.first, pairs.second, pairs.homographies, strict=True)]
    order = sorted(range(len(drawn)), key=lambda index: int(drawn[index][1].sum()))
    chosen = order[len(order) // 2]
    matches, right = drawn[chosen]
    content = io.BytesIO()
    draw_matches(matches, right).save(content, format="PNG")
    caption = (
        f"{photos.names[chosen]}, and its copy turned by {_EXAMPLE_DEGREES:g} degrees under another light: "
        f"{int(right.sum())} of {len(right)} matches of the best {_EXAMPLE_KEYPOINTS} keypoints are right (green)."
    )
    return page.picture(content.getvalue(), caption)


def _matches(
    predictor: KeypointPredictor, first: Tensor, second: Tensor, homography: Tensor
) -> tuple[ImageMatches, Tensor]:
    """The matches of two windows, and whether each is right."""
    both: tuple[Keypoints, Keypoints] = (
        predictor.extract_upright(first, _EXAMPLE_KEYPOINTS),
        predictor.extract_upright(second, _EXAMPLE_KEYPOINTS),
    )
    index, distances = match_descriptors(both[0].descriptors, both[1].descriptors, ratio=None)
    matches = ImageMatches((first[None], second[None]), both, index, distances, ())
    one, other = matches.points
    return matches, (warp_points(one, homography) - other).norm(dim=1) <= predictor.tolerance


def _learning(history: Sequence[dict[str, float]]) -> list[str]:
    """Learning curves of validation; nothing without matplotlib or epochs."""
    if find_spec("matplotlib") is None or not history:
        return []
    curves = {
        "repeatability": [100 * row["repeatability"] for row in history],
        "accuracy of matches": [100 * row["accuracy"] for row in history],
    }
    text = "Validation: repeatability, and the share of the matches that are right."
    html = curve_illustration(history, Panel("%", curves, 102, text))
    return [page.heading("Learning"), f'<div style="max-width: 27rem">{html}</div>']
