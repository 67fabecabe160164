"""Acetylacetone: energies and forces learned from 500 frames at 300 K within given minutes, beside MACE and NequIP.

    python benchmarks/atoms/acac.py TRAIN.xyz TEST.xyz --minutes 30 --seed 0
    python benchmarks/atoms/acac.py TRAIN.xyz TEST.xyz --minutes 30 --peers mace nequip
    python benchmarks/atoms/acac.py TRAIN.xyz TEST.xyz --minutes 30 --option learning_rate=0.005

Any extended XYZ file with energies and forces will do. Every row is trained on the same file within the same time,
with 5 % of the frames for validation, and judged on the same test file: the root mean square error of the energy of a
frame in meV, and of a force component in meV/A. Peers are trained in build/bench-mace and build/bench-nequip, virtual
environments with mace-torch 0.3.16 and nequip 0.19.1, and left out where these do not exist.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from acac_peers import mace, nequip

import intertwine as iw
from intertwine.tasks import FitDisplay


class Row(NamedTuple):
    """A trained model: its errors, its size, and what its training took."""

    model: str
    seed: int
    minutes: float
    epochs: int
    parameters: int
    energy: float
    forces: float

    def __str__(self) -> str:
        return (
            f"| {self.model} | {self.seed} | {self.minutes:.1f} | {self.epochs:,} | {self.parameters:,} | "
            f"{self.energy:.2f} | {self.forces:.2f} |"
        )


HEAD = (
    "| model | seed | minutes | epochs | parameters | energy RMSE, meV per frame | force RMSE, meV/A |\n"
    "|---|---|---|---|---|---|---|"
)


class Lines(FitDisplay):
    """Prints what a fit says."""

    @property
    def console(self) -> Any:
        from rich.console import Console

        return Console(width=160)

    def line(self, label: str, text: str) -> None:
        print(f"{label:13} {text}", flush=True)


def ours(train: Path, test: Path, minutes: float, seed: int, options: dict[str, Any], folder: Path) -> Row:
    """A row of intertwine."""
    begin = time.monotonic()
    run = iw.fit(
        "potential", train, output=folder, minutes=minutes, seed=seed, epochs=100_000, display=Lines(), **options
    )
    taken = (time.monotonic() - begin) / 60
    found = run.predictor.evaluate(test).metrics
    parameters = sum(weight.numel() for weight in run.predictor.model.parameters())
    return Row(
        "intertwine", seed, taken, len(run.history), parameters, found["energy"]["rmse"], found["forces"]["rmse"]
    )


def peer(name: str, train: Path, test: Path, minutes: float, seed: int, folder: Path) -> Row | None:
    """A row of a peer; None where its environment does not exist."""
    begin = time.monotonic()
    trained = {"mace": mace, "nequip": nequip}[name](train, test, minutes, seed, folder)
    if trained is None:
        print(f"{name}: left out, there is no environment build/bench-{name}")
        return None
    taken = (time.monotonic() - begin) / 60
    return Row(trained.name, seed, taken, trained.epochs, trained.parameters, trained.energy, trained.forces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", nargs="*", default=[], choices=["mace", "nequip"])
    parser.add_argument("--only-peers", action="store_true")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of intertwine fit potential"
    )
    parser.add_argument("--output", type=Path, help="folder of the runs")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    options = {name: _value(text) for name, _, text in (pair.partition("=") for pair in chosen.option)}
    folder = chosen.output or Path(tempfile.mkdtemp(prefix="acac-"))
    rows = []
    if not chosen.only_peers:
        rows.append(ours(chosen.train, chosen.test, chosen.minutes, chosen.seed, options, folder / "intertwine"))
    for name in chosen.peers:
        row = peer(name, chosen.train.resolve(), chosen.test.resolve(), chosen.minutes, chosen.seed, folder / name)
        rows += [] if row is None else [row]
    print(HEAD, *rows, sep="\n")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
