"""`make bench`: ours beside its peers in one run, on the same function with the same weights, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from math import log
from pathlib import Path
from statistics import linear_regression, median

import torch
from measure import machine, paired, peak_megabytes, seconds
from peers import E3nnConv, E3nnEdgeConv

from intertwine.groups import O3
from intertwine.models import PointEncoder
from intertwine.nn import EdgeFrameConv, SteerableConv
from intertwine.ops import nearest_neighbours, spherical_harmonics

RESULTS = Path(__file__).parent / "RESULTS.md"
LAYERS = [
    ("16x0e + 16x1o, 32 neighbours", "16x0e + 16x1o", 1, 32),
    ("the slides' layer, 32 channels to degree 2, 16 neighbours", "32x0e + 32x1o + 32x2e", 2, 16),
]
POINTS = 1024
EDGE_POINTS = 32  # e3nn takes more than 2 MB an edge at degree 6


def layer(rep: str, lmax: int, neighbours: int, which: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Our layer or e3nn's with our weights, and an input."""
    torch.manual_seed(0)
    conv = SteerableConv(O3().rep(rep), O3().rep(rep), lmax=lmax, radial=(8, 64), cutoff=3.0, neighbours=neighbours)
    positions = torch.randn(POINTS, 3)
    inputs = (torch.randn(POINTS, conv.rep_in.dim), positions, nearest_neighbours(positions, neighbours))
    return conv if which == "ours" else E3nnConv(conv), inputs


def training_step(rep: str, lmax: int, neighbours: int, which: str) -> Callable[[], object]:
    """Forward and backward into the weights and the features."""
    module, (features, *rest) = layer(rep, lmax, neighbours, which)
    features.requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(features, *rest).square().sum().backward()

    return step


def compare_layers() -> list[str]:
    lines = []
    for name, rep, lmax, neighbours in LAYERS:
        (ours, inputs), (peer, _) = (layer(rep, lmax, neighbours, which) for which in ("ours", "e3nn"))
        with torch.no_grad():
            expected = peer(*inputs)
            difference = float((ours(*inputs) - expected).norm() / expected.norm())
        assert difference < 1e-5, f"{name}: not the same function, relative difference {difference:.1e}"
        steps = [training_step(rep, lmax, neighbours, which) for which in ("ours", "e3nn")]
        time = paired(*steps, repeats=3)
        memory = [peak_megabytes(training_step, rep, lmax, neighbours, which) for which in ("ours", "e3nn")]
        lines.append(
            f"| {name} | {time.ours:.3f} s | {time.peer:.3f} s | {time.ratio:.1f}x "
            f"| {memory[0]:.0f} MB | {memory[1]:.0f} MB | {difference:.0e} |"
        )
        print(lines[-1], flush=True)
    return lines


def force_step(rep: str, lmax: int, neighbours: int, which: str) -> Callable[[], object]:
    """Forward, gradient in the positions, and backward through it into the weights."""
    module, (features, positions, edges) = layer(rep, lmax, neighbours, which)
    positions.requires_grad_()

    def step() -> None:
        module.zero_grad()
        energy = module(features, positions, edges).square().sum()
        (forces,) = torch.autograd.grad(energy, positions, create_graph=True)
        forces.square().sum().backward()

    return step


def compare_forces() -> list[str]:
    lines = []
    for name, *case in LAYERS:
        steps = [force_step(*case, which) for which in ("ours", "e3nn")]
        time = paired(*steps, repeats=3)
        lines.append(f"| {name} | {time.ours:.3f} s | {time.peer:.3f} s | {time.ratio:.1f}x |")
        print(lines[-1], flush=True)
    return lines


def edge_step(lmax: int, points: int, neighbours: int, which: str) -> Callable[[], object]:
    """Forward and backward of 32 channels of each degree through a convolution in the frames of the edges."""
    module, inputs = edge_layer(lmax, points, neighbours, which)
    inputs[0].requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(*inputs).square().sum().backward()

    return step


