"""Furniture, 512 points: every encoder trained upright and turned, three seeds, judged as given and turned.

    python benchmarks/shapes/classification.py            # every run that is missing, then the table
    python benchmarks/shapes/classification.py dgcnn-z    # these arms only

A run is kept in build/shapes/; one that is there is not made again. Arms differ in the encoder, in what stands around
it and in how clouds are turned in training; they have equally many parameters, within ten per cent, and see as many
clouds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from intertwine import tasks
from intertwine.training import fit, load_checkpoint

RUNS = Path("build/shapes")
TABLE = Path(__file__).parent / "classification.md"
SEEDS = (0, 1, 2)
COMMON = {"data": "furniture", "epochs": 30, "batch_size": 16, "learning_rate": 0.003}
SIZES: dict[str, dict[str, Any]] = {
    "attention": {"hidden": "16x0e+8x1o+4x2e"},
    "dgcnn": {"width": 16},
    "egnn": {"hidden": "40x0e+8x1o", "width": 40},
    "lifted": {"hidden": "24"},
    "message": {"hidden": "40x0e", "width": 40},
    "pointnet": {"width": 16},
    "steerable": {"hidden": "16x0e+8x1o+4x2e"},
    "vector": {"hidden": "32x1o"},
    "vector-dgcnn": {"width": 4},
}
TURNED = ("dgcnn", "message", "vector-dgcnn", "steerable")
FRAMES = ("pca", "average", "learned")
ARMS: dict[str, dict[str, Any]] = {
    **{f"{name}-z": {"encoder": name, "augment": "z"} for name in SIZES},
    **{
        f"{name}-SO3": {"encoder": name, "augment": "SO3"} for name in ("dgcnn", "message", "vector-dgcnn", "steerable")
    },
    **{
        f"dgcnn-{frame}": {"encoder": "dgcnn", "augment": "z", "frame": frame}
        for frame in ("pca", "average", "learned")
    },
}
TURNS = ("z", "SO3")


def run(arm: str, seed: int) -> dict[str, Any]:
    """Train and judge, unless it was done before."""
    folder = RUNS / f"{arm}-{seed}"
    result = folder / "result.json"
    if result.exists():
        return json.loads(result.read_text())
    task, choice = tasks.get("classify"), ARMS[arm]
    options = task.options(**COMMON, **SIZES[choice["encoder"]], **choice, seed=seed, output=str(folder))
    options.check()
    job = task.prepare(options)
    outcome = fit(job, folder, options.settings, resume=(folder / "last").is_dir())
    seconds = float((folder / "log.csv").read_text().splitlines()[-1].rpartition(",")[2])
    predictor = task.restore(load_checkpoint(outcome.best))
    judged = predictor.evaluate(None, batch_size=16, seed=0, progress=tasks.silent).metrics["protocols"]
    found = {
        "parameters": sum(parameter.numel() for parameter in predictor.model.parameters()),
        "seconds": seconds,
        "judged": {name.partition("/")[2]: part for name, part in judged.items()},
    }
    result.write_text(json.dumps(found))
    print(arm, seed, {turn: round(100 * found["judged"][turn]["accuracy"], 1) for turn in TURNS}, f"{seconds:.0f} s")
    return found


def spread(values: list[float]) -> str:
    """Mean and standard deviation over the seeds."""
    return f"{mean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{values[0]:.1f} (one seed)"


def table() -> str:
    lines = []
    for arm in ARMS:
        found = [json.loads(path.read_text()) for path in sorted(RUNS.glob(f"{arm}-[0-9]/result.json"))]
        if found:
            shares = [[100 * each["judged"][turn]["accuracy"] for each in found] for turn in TURNS]
            change = max(each["judged"]["SO3"]["largest_change"] for each in found)
            lines.append(
                f"| {arm} | {found[0]['parameters']:,} | {spread(shares[0])} | {spread(shares[1])} "
                f"| {mean(b - a for a, b in zip(*shares, strict=True)):+.1f} | {change:.1g} "
                f"| {mean(each['seconds'] for each in found):.0f} s | {len(found)} |"
            )
    heads = "arm|parameters|test turned about z|test turned at all|difference|change of a logit|training|seeds"
    return "\n".join([f"| {' | '.join(heads.split('|'))} |", "|" + "---|" * 8, *lines]) + "\n"


def main() -> None:
    torch.set_num_threads(1)
    for seed in SEEDS:
        for arm in sys.argv[1:] or ARMS:
            run(arm, seed)
    TABLE.write_text(table(), encoding="utf-8")
    print(table())


if __name__ == "__main__":
    main()
