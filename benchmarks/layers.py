"""The steerable convolution and forces through it, beside e3nn and cuEquivariance with the same weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from measure import difference, largest, paired, peak_megabytes, table
from peers import CuEquivarianceConv, E3nnConv

from intertwine.groups import O3
from intertwine.nn import SteerableConv
from intertwine.ops import nearest_neighbours

CASES = [
    ("16x0e + 16x1o, 32 neighbours", "16x0e + 16x1o", 1, 32),
    ("the slides' layer, 32 channels to degree 2, 16 neighbours", "32x0e + 32x1o + 32x2e", 2, 16),
]
PEERS = {"e3nn": E3nnConv, "cuEquivariance": CuEquivarianceConv}
POINTS = 1024


def layer(rep: str, lmax: int, neighbours: int, which: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Our layer or a peer's with our weights, and an input."""
    torch.manual_seed(0)
    conv = SteerableConv(O3().rep(rep), O3().rep(rep), lmax=lmax, radial=(8, 64), cutoff=3.0, neighbours=neighbours)
    positions = torch.randn(POINTS, 3)
    inputs = (torch.randn(POINTS, conv.rep_in.dim), positions, nearest_neighbours(positions, neighbours))
    return PEERS[which](conv) if which in PEERS else conv, inputs


def training_step(rep: str, lmax: int, neighbours: int, which: str) -> Callable[[], object]:
    """Forward and backward into the weights and the features."""
    module, (features, *rest) = layer(rep, lmax, neighbours, which)
    features.requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(features, *rest).square().sum().backward()

    return step


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


def convolution() -> str:
    lines = []
    for name, *case in CASES:
        for peer in PEERS:
            (ours, inputs), (theirs, _) = (layer(*case, which) for which in ("ours", peer))
            wrong = difference(ours, theirs, inputs)
            steps = [training_step(*case, which) for which in ("ours", peer)]
            time = paired(*steps, repeats=3)
            memory = [peak_megabytes(training_step, *case, which) for which in ("ours", peer)]
            lines.append(
                f"| {name} | {peer} | {time.ours:.3f} s | {time.peer:.3f} s | {time.ratio:.1f}x | {memory[0]:.0f} MB "
                f"| {memory[1]:.0f} MB | {memory[1] / memory[0]:.0f}x | {wrong:.0e} | {largest(steps[0])} |"
            )
            print(lines[-1], flush=True)
    return f"""## The steerable convolution

{POINTS} points, weights from a network 8 -> 64 on the length of each edge; forward, and backward into weights and
features.

{table("layer|peer|ours|theirs|time|our peak|theirs|memory|difference|our largest item", lines)}"""


def forces() -> str:
    lines = []
    for name, *case in CASES:
        steps = [force_step(*case, which) for which in ("ours", "e3nn")]
        time = paired(*steps, repeats=5)
        lines.append(f"| {name} | {time.ours:.3f} s | {time.peer:.3f} s | {time.ratio:.1f}x | {largest(steps[0])} |")
        print(lines[-1], flush=True)
    return f"""## Forces

The same layers: forward, gradient in the positions, backward through it into the weights.

{table("layer|ours|e3nn|time|our largest item", lines)}"""
