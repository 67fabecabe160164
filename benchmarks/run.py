"""`make bench`: ours beside its peers in one run, on the same function with the same weights, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from math import pi
from pathlib import Path

import torch
from measure import machine, paired, peak_megabytes, seconds
from peers import E3nnConv, E3nnDepthwise

from intertwine.groups import O3
from intertwine.models import PointEncoder
from intertwine.nn import DepthwiseConv, SteerableConv
from intertwine.ops import nearest_neighbours, radius_graph, spherical_harmonics

RESULTS = Path(__file__).parent / "RESULTS.md"
LAYERS = [
    ("16x0e + 16x1o, 32 neighbours", "full", "16x0e + 16x1o", 1, 32),
    ("the slides' layer, 32 channels to degree 2, 16 neighbours", "full", "32x0e + 32x1o + 32x2e", 2, 16),
    ("depthwise, 64 channels to degree 3, ragged, about 30 neighbours", "depthwise", "64x0e+64x1o+64x2e+64x3o", 3, 30),
]
POINTS = 1024


def layer(
    kind: str, rep: str, lmax: int, neighbours: int, which: str
) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Our layer or e3nn's with our weights, and an input."""
    torch.manual_seed(0)
    make, peer = {"full": (SteerableConv, E3nnConv), "depthwise": (DepthwiseConv, E3nnDepthwise)}[kind]
    conv = make(O3().rep(rep), O3().rep(rep), lmax=lmax, radial=(8, 64), cutoff=3.0, neighbours=neighbours)
    if kind == "full":
        positions = torch.randn(POINTS, 3)
        edges = nearest_neighbours(positions, neighbours)
    else:
        density = 1.35 * neighbours / (4 / 3 * pi * conv.radial.cutoff**3)  # the surface has fewer neighbours
        positions = torch.rand(POINTS, 3) * (POINTS / density) ** (1 / 3)
        edges = radius_graph(positions, conv.radial.cutoff)
    inputs = (torch.randn(POINTS, conv.rep_in.dim), positions, edges)
    return conv if which == "ours" else peer(conv), inputs


def training_step(*case: object) -> Callable[[], object]:
    """Forward and backward into the weights and the features."""
    module, (features, *rest) = layer(*case)
    features.requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(features, *rest).square().sum().backward()

    return step


def compare_layers() -> list[str]:
    lines = []
    for name, *case in LAYERS:
        (ours, inputs), (peer, _) = (layer(*case, which) for which in ("ours", "e3nn"))
        with torch.no_grad():
            expected = peer(*inputs)
            difference = float((ours(*inputs) - expected).norm() / expected.norm())
        assert difference < 1e-5, f"{name}: not the same function, relative difference {difference:.1e}"
        steps = [training_step(*case, which) for which in ("ours", "e3nn")]
        time = paired(*steps, repeats=3)
        memory = [peak_megabytes(training_step, *case, which) for which in ("ours", "e3nn")]
        lines.append(
            f"| {name} | {time.ours:.3f} s | {time.peer:.3f} s | {time.ratio:.1f}x "
            f"| {memory[0]:.0f} MB | {memory[1]:.0f} MB | {difference:.0e} |"
        )
        print(lines[-1], flush=True)
    return lines


def force_step(*case: object) -> Callable[[], object]:
    """Forward, gradient in the positions, and backward through it into the weights."""
    module, (features, positions, edges) = layer(*case)
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
    lines, forces, harmonics = compare_layers(), compare_forces(), compare_harmonics()
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