def edge_layer(
    lmax: int, points: int, neighbours: int, which: str
) -> tuple[torch.nn.Module, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Our layer or e3nn's with our weights, and an input."""
    torch.manual_seed(0)
    rep = O3().rep(" + ".join(f"32x{degree}{'eo'[degree % 2]}" for degree in range(lmax + 1)))
    conv = EdgeFrameConv(rep, rep, radial=(8, 64), cutoff=3.0, neighbours=neighbours)
    positions = torch.randn(points, 3)
    inputs = torch.randn(points, rep.dim), positions, nearest_neighbours(positions, neighbours)
    return conv if which == "ours" else E3nnEdgeConv(conv), inputs


def compare_degrees() -> list[str]:
    """32 channels to degree 6 beside e3nn, the growth with the degree, and memory beside the number of neighbours."""
    case = (6, EDGE_POINTS, 16)
    (ours, inputs), (peer, _) = (edge_layer(*case, which) for which in ("ours", "e3nn"))
    with torch.no_grad():
        expected = peer(*inputs)
        difference = float((ours(*inputs) - expected).norm() / expected.norm())
    assert difference < 1e-5, f"not the same function, relative difference {difference:.1e}"
    time = paired(*(edge_step(*case, which) for which in ("ours", "e3nn")), repeats=2)
    memory = [peak_megabytes(edge_step, *case, which) for which in ("ours", "e3nn")]
    lines = [
        f"| to degree 6, {EDGE_POINTS} points | {1e3 * time.ours:.1f} ms | {1e3 * time.peer:.0f} ms "
        f"| {time.ratio:.0f}x | {memory[0]:.0f} MB | {memory[1]:.0f} MB | {difference:.0e} |"
    ]
    print(lines[-1], flush=True)
    growth = {"ours": ((2, 4, 6, 8), 256), "e3nn": ((1, 2, 3, 4), EDGE_POINTS)}
    for which, (degrees, points) in growth.items():
        times = [typical(edge_step(lmax, points, 16, which)) for lmax in degrees]
        exponent = linear_regression([log(lmax) for lmax in degrees], [log(time) for time in times]).slope
        listed = ", ".join(f"{lmax}: {1e3 * time:.0f} ms" for lmax, time in zip(degrees, times, strict=True))
        lines.append(f"| {which}, {points} points, by degree | {listed} | | exponent {exponent:.1f} | | | |")
        print(lines[-1], flush=True)
    peaks = [f"{k}: {peak_megabytes(edge_step, 6, 512, k, 'ours'):.0f} MB" for k in (8, 16, 32)]
    lines.append(f"| ours, 512 points to degree 6, by neighbours | | | | {', '.join(peaks)} | | |")
    print(lines[-1], flush=True)
    return lines


def typical(function: Callable[[], object]) -> float:
    """Median of five, after a warm-up."""
    function()
    return median(seconds(function) for _ in range(5))


def slopes(function: Callable[[torch.Tensor], torch.Tensor], points: torch.Tensor, weights: torch.Tensor) -> object:
    return torch.autograd.grad(function(points), points, weights)


def compare_harmonics() -> list[str]:
    """Harmonics of 100,000 points and their gradient, beside sphericart where it is installed."""
    try:
        from sphericart.torch import SphericalHarmonics
    except ImportError:
        return ["| sphericart is not installed | | | |"]
    lines = []
    for lmax in (3, 6, 10):
        peer, points = SphericalHarmonics(lmax), torch.randn(100_000, 3, requires_grad=True)
        weights = torch.randn(100_000, (lmax + 1) ** 2)
        ours = partial(spherical_harmonics, lmax, normalization="integral")
        polar_axis_z = points[:, [2, 0, 1]].detach()
        assert (ours(points) - peer(polar_axis_z)).abs().max() < 1e-4, "not the same harmonics"
        steps = [partial(slopes, function, points, weights) for function in (ours, peer)]
        time = paired(*steps, repeats=7)
        lines.append(f"| l <= {lmax} | {1e3 * time.ours:.0f} ms | {1e3 * time.peer:.0f} ms | {time.ratio:.2f}x |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    lines, forces, degrees, harmonics = compare_layers(), compare_forces(), compare_degrees(), compare_harmonics()
    build = seconds(lambda: PointEncoder("16x0e", "1x0e", hidden="32x0e + 16x1o", lmax=1, cutoff=4.0))
    text = f"""# Measured

Written by `make bench`. {machine()}, e3nn {version("e3nn")}.

One layer, {POINTS} points, weights from a network 8 -> 64 on the length of each edge, float32, forward and backward
into weights and features; medians of runs in turn; memory is the peak above what stood before the step. The last
column is the relative difference of the outputs, checked first.

| layer | ours | e3nn 0.6 | ratio | our peak | e3nn's peak | difference |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Forces: forward, gradient in the positions, backward through it into the weights.

| layer | ours | e3nn 0.6 | ratio |
|---|---|---|---|
{chr(10).join(forces)}

32 channels of each degree in the frames of the edges, 16 neighbours, forward and backward.

| layer | ours | e3nn 0.6 | ratio | our peak | e3nn's peak | difference |
|---|---|---|---|---|---|---|
{chr(10).join(degrees)}

Spherical harmonics of 100,000 points with the gradient in the points, float32.

| degrees | ours | sphericart | ratio |
|---|---|---|---|
{chr(10).join(harmonics)}

Building the demo's encoder: {build:.3f} s.
"""
    RESULTS.write_text(text, encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
