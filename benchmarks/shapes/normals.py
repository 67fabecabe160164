"""Normals of files and normals estimated from points: one model for both kinds of clouds.

    python benchmarks/shapes/normals.py own both points --epochs 15 --seeds 1     # short runs, to choose the share
    python benchmarks/shapes/normals.py --runs build/shapes/defaults-0            # runs that are there

Furniture, 512 points. Arms differ in the share of training clouds whose normals are estimated: none (own), half (both),
all (points). Judged on the validation and test splits with the normals of the faces, and with normals estimated from
the points as for clouds that have none.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from runs import RUNS, run
from showing import markdown

from intertwine import tasks
from intertwine.tasks.clouds import replace_normals
from intertwine.training import load_checkpoint

SHARES = {"own": 0.0, "quarter": 0.25, "both": 0.5, "points": 1.0}
COLUMNS = ("run", "validation, of faces", "validation, estimated", "test, of faces", "test, estimated")


def judge(folder: Path) -> tuple[str, ...]:
    """Accuracies of a run in percent, each as given and turned in any way, which is the same."""
    kept = folder / "normals.json"
    if not kept.exists():
        predictor: Any = tasks.get("classify").restore(load_checkpoint(folder / "best"))
        shapes = predictor.read(None, lambda done, total: None).unfold(predictor.config["draws"])
        found = []
        for part in (predictor.split.validation, predictor.split.test):
            own = shapes.select(predictor.config["draws"] * part)
            for clouds in (own, replace_normals(own)):
                metrics = predictor.metrics(clouds)
                turned = predictor.predict_rotated(predictor.dataset(clouds), ["SO3"], 16, seed=0)[0]
                found.append(100 * metrics.measure(turned)["accuracy"])
        kept.write_text(json.dumps(found))
    return (folder.name, *(f"{share:.1f}" for share in json.loads(kept.read_text())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="*", choices=[*SHARES, []], metavar="ARM")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    chosen = parser.parse_args()
    folders = list(chosen.runs)
    for seed in chosen.seeds:
        for arm in chosen.arms:
            name = f"normals-{arm}-{chosen.epochs}"
            given = {"data": "furniture", "epochs": chosen.epochs, "estimated_normals": SHARES[arm]}
            run(name, seed, "classify", given)
            folders.append(RUNS / f"{name}-{seed}")
    print(markdown(COLUMNS, [judge(folder) for folder in folders]))


if __name__ == "__main__":
    main()
