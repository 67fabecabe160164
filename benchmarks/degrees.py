"""High degrees: the convolution in the frames of the edges, beside e3nn's sum over all paths."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from statistics import median

import torch
from measure import difference, largest, paired, peak_megabytes, seconds, table
from peers import E3nnEdgeConv
from scipy.stats import linregress

from intertwine.groups import O3
from intertwine.nn import SO2Conv
from intertwine.ops import knn_graph

FEW, MANY, NEIGHBORS = 32, 256, 16  # e3nn takes a megabyte of weights for each edge at degree 6


def layer(
    lmax: int, points: int, neighbors: int, which: str
) -> tuple[torch.nn.Module, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Our layer or e3nn's with our weights, and an input: 32 channels of each degree."""
    torch.manual_seed(0)
    rep = O3().rep(" + ".join(f"32x{degree}{'eo'[degree % 2]}" for degree in range(lmax + 1)))
    conv = SO2Conv(rep, rep, radial_basis=8, radial_hidden=(64,), cutoff=3.0, avg_num_neighbors=neighbors)
    positions = torch.randn(points, 3)
    inputs = torch.randn(points, rep.dim), positions, knn_graph(positions, neighbors)
    return conv if which == "ours" else E3nnEdgeConv(conv), inputs


def training_step(lmax: int, points: int, neighbors: int, which: str) -> Callable[[], object]:
    """Forward and backward into the weights and the features."""
    module, inputs = layer(lmax, points, neighbors, which)
    inputs[0].requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(*inputs).square().sum().backward()

    return step


def growth(which: str, degrees: tuple[int, ...], points: int) -> str:
    """Time by degree, and the power of the degree that fits it."""
    times = []
    for lmax in degrees:
        step = training_step(lmax, points, NEIGHBORS, which)
        step()
        times.append(median(seconds(step) for _ in range(5)))
    exponent = linregress([log(lmax) for lmax in degrees], [log(time) for time in times]).slope
    listed = ", ".join(f"{lmax}: {1e3 * time:.0f} ms" for lmax, time in zip(degrees, times, strict=True))
    line = f"| {which} | {points} | {listed} | {exponent:.1f} |"
    print(line, flush=True)
    return line


def degrees() -> str:
    case = 6, FEW, NEIGHBORS
    (ours, inputs), (theirs, _) = (layer(*case, which) for which in ("ours", "e3nn"))
    wrong = difference(ours, theirs, inputs)
    steps = [training_step(*case, which) for which in ("ours", "e3nn")]
    time = paired(*steps, repeats=2)
    memory = [peak_megabytes(training_step, *case, which) for which in ("ours", "e3nn")]
    line = (
        f"| 32 channels to degree 6, {FEW} points | {1e3 * time.ours:.1f} ms | {1e3 * time.peer:.0f} ms "
        f"| {time.ratio:.0f}x | {memory[0]:.0f} MB | {memory[1]:.0f} MB | {memory[1] / memory[0]:.0f}x | {wrong:.0e} "
        f"| {largest(steps[0])} |"
    )
    print(line, flush=True)
    grown = [growth("ours", (2, 4, 6, 8), MANY), growth("e3nn", (1, 2, 3, 4), FEW)]
    peaks = ", ".join(f"{k}: {peak_megabytes(training_step, 6, 512, k, 'ours'):.0f} MB" for k in (8, 16, 32))
    print(peaks, flush=True)
    return f"""## High degrees

`SO2Conv`, {NEIGHBORS} neighbors, against e3nn's sum over all paths with weights made for each edge.

{table("layer|ours|e3nn|time|our peak|e3nn's|memory|difference|our largest item", [line])}

{table("|points|time by degree|exponent", grown)}

Peak of 512 points to degree 6 by number of neighbors: {peaks}."""
