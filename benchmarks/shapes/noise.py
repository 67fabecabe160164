"""Furniture under noise, with outliers and seen from one side: trained encoders, judged on clouds turned at random.

    python benchmarks/shapes/noise.py                           # every finished run of classification.py
    python benchmarks/shapes/noise.py steerable-z dgcnn-pca     # these arms only

The runs are those of `classification.py`, whose clouds were moved by noise of 0.01 in training. Here the clouds of
the test are disturbed in the unit sphere, and then go the way of any file: moved and scaled into the unit sphere once
more, neighbors found anew. So an arm also pays for a center that has moved. All arms see the same disturbed clouds,
turned alike. Writes `noise.md` and docs/images/noise.png; what was judged is kept in `noise.json` beside each run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from classification import ARMS
from disturbances import LEVELS, disturbed
from runs import RUNS, spread
from showing import legend_below, markdown, save

from intertwine import tasks
from intertwine._errors import UsageError
from intertwine._figures import BLUE, GRAY, GREEN, INK, ORANGE, RED
from intertwine.data import PointCloudSet, furniture
from intertwine.tasks.clouds import CloudPredictor, random_rotations
from intertwine.training import load_checkpoint

TABLE = Path(__file__).parent / "noise.md"
TITLES = {
    "noise": "noise, standard deviation",
    "outliers": "outliers (% of the points)",
    "view": "points kept on one side (%)",
}
COLORS = {
    "steerable": BLUE,
    "dgcnn": RED,
    "vector-dgcnn": GREEN,
    "message": ORANGE,
    "pointnet": GRAY,
    "attention": "#7b5ea7",
    "egnn": "#2a9d9d",
    "lifted": "#b56576",
    "vector": "#8a9a3b",
}
STROKES = {
    "z": ("-", "o"),
    "SO3": ("--", "s"),
    "pca": (":", "^"),
    "average": ("-.", "D"),
    "learned": (":", "v"),
    "vertical": ("--", "*"),
}
BANDS = 8
DRAWS = 3
Found = dict[str, list[list[float]]]


def accuracy(predictor: CloudPredictor, shapes: PointCloudSet, seed: int) -> float:
    """In per cent, every cloud turned by a Haar-random rotation."""
    dataset = predictor.dataset(shapes)
    draws = torch.randn(len(shapes), 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rotations = random_rotations(draws, "SO3", predictor.config["up"])
    right = 0
    for indices in torch.split(torch.arange(len(shapes)), 16):
        logits = predictor.logits(dataset.batch(indices, rotations=rotations[indices]))
        right += int((logits.argmax(1) == shapes.cloud_fields["classes"][indices]).sum())
    return 100 * right / len(shapes)


def judge(folder: Path, draws: int) -> Found:
    """For each kind and level the accuracy in each draw; unless these weights have been judged so before."""
    kept, weights = folder / "noise.json", (folder / "best" / "model.safetensors").read_bytes()
    key = {"weights": hashlib.sha256(weights).hexdigest(), "draws": draws, "levels": json.loads(json.dumps(LEVELS))}
    if kept.exists() and (old := json.loads(kept.read_text()))["key"] == key:
        return old["found"]
    predictor: Any = tasks.get("classify").restore(load_checkpoint(folder / "best"))
    if predictor.config["normals"]:
        raise SystemExit(f"{folder}: this run sees normals, which a disturbed cloud does not have")
    shapes, _ = predictor.load(None)
    given = [accuracy(predictor, shapes, draw) for draw in range(draws)]
    found = {
        kind: [
            given
            if level == levels[0]
            else [accuracy(predictor, disturbed(shapes, kind, level, draw), draw) for draw in range(draws)]
            for level in levels
        ]
        for kind, levels in LEVELS.items()
    }
    kept.write_text(json.dumps({"key": key, "found": found}))
    print(folder.name, {kind: [round(mean(each), 1) for each in levels] for kind, levels in found.items()}, flush=True)
    return found


def parts_of(arm: str) -> tuple[str, str]:
    """The encoder of an arm, and what is drawn of how it was trained: that it is told the vertical, or how turned."""
    encoder, _, how = arm.removesuffix("-vertical").rpartition("-")
    return encoder, "vertical" if arm.endswith("-vertical") else how


def named(kind: str, level: float) -> str:
    """A level as an axis or a column has it."""
    return f"{level:g}" if kind == "noise" else f"{100 * level:g}"


def shown(values: list[float]) -> str:
    """Mean and standard deviation over the seeds; how many there are has a column of its own."""
    return spread(values) if len(values) > 1 else f"{values[0]:.1f}"


def table(runs: dict[str, list[Found]], largest: float) -> str:
    """A row for each arm: mean and standard deviation over its seeds."""
    columns = [(kind, k) for kind, levels in LEVELS.items() for k in range(1, len(levels))]
    heads = ["arm", "as they are"]
    words = {"noise": "noise {}", "outliers": "outliers {} %", "view": "one side, {} %"}
    heads += [words[kind].format(named(kind, LEVELS[kind][k])) for kind, k in columns]
    rows = [
        [arm, *(shown([mean(one[kind][k]) for one in found]) for kind, k in [("noise", 0), *columns]), str(len(found))]
        for arm, found in runs.items()
    ]
    notes = f"Accuracy in per cent, all clouds turned at random. Always the largest class: {largest:.1f}."
    return markdown([*heads, "seeds"], rows) + f"\n{notes}\n"


def draw(page: Any, runs: dict[str, list[Found]], largest: float) -> None:
    """Three panels: against noise, outliers, and what is kept; between the seeds a band, where there are few arms."""
    panels = page.subplots(1, 3, sharey=True)
    for panel, (kind, levels) in zip(panels, LEVELS.items(), strict=True):
        for arm, found in runs.items():
            encoder, how = parts_of(arm)
            values = torch.tensor([[mean(level) for level in one[kind]] for one in found])
            color, (stroke, marker) = COLORS.get(encoder, INK), STROKES.get(how, STROKES["z"])
            style: dict[str, Any] = {"color": color, "linestyle": stroke, "marker": marker, "markersize": 3.5}
            places = range(len(levels))
            if len(runs) <= BANDS:
                panel.fill_between(places, values.amin(0), values.amax(0), color=color, alpha=0.12, linewidth=0)
            panel.plot(places, values.mean(0), linewidth=1.5, label=arm, **style)
        panel.axhline(largest, color=INK, linewidth=0.8, linestyle=(0, (1, 2)), label="always the largest class")
        panel.set_xticks(range(len(levels)), [named(kind, level) for level in levels])
        panel.set_xlabel(TITLES[kind])
        panel.set_ylim(0)
    panels[0].set_ylabel("accuracy, turned at random (%)")
    legend_below(page, panels[0], min(4, 1 + len(runs)))


def finished(wanted: Sequence[str]) -> dict[str, list[Path]]:
    """The folders of the runs that were trained to the end and judged, by arm; those of `ARMS` where none is named."""
    found = {arm: [path.parent for path in sorted(RUNS.glob(f"{arm}-[0-9]/result.json"))] for arm in wanted or ARMS}
    missing = [arm for arm, folders in found.items() if not folders]
    if missing and (wanted or len(missing) == len(found)):
        raise SystemExit(f"no finished run of {', '.join(missing)} in {RUNS}; classification.py makes them")
    return {arm: folders for arm, folders in found.items() if folders}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="*")
    parser.add_argument("--draws", type=int, default=DRAWS, help="disturbances and rotations of each cloud")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = finished(arguments.arms)
    runs: dict[str, list[Found]] = {}
    for arm, folders in chosen.items():
        for folder in folders:
            try:
                runs.setdefault(arm, []).append(judge(folder, arguments.draws))
            except UsageError as error:
                print(f"left out: {error}", flush=True)
    runs = {arm: found for arm, found in runs.items() if found}
    shapes = furniture()
    assert shapes.split is not None
    test = shapes.select(shapes.split.test)
    largest = 100 * max(test.class_counts.values()) / len(test)
    text = table(runs, largest)
    TABLE.write_text(text, encoding="utf-8")
    print(text)
    save(lambda page: draw(page, runs, largest), "noise", 9.0, 3.8)


if __name__ == "__main__":
    main()
