"""The steerable convolution and forces through it, beside e3nn and cuEquivariance with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import torch
from measure import difference, largest, paired, peak_megabytes, table
from peers import CuEquivarianceConv, E3nnConv, E3nnDepthwise
from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn import DepthwiseConv, SteerableConv
from intertwine.ops import knn_graph, radius_graph

FULL = [
    ("16x0e + 16x1o, 32 neighbors", SteerableConv, "16x0e + 16x1o", 1, 32),
    ("the slides' layer, 32 channels to degree 2, 16 neighbors", SteerableConv, "32x0e + 32x1o + 32x2e", 2, 16),
]
DEPTHWISE = [
    ("depthwise, 64 channels to degree 3, about 30 neighbors", DepthwiseConv, "64x0e+64x1o+64x2e+64x3o", 3, 30),
]
PEERS = {
    (SteerableConv, "e3nn"): E3nnConv,
    (SteerableConv, "cuEquivariance"): CuEquivarianceConv,
    (DepthwiseConv, "e3nn"): E3nnDepthwise,
}
POINTS = 1024
Layer = type[SteerableConv] | type[DepthwiseConv]


def layer(kind: Layer, rep: str, lmax: int, neighbors: int, which: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Our layer or a peer's with our weights, and an input."""
    torch.manual_seed(0)
    conv = kind(
        O3().rep(rep),
        O3().rep(rep),
        lmax=lmax,
        radial_basis=8,
        radial_hidden=(64,),
        cutoff=3.0,
        avg_num_neighbors=neighbors,
    )
    positions, edges = (cloud if kind is SteerableConv else ragged)(neighbors)
    peer = PEERS.get((kind, which))
    return conv if peer is None else peer(conv), (torch.randn(POINTS, conv.rep_in.dim), positions, edges)


def cloud(neighbors: int) -> tuple[Tensor, Tensor]:
    """Points with equally many neighbors each."""
    positions = torch.randn(POINTS, 3)
    return positions, knn_graph(positions, neighbors)


def ragged(neighbors: int, cutoff: float = 3.0) -> tuple[Tensor, Tensor]:
    """Points in a box with so many neighbors on average; those on the surface have fewer."""
    density = 1.35 * neighbors / (4 / 3 * pi * cutoff**3)
    positions = torch.rand(POINTS, 3) * (POINTS / density) ** (1 / 3)
    return positions, radius_graph(positions, cutoff)


def training_step(*case: Any) -> Callable[[], object]:
    """Forward and backward into the weights and the features."""
    module, (features, *rest) = layer(*case)
    features.requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(features, *rest).square().sum().backward()

    return step


def force_step(*case: Any) -> Callable[[], object]:
    """Forward, gradient in the positions, and backward through it into the weights."""
    module, (features, positions, edges) = layer(*case)
    positions.requires_grad_()

    def step() -> None:
        module.zero_grad()
        energy = module(features, positions, edges).square().sum()
        (forces,) = torch.autograd.grad(energy, positions, create_graph=True)
        forces.square().sum().backward()

    return step


def convolution() -> str:
    lines = []
    for name, *case in FULL + DEPTHWISE:
        for peer in (peer for kind, peer in PEERS if kind is case[0]):
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
    for name, *case in FULL + DEPTHWISE:
        steps = [force_step(*case, which) for which in ("ours", "e3nn")]
        time = paired(*steps, repeats=3)
        lines.append(f"| {name} | {time.ours:.3f} s | {time.peer:.3f} s | {time.ratio:.1f}x | {largest(steps[0])} |")
        print(lines[-1], flush=True)
    return f"""## Forces

The same layers: forward, gradient in the positions, backward through it into the weights.

{table("layer|ours|e3nn|time|our largest item", lines)}"""
