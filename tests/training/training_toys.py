"""Small jobs whose training takes milliseconds, and a command line to run them in a process that may be killed."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import time
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from intertwine._atomic import find_intact
from intertwine._errors import UsageError
from intertwine.training import Settings, fit, normal_per_example

SILENT = Console(quiet=True)


class Toy:
    """Fit a linear map with a perceptron; noise is added to the inputs as an augmentation."""

    task = "toy"
    monitor = "mae"

    def __init__(self, train=50, validation=11, dropout=0.0, delay=0.0, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(train + validation, 3, generator=generator)
        self.y = self.x @ torch.tensor([[1.0], [-2.0], [0.5]])
        self.train, self.validation, self.delay = train, validation, delay
        self.config = {"hidden": 8, "dropout": dropout}
        self.split = {"train": train, "validation": validation, "seed": seed}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(dropout), nn.SiLU(), nn.Linear(8, 1))
        self.seen = []

    def train_size(self):
        return self.train

    def validation_size(self):
        return self.validation

    def train_batch(self, indices, seed):
        self.seen.append((indices.tolist(), seed))
        time.sleep(self.delay)
        noise = 0.1 * normal_per_example(seed, indices, 3).float()
        return self.x[indices] + noise, self.y[indices]

    def validation_batch(self, indices):
        rows = indices + self.train
        return self.x[rows], self.y[rows]

    def loss(self, batch):
        x, y = batch
        return ((self.model(x) - y) ** 2).sum(), len(x)

    def metrics(self, batch):
        x, y = batch
        return {"mae": ((self.model(x) - y).abs().sum(), len(x)), "share": (torch.tensor(1.0), len(x))}


class Exploding(Toy):
    """The targets are not numbers from some step on."""

    def __init__(self, at, **options):
        super().__init__(**options)
        self.at, self.steps = at, 0

    def loss(self, batch):
        self.steps += 1
        total, count = super().loss(batch)
        return (total * float("nan") if self.steps >= self.at else total), count


class Failing(Toy):
    """The first validation batch of the second process is one too many."""

    def validation_batch(self, indices):
        if torch.distributed.is_initialized() and torch.distributed.get_rank() == 1:
            raise LookupError("a page is missing")
        return super().validation_batch(indices)


class Dying(Toy):
    """The second process dies in its third batch, as when memory is short."""

    def train_batch(self, indices, seed):
        if len(self.seen) == 2 and torch.distributed.is_initialized() and torch.distributed.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().train_batch(indices, seed)


def fit_once(folder, job, settings, resume, console=None):
    try:
        return fit(job, folder, settings, resume=resume, console=console)
    except UsageError as error:
        raise SystemExit(f"error: {error}") from None


def fit_under_fire(folder, job, settings, seed, kills):
    """Fit in children that are killed at random moments after their second or third save, then in one that is not."""
    chance, traces = random.Random(seed), []
    while True:
        resume = find_intact(folder / "last") is not None
        child = os.fork()
        if child == 0:
            fit_once(folder, job, settings, resume, SILENT)
            os._exit(0)
        if len(traces) == kills:
            return traces, os.waitpid(child, 0)[1]
        before, saves, needed = last_saved(folder), 0, chance.randint(1, 2)
        while saves < needed:
            time.sleep(0.0005)
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return traces, status
            if last_saved(folder) not in (before, None):
                before, saves = last_saved(folder), saves + 1
        time.sleep(chance.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        traces.append([path.name for path in folder.glob("*.*") if path.suffix in (".part", ".old")])


def last_saved(folder):
    try:
        return (folder / "last" / "checkpoint.json").stat().st_mtime_ns
    except OSError:
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--under-fire", type=int)
    parser.add_argument("--kind", default="Toy")
    parser.add_argument("--job", default="{}")
    parser.add_argument("--settings", default="{}")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    job = globals()[arguments.kind](**json.loads(arguments.job))
    settings = Settings(**json.loads(arguments.settings))
    if arguments.under_fire is not None:
        import intertwine.training._trainer  # noqa: F401 - once for all children

        kills, status = fit_under_fire(arguments.folder, job, settings, arguments.under_fire, kills=7)
        result = {"kills": kills, "status": status}
    else:
        outcome = fit_once(arguments.folder, job, settings, arguments.resume)
        result = {"interrupted": outcome.interrupted, "reason": outcome.reason, "epochs": len(outcome.history)}
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()
