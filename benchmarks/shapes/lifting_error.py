"""How far a lifted encoder is from rotation invariance between the elements of its group: `docs/images/lifting.png`.

    python benchmarks/shapes/lifting_error.py

Random weights, batch statistics of random clouds. Rotations at a given angle from the nearest element of the group; the
change of the invariants, beside their size and beside the spread between different clouds: at 1 a rotation makes as
much of a difference as another cloud.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine._figures import BLUE, GRAY, GREEN, ORANGE, RED, figure
from intertwine.groups import SO3
from intertwine.models import PointEncoder, rotation_group
from intertwine.ops import knn_graph

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "lifting.png"
GROUPS = {
    "C1": ("no rotation", GRAY),
    "C4": ("C4 about z, 4", RED),
    "tetrahedral": ("T, 12", ORANGE),
    "octahedral": ("O, 24", GREEN),
    "icosahedral": ("I, 60", BLUE),
}
POINTS, CLOUDS, NEIGHBORS, SEEDS, ROTATIONS = 64, 8, 16, 3, 16
ANGLES = [0.0, 1.0, 2.0, 4.0, *(float(angle) for angle in range(6, 91, 6))]


def clouds(generator: torch.Generator) -> Tensor:
    """Normal points, stretched along random axes, in the unit ball: ``(CLOUDS, POINTS, 3)``."""
    points = torch.randn(CLOUDS, POINTS, 3, generator=generator, dtype=torch.float64)
    points = points * (0.3 + torch.rand(CLOUDS, 1, 3, generator=generator, dtype=torch.float64))
    points = (points - points.mean(1, keepdim=True)) @ SO3().sample(CLOUDS, generator=generator)
    return points / points.norm(dim=-1).amax(-1)[:, None, None]


def batched(points: Tensor, edges: Tensor) -> tuple[Tensor, ...]:
    """What the encoder takes: a one and the position for each point; positions; edges; structures."""
    flat = points.flatten(0, 1)
    features = torch.cat([torch.ones_like(flat[:, :1]), flat], 1)
    return features, flat, edges, torch.arange(len(points)).repeat_interleave(POINTS)


def rotations(name: str, angle: float) -> Tensor:
    """Rotations ``(n, 3, 3)`` whose nearest element is at this angle (degrees); as many as are found, the same ones."""
    elements, generator = rotation_group(name).elements, torch.Generator().manual_seed(0)
    axes = torch.randn(2000, 3, generator=generator, dtype=torch.float64)
    turns = SO3().exp(SO3().hat(axes / axes.norm(dim=1, keepdim=True) * torch.deg2rad(torch.tensor(angle)).double()))
    turns = turns @ elements[torch.randint(len(elements), (2000,), generator=generator)]
    nearest = torch.einsum("nij,gij->ng", turns, elements).amax(1)
    wanted = 1 + 2 * torch.cos(torch.deg2rad(torch.tensor(angle)).double())
    return turns[nearest <= wanted + 1e-9][:ROTATIONS]


@torch.no_grad()
def errors(name: str, seed: int) -> list[tuple[float, float, float]]:
    """For each angle that the group leaves: the angle, the change over the size, the change over the spread."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    layer = {"name": "lifted", "group": name}
    options: dict[str, Any] = {
        "hidden": "8",
        "layers": 2,
        "cutoff": 0.8,
        "avg_num_neighbors": NEIGHBORS,
        "pool": "mean",
    }
    encoder = PointEncoder("1x0e + 1x1o", "16x0e", layer=layer, **options).double()
    points = clouds(generator)
    edges = torch.cat([knn_graph(x, NEIGHBORS) + i * POINTS for i, x in enumerate(points)], 1)
    for _ in range(30):
        encoder.train()(*batched(points, edges))
    before = encoder.eval()(*batched(points, edges))
    size = before.square().mean().sqrt()
    spread = (before - before.mean(0)).square().mean().sqrt()
    found = []
    for angle in ANGLES:
        turns = rotations(name, angle)
        if len(turns) == ROTATIONS:
            change = (
                torch.stack([encoder(*batched(points @ g.T, edges)) - before for g in turns]).square().mean().sqrt()
            )
            found.append((angle, float(change / size), float(change / spread)))
    return found


def main() -> None:
    curves = {name: torch.tensor([errors(name, seed) for seed in range(SEEDS)]) for name in GROUPS}
    print("angle from the nearest element, change over size, change over spread; mean of", SEEDS, "networks")
    for name, curve in curves.items():
        for angle, size, spread in curve.mean(0).tolist():
            if angle in (0, 2, 12, 30, 42, 60):
                print(f"{name:12} {angle:4.0f} deg   {size:8.1e}   {spread:8.1e}")
    figure(lambda page: draw(page, curves), 8.0, 3.5).savefig(IMAGE, dpi=160, facecolor="white")


def draw(page: Any, curves: dict[str, Tensor]) -> None:
    """Two panels: beside the size of the invariants, and beside their spread between clouds."""
    panels = page.subplots(1, 2)
    for panel, column, title in zip(
        panels,
        (1, 2),
        ("change of the invariants / their size", "change of the invariants / spread between clouds"),
        strict=True,
    ):
        for name, curve in curves.items():
            label, color = GROUPS[name]
            angles, values = curve[0, :, 0], curve[..., column]
            panel.fill_between(angles, values.amin(0), values.amax(0), color=color, alpha=0.18, linewidth=0)
            panel.plot(angles, values.mean(0), color=color, linewidth=1.6, label=label)
        panel.set_title(title, fontsize=9.5)
        panel.set_xlabel("angle from the nearest element of the group (degrees)")
        panel.set_xlim(0, 90)
        panel.set_xticks(range(0, 91, 15))
        panel.set_ylim(0)
    lines, labels = panels[0].get_legend_handles_labels()
    page.legend(lines, labels, loc="outside lower center", ncols=len(labels), fontsize=8.5)


if __name__ == "__main__":
    main()
