"""Time and memory of the slides' layer against the number of points, and memory against the number of neighbors."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import torch
from measure import peak_megabytes, seconds, table

from intertwine.groups import O3
from intertwine.nn import SteerableConv
from intertwine.ops import knn_graph

REP = "32x0e + 32x1o + 32x2e"
SIZES = [(1_000, 16), (3_000, 16), (10_000, 16), (30_000, 16), (100_000, 16), (1_000, 32), (1_000, 64), (1_000, 128)]


def step(points: int, neighbors: int) -> Callable[[], object]:
    """Search, forward and backward."""
    torch.manual_seed(0)
    conv = SteerableConv(
        O3().rep(REP),
        O3().rep(REP),
        lmax=2,
        radial_basis=8,
        radial_hidden=(64,),
        cutoff=3.0,
        avg_num_neighbors=neighbors,
    )
    positions = torch.randn(points, 3) * (points / 1000) ** (1 / 3)
    features = torch.randn(points, conv.rep_in.dim, requires_grad=True)

    def run() -> None:
        edges = knn_graph(positions, neighbors)
        conv(features, positions, edges).square().sum().backward()

    return run


def arguments(points: int, neighbors: int) -> float:
    """Megabytes of features in and out, their gradients, and the edges' radial functions and their network."""
    return 4 * (4 * points * 288 + points * neighbors * 4 * 64) / 2**20


def scaling() -> str:
    lines, times = [], {}
    for points, neighbors in SIZES:
        run = step(points, neighbors)
        run()
        times[points, neighbors] = min(seconds(run) for _ in range(1 if points > 20_000 else 3))
        memory = peak_megabytes(step, points, neighbors)
        lines.append(
            f"| {points:,} | {neighbors} | {times[points, neighbors]:.2f} s | {memory:.0f} MB "
            f"| {arguments(points, neighbors):.0f} MB |"
        )
        print(lines[-1], flush=True)
    exponent = log(times[100_000, 16] / times[1_000, 16]) / log(100)
    return f"""## Many points, many neighbors

The slides' layer with its search for neighbors, forward and backward, once; the last column is what the arguments of
the operator, their gradients and the network on the lengths take by themselves. Growth of time from 1,000 to 100,000
points: exponent {exponent:.2f}.

{table("points|neighbors|time|peak|of which arguments", lines)}"""
