"""Accuracy on furniture's validation shapes when logits are averaged over several clouds sampled of each surface.

    python benchmarks/encoders/averaging.py --seeds 0 1

Trains `classify` with Muon, then predicts every one of the eight clouds of each validation shape, turned at random.
Accuracies of means over fewer clouds are averaged over disjoint groups of them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from changes import CHANGES, SETS
from rich.console import Console

from intertwine import tasks
from intertwine.tasks.clouds import random_rotations
from intertwine.training import fit, load_checkpoint

DRAWS = 8


def logits_by_draw(seed: int, epochs: int, change: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(S, draws, classes) logits of the validation shapes, and (S,) their classes."""
    values = {**SETS["furniture"].options, "draws": DRAWS, "epochs": epochs, "seed": seed}
    chosen = CHANGES["furniture"][change]
    task = tasks.get("classify")
    options = task.options.from_values(task.name, values | dict(chosen.options) | dict(chosen.settings))
    with tempfile.TemporaryDirectory() as folder:
        outcome = fit(task.prepare(options), Path(folder) / "run", options.settings, console=Console(quiet=True))
        predictor = task.restore(load_checkpoint(outcome.best))
        shapes = predictor.read(None, lambda *_: None).select(predictor.split.validation)
    clouds = shapes.unfold(DRAWS)
    dataset = predictor.dataset(clouds)
    generator = torch.Generator().manual_seed(0)
    normals = torch.randn(len(clouds), 4, generator=generator, dtype=torch.float64)
    logits = [
        predictor.logits(dataset.batch(some, rotations=random_rotations(normals[some], "SO3", "z")))
        for some in torch.split(torch.arange(len(clouds)), 32)
    ]
    return torch.cat(logits).unflatten(0, (len(shapes), DRAWS)), shapes.cloud_fields["classes"]


def main() -> None:
    """Print one row for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--change", default="muon 0.01", help="row of changes.py")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| seed | 1 cloud | 2 | 4 | 8 |\n|---|---|---|---|---|")
    for seed in chosen.seeds:
        logits, truth = logits_by_draw(seed, chosen.epochs, chosen.change)
        cells = []
        for size in (1, 2, 4, 8):
            predicted = logits.unflatten(1, (DRAWS // size, size)).mean(2).argmax(2)
            cells.append(f"{100 * (predicted == truth[:, None]).double().mean():.1f}")
        print(f"| {seed} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
