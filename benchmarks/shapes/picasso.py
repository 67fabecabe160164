"""The Picasso problem: bent wires at fixed places; only how they are turned against each other tells the class.

    python benchmarks/shapes/picasso.py            # every run that is missing, the table, docs/images/picasso.png

What the clouds are is said in `picasso_wires.py`, the arms stand in `picasso_arms.py`: equally many parameters, within
ten per cent. Every cloud is turned by a Haar-random rotation, in training and in the test. Runs are kept in
build/picasso/.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from picasso_arms import ARMS
from picasso_wires import CLASSES, PARTS, POINTS, aligned, check, clouds, problem
from runs import spread
from showing import markdown, save
from torch import Tensor
from torch.nn.functional import cross_entropy

from intertwine._figures import BLUE, GREEN, INK, ORANGE, RED
from intertwine.groups import SO3
from intertwine.ops import knn_graph

RUNS = Path("build/picasso")
SEEDS = (0, 1, 2)
TRAINING, TEST, BATCH, RATE = 1024, 512, 32, 0.003


def edges_of(points: Tensor) -> Tensor:
    """As many neighbors of each point as its wire has other points, ``(n, 2, E)``; no rotation changes them."""
    return torch.stack([knn_graph(cloud, POINTS - 1) for cloud in points])


@torch.no_grad()
def accuracy(network: torch.nn.Module, points: Tensor, edges: Tensor, classes: Tensor) -> float:
    """In per cent."""
    parts = zip(points.float().split(64), edges.split(64), strict=True)
    found = torch.cat([network.eval()(*part) for part in parts]).argmax(1)
    return 100 * float((found == classes).double().mean())


def run(arm: str, seed: int) -> dict[str, Any]:
    """Train and judge, unless it was done before."""
    kept = RUNS / f"{arm}-{seed}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    generator = torch.Generator().manual_seed(seed)
    of = problem(generator)
    told = check(of)
    classes, asked = torch.arange(TRAINING) % CLASSES, torch.arange(TEST) % CLASSES
    points, unseen = clouds(of, classes, generator), clouds(of, asked, generator)
    edges, choice = edges_of(points), ARMS[arm]
    torch.manual_seed(seed)
    network = choice.make(PARTS, POINTS, CLASSES)
    steps, begun = choice.epochs * TRAINING // BATCH, time.process_time()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(choice.epochs):
        for indices in torch.randperm(TRAINING, generator=generator).split(BATCH):
            turns = SO3().sample(len(indices), generator=generator) if choice.augment else torch.eye(3).double()
            seen = (points[indices] @ turns.mT).float()
            loss = cross_entropy(network.train()(seen, edges[indices]), classes[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    found = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seconds": time.process_time() - begun,
        "train": accuracy(network, points, edges, classes),
        "test": accuracy(network, unseen, edges_of(unseen), asked),
        "aligned": 100 * float((aligned(of, unseen) == asked).double().mean()),
        "told": told,
    }
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found))
    print(f"{arm:16} {seed}  train {found['train']:5.1f}  test {found['test']:5.1f}  {found['seconds']:.0f} s")
    return found


def table(found: dict[str, list[dict[str, Any]]]) -> str:
    """A row for each arm."""
    rows = []
    for arm, choice in ARMS.items():
        runs = found[arm]
        cells = [spread([one[part] for one in runs]) for part in ("train", "test")]
        seconds = mean(one["seconds"] for one in runs)
        rows.append((arm, f"{runs[0]['parameters']:,}", str(choice.epochs), *cells, f"{seconds:.0f} s"))
    return markdown(("arm", "parameters", "epochs", "training", "test", "a run"), rows)


def draw(page: Any, found: dict[str, list[dict[str, Any]]]) -> None:
    """Two clouds of different classes, and the accuracy of the arms."""
    grid = page.add_gridspec(2, 2, width_ratios=(1, 1.7))
    of = problem(torch.Generator().manual_seed(0))
    spread_out = torch.linalg.svd(of.places).Vh[:2].mT
    for k in range(2):
        panel = page.add_subplot(grid[k, 0])
        for wire, color in zip(of.wires @ of.poses[k].mT + of.places[:, None], (BLUE, ORANGE, GREEN, RED), strict=True):
            panel.plot(*(wire @ spread_out).T, color=color, linewidth=2, marker="o", markersize=3)
        panel.set_title(f"class {k + 1}", fontsize=9.5)
        panel.set_axis_off()
        panel.set_aspect("equal")
    bars = page.add_subplot(grid[:, 1])
    runs = [[one["test"] for one in found[arm]] for arm in ARMS]
    bars.barh(range(len(ARMS)), [mean(each) for each in runs], 0.6, color=BLUE, alpha=0.75)
    for row, each in enumerate(runs):
        bars.plot(each, [row] * len(each), ".", color=INK, markersize=3.5)
    bars.axvline(100 / CLASSES, color=RED, linewidth=1, linestyle="--")
    bars.set_yticks(range(len(ARMS)), ARMS)
    bars.invert_yaxis()
    bars.set_xlim(0, 102)
    bars.set_xlabel("test accuracy (%), a dot for each seed")
    bars.text(100 / CLASSES + 1, len(ARMS) - 0.55, "chance", color=RED, fontsize=8.5)


def main() -> None:
    torch.set_num_threads(1)
    arms = sys.argv[1:] or list(ARMS)
    found = {arm: [run(arm, seed) for seed in SEEDS] for arm in arms}
    if set(arms) < set(ARMS):
        return
    print(table(found))
    every = [one for runs in found.values() for one in runs]
    inside, whole = zip(*(one["told"] for one in every), strict=True)
    print(
        f"Chance: {100 / CLASSES:.1f} %. Each wire aligned by least squares: {min(x['aligned'] for x in every):.1f} %."
    )
    print(f"From class to class, distances within wires and between their centers change by {max(inside):.0e} at most,")
    print(f"those in the whole cloud by {min(whole):.2f} at least (root mean square).")
    save(lambda page: draw(page, found), "picasso", 8.0, 3.6)


if __name__ == "__main__":
    main()
