"""Runs of the comparisons of encoders: trained and judged once, kept in build/shapes, counted together over seeds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from intertwine import tasks
from intertwine.training import Job, fit, load_checkpoint

RUNS = Path("build/shapes")
SEEDS = (0, 1, 2)
ROTATIONS = ("z", "SO3")
_BATCH = 16


def run(
    arm: str,
    seed: int,
    task: str,
    options: Mapping[str, Any],
    changed: Callable[[Any, Any], Job] | None = None,
) -> dict[str, Any]:
    """Train and judge, unless it was done before; what was interrupted goes on.

    Args:
        arm: What the run is called.
        seed: Of the clouds, the weights and the order.
        task: The name of the task.
        options: What ``intertwine fit`` is told.
        changed: Makes another job of the task and its job.

    Returns:
        Parameters, seconds, and what was judged under each turn. It is made by the code of its time.
    """
    folder = RUNS / f"{arm}-{seed}"
    result = folder / "result.json"
    if result.exists():
        kept = dict(json.loads(result.read_text()))
        if kept.get("options", options) != options:
            raise SystemExit(f"{folder} was made with other options, {kept['options']}: remove it to make it again")
        return kept
    torch.set_num_threads(1)
    chosen = tasks.get(task)
    said = chosen.options(**options, seed=seed, batch_size=_BATCH, output=str(folder))
    said.check()
    job = chosen.prepare(said)
    job = job if changed is None else changed(chosen, job)
    outcome = fit(job, folder, said.settings, resume=(folder / "last").is_dir())
    if outcome.interrupted:
        raise SystemExit(f"{folder} was interrupted: the same command goes on with it")
    seconds = float((folder / "metrics.csv").read_text().splitlines()[-1].rpartition(",")[2])
    predictor: Any = chosen.restore(load_checkpoint(outcome.best))
    judged = predictor.evaluate(None, batch_size=_BATCH, seed=0).metrics["protocols"]
    found = {
        "parameters": sum(parameter.numel() for parameter in predictor.model.parameters()),
        "seconds": seconds,
        "options": dict(options),
        "judged": {name.partition("/")[2]: part for name, part in judged.items()},
    }
    result.write_text(json.dumps(found))
    accuracies = {kind: found["judged"][kind].get("accuracy") for kind in ROTATIONS}
    print(arm, seed, accuracies, f"{seconds:.0f} s", flush=True)
    return found


def results(arm: str) -> list[dict[str, Any]]:
    """What was judged of an arm, a seed each."""
    return [json.loads(path.read_text()) for path in sorted(RUNS.glob(f"{arm}-[0-9]/result.json"))]


def spread(values: list[float]) -> str:
    """Mean and standard deviation over the seeds."""
    return f"{mean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{values[0]:.1f} (one seed)"


def rows(arms: Iterable[str], score: str) -> list[tuple[str, ...]]:
    """A row of the table for each arm of which there are runs of all seeds."""
    made = []
    for arm in arms:
        if len(found := results(arm)) >= len(SEEDS):
            shares = [[100 * each["judged"][turn][score] for each in found] for turn in ROTATIONS]
            made.append(
                (
                    arm,
                    f"{found[0]['parameters']:,}",
                    *map(spread, shares),
                    f"{mean(b - a for a, b in zip(*shares, strict=True)):+.1f}",
                    f"{max(each['judged']['SO3']['largest_change'] for each in found):.1g}",
                    f"{mean(each['seconds'] for each in found):.0f} s",
                    str(len(found)),
                )
            )
    return made


HEADS = (
    "arm",
    "parameters",
    "test turned about z",
    "test turned at all",
    "difference",
    "change of a logit",
    "training",
)


def arguments(text: str | None, arms: Iterable[str]) -> argparse.Namespace:
    """``[ARM ...] [--seeds 0 1 2]``."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="*", metavar="ARM", choices=[*arms, []], help=f"some of {', '.join(arms)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    return parser.parse_args()
