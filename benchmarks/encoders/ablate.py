"""Ablation of the encoders on QM9, furniture and circuit parts: one change a row, equally many epochs, validation only.

    python benchmarks/encoders/ablate.py qm9                          # every row that is missing, then the table
    python benchmarks/encoders/ablate.py qm9 depthwise --seeds 0      # this row, this seed
    python benchmarks/encoders/ablate.py furniture --epochs 20

Every row is the default of the task but for what its name says, with the same split, seeds and number of epochs. A run
is a line of build/encoders/SET-SIZE-EPOCHS.jsonl; one that is there is not made again. The test sets are not looked at.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from changes import CHANGES, SETS, Change
from rich.console import Console

from intertwine import tasks
from intertwine.tasks.properties import PropertiesOptions, PropertyJob, plan
from intertwine.training import fit

RUNS = Path("build/encoders")


@dataclass(frozen=True)
class Ablation:
    """The rows of one data set.

    Attributes:
        name: Of the data set.
        epochs: Of every run.
        train: Training structures; None for all.
        rows: Finished runs.
    """

    name: str
    epochs: int
    train: int | None
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Where the runs are kept."""
        return RUNS / f"{self.name}-{self.train or 'all'}-{self.epochs}.jsonl"

    def run(self, change: str, seed: int) -> None:
        """Train one row with one seed, unless it was done before."""
        if any((row["change"], row["seed"]) == (change, seed) for row in self.rows):
            return
        job, settings = self._job(CHANGES[self.name][change], seed)
        with tempfile.TemporaryDirectory() as folder:
            history = fit(job, Path(folder) / "run", settings, console=Console(quiet=True)).history
        score = SETS[self.name].score
        row = {
            "change": change,
            "seed": seed,
            "parameters": sum(parameter.numel() for parameter in job.model.parameters()),
            "train": history[-1]["train_loss"],
            "validation": history[-1][score],
            "seconds": history[-1]["seconds"],
        }
        self.rows.append(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{change:24} seed {seed}  train {row['train']:.4f}  {score} {row['validation']:.4f}", flush=True)

    def _job(self, change: Change, seed: int) -> tuple[Any, Any]:
        """The job of a row and its settings."""
        given: Mapping[str, Any] = SETS[self.name].options
        sizes = {} if self.train is None else {"train": self.train}
        values = {**given, **sizes, "epochs": self.epochs, **change.options, "seed": seed}
        task = tasks.get(SETS[self.name].task)
        options = task.options.from_values(task.name, values)
        settings = replace(options.settings, **change.settings)
        if not isinstance(options, PropertiesOptions):
            return task.prepare(options), settings
        config, split, structures = plan(options)
        config["encoder"] |= change.encoder
        return PropertyJob(config, split, structures), settings

    def table(self) -> str:
        """One line for each change, in markdown: mean and standard deviation over the seeds."""
        heads = "change", "parameters", "training loss", f"validation {SETS[self.name].score}", "seconds", "seeds"
        lines = [heads, ("---",) * len(heads)]
        for change in CHANGES[self.name]:
            found = [row for row in self.rows if row["change"] == change]
            if found:
                figures = (spread([row[name] for row in found]) for name in ("train", "validation"))
                seconds = f"{mean(row['seconds'] for row in found):.0f}"
                lines.append((change, f"{found[0]['parameters']:,}", *figures, seconds, str(len(found))))
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: list[float]) -> str:
    """Mean, and standard deviation of several."""
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=list(SETS))
    parser.add_argument("changes", nargs="*", metavar="CHANGE", help="rows of changes.py; all by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--train", type=int, help="training structures")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    ablation = Ablation(chosen.set, chosen.epochs, chosen.train or SETS[chosen.set].train)
    if ablation.path.exists():
        ablation.rows.extend(map(json.loads, ablation.path.read_text(encoding="utf-8").splitlines()))
    for seed in chosen.seeds:
        for change in chosen.changes or CHANGES[chosen.set]:
            ablation.run(change, seed)
    print(ablation.table())


if __name__ == "__main__":
    main()
