"""Settings of a potential compared within equal processor time, by frames of the training file that are held out.

    python benchmarks/atoms/ablate.py TRAIN.xyz --seconds 45 "optimizer=adamw lmax=3" "optimizer=muon lmax=2"

Each row trains on the frames but 80 until its processor time is used up, one thread, with the loss, the schedules and
the data of `intertwine fit potential`, and a moving average of decay 0.99. Held out are the 40 frames with the shortest
distances, which ask for extrapolation, and 40 others at random. A row is a list of NAME=VALUE: optimizer,
learning_rate, weight_decay, batch_size, isolated_atoms (a file), and arguments of `intertwine.models.Potential`. The
test file of a benchmark is never read.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from intertwine.models import Potential
from intertwine.tasks.potential._dataset import FrameDataset
from intertwine.tasks.potential._job import frame_batch, label_errors
from intertwine.tasks.potential._loss import LossWeights, frame_losses
from intertwine.tasks.potential._options import PotentialOptions
from intertwine.tasks.potential._plan import plan
from intertwine.training._average import MovingAverage
from intertwine.training._training_module import OPTIMIZERS

HELD_OUT = 40
WARMUP = 0.02


class Errors(NamedTuple):
    """Root mean square errors: of energies in meV per frame, of force components in meV/A."""

    energy: float
    forces: float


def train(path: Path, seconds: float, row: dict[str, Any]) -> tuple[int, Errors, Errors, Errors]:
    """Steps, and the errors of held-out frames, at random and of the shortest distances, and of training frames."""
    options = PotentialOptions(data=str(path), isolated_atoms=row.pop("isolated_atoms", None))
    batch_size = row.pop("batch_size", options.batch_size)
    average_decay = row.pop("average", 0.99)
    rate, decay = row.pop("learning_rate", options.learning_rate), row.pop("weight_decay", 0.0)
    kind: Any = OPTIMIZERS[row.pop("optimizer", options.optimizer)]
    config, _, frames = plan(options)
    cutoff = row.get("cutoff", options.cutoff)
    shortest = torch.tensor([torch.pdist(some).min() for some in frames.positions.split(frames.counts.tolist())])
    order = shortest.argsort()
    others = order[HELD_OUT:][torch.randperm(len(order) - HELD_OUT, generator=torch.Generator().manual_seed(1))]
    parts = others[HELD_OUT:], others[:HELD_OUT], order[:HELD_OUT]
    known, held_out, short = (FrameDataset(frames.select(part), cutoff) for part in parts)
    torch.manual_seed(0)
    model = Potential(**config["model"] | row).train()
    weights = list(model.parameters())
    optimizer = kind(weights, rate, weight_decay=decay)
    average = MovingAverage(model, average_decay)
    loss_weights = LossWeights(options.energy_weight, options.forces_weight, options.stress_weight)
    begin, steps, waiting = time.process_time(), 0, torch.empty(0, dtype=torch.int64)
    while (done := (time.process_time() - begin) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, done / WARMUP) * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
        waiting = waiting if len(waiting) >= batch_size else torch.randperm(len(known))
        some, waiting = waiting[:batch_size], waiting[batch_size:]
        errors = label_errors(model, frame_batch(known, some), differentiable=True)
        optimizer.zero_grad()
        frame_losses(errors, loss_weights.at(done), config["model"]["energy_scale"]).mean().backward()
        torch.nn.utils.clip_grad_norm_(weights, 10.0)
        optimizer.step()
        average.update(model)
        steps += 1
    average.swap(model)
    return steps, *(errors_of(model.eval(), part) for part in (held_out, short, known))


def errors_of(model: Potential, frames: FrameDataset) -> Errors:
    """The errors of the first frames."""
    errors = label_errors(model, frame_batch(frames, torch.arange(HELD_OUT)), differentiable=False)
    return Errors(*(1000 * float(part.square().mean().sqrt()) for part in (errors.energy, errors.forces)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("rows", nargs="+")
    parser.add_argument("--seconds", type=float, default=45, help="processor time of a row")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| settings | steps | energy, forces at random | of short distances | of training |\n|---|---|---|---|---|")
    for text in chosen.rows:
        row = {name: _value(value) for name, _, value in (pair.partition("=") for pair in text.split())}
        steps, *found = train(chosen.train, chosen.seconds, row)
        shown = " | ".join(f"{errors.energy:.1f}, {errors.forces:.1f}" for errors in found)
        print(f"| {text} | {steps:,} | {shown} |", flush=True)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
