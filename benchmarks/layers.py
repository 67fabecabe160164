"""The steerable convolution and forces through it, beside e3nn, cuEquivariance and e3nn-jax with the same weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import pi
from statistics import median
from typing import Any

import torch
from environments import JaxStep
from measure import busy_processor, difference, in_turn, largest, peak_megabytes, seconds, table
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
    """Forward and backward of a layer into the weights and the features."""
    return training(*layer(*case))


def training(module: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], object]:
    """The same of a module and an input."""
    features, *rest = inputs
    features.requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(features, *rest).square().sum().backward()

    return step


def forces_of(module: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], object]:
    """Forward, gradient in the positions, and backward through it into the weights."""
    features, positions, edges = inputs
    positions.requires_grad_()

    def step() -> None:
        module.zero_grad()
        energy = module(features, positions, edges).square().sum()
        (forces,) = torch.autograd.grad(energy, positions, create_graph=True)
        forces.square().sum().backward()

    return step


STEPS = {"training": training, "forces": forces_of}
NAMES = ["e3nn", "e3nn compiled", "cuEquivariance", "e3nn-jax"]
THREADS = [1, 2]


def in_seconds(step: Callable[[], object]) -> Callable[[], float]:
    """A step that gives its own seconds."""
    return lambda: seconds(step)


def compiled_step(kind: str, case: tuple[Any, ...]) -> tuple[Callable[[], object], float]:
    """The step of e3nn under `torch.compile`, after an equality check, and the seconds of compiling."""
    torch._dynamo.reset()  # code for another number of threads
    module, (features, *rest) = layer(*case, "e3nn")
    program = torch.compile(module)
    begun = time.perf_counter()
    difference(program, module, (features, *rest))
    step = STEPS[kind](program, (features, *rest))
    step()
    return step, time.perf_counter() - begun


def peers_in_turn(kind: str, name: str, case: tuple[Any, ...], threads: int) -> list[str]:
    """One row: ours and every peer in turn, on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    (ours, inputs), (eager, _) = layer(*case, "ours"), layer(*case, "e3nn")
    wrong = difference(ours, eager, inputs)
    steps = {"ours": STEPS[kind](*layer(*case, "ours")), "e3nn": STEPS[kind](*layer(*case, "e3nn"))}
    if kind == "training":
        steps |= {
            peer: STEPS[kind](*layer(*case, peer)) for family, peer in PEERS if family is case[0] and peer not in steps
        }
        steps["e3nn compiled"], compiling = compiled_step(kind, case)
    times = {peer: in_seconds(step) for peer, step in steps.items()}
    with JaxStep(eager, inputs, kind, threads) as jax:
        assert (jax.output - eager(*inputs)).norm() < 1e-5 * jax.output.norm(), "e3nn-jax: not the same function"
        medians = in_turn(times | {"e3nn-jax": jax}, repeats=3)
        with busy_processor():
            beside = median(seconds(steps["ours"]) for _ in range(3))
    torch.set_num_threads(before)
    ours_time = medians.pop("ours")
    best = min(medians, key=lambda peer: medians[peer])
    columns = [f"{medians[peer]:.3f} s" if peer in medians else "" for peer in NAMES]
    compile_times = [f"{compiling:.0f} s" if kind == "training" else "does not", f"{jax.compile_seconds:.0f} s"]
    ratio = f"{medians[best] / ours_time:.1f}x {best}"
    row = [name, str(threads), f"{ours_time:.3f} s", *columns, ratio, *compile_times, f"{beside:.3f} s"]
    return [*row, f"{wrong:.0e}", largest(steps["ours"])]


def rows(kind: str) -> list[str]:
    """Every layer on one thread and on two."""
    lines = []
    for name, *case in FULL + DEPTHWISE:
        for threads in THREADS:
            lines.append(f"| {' | '.join(peers_in_turn(kind, name, tuple(case), threads))} |")
            print(lines[-1], flush=True)
    return lines


HEADS = (
    f"layer|threads|ours|{'|'.join(NAMES)}|best peer over ours|e3nn compiles in|e3nn-jax compiles in"
    "|ours beside a busy processor|difference|our largest item"
)


def convolution() -> str:
    lines = rows("training")
    peaks = []
    for name, *case in FULL + DEPTHWISE:
        memory = [peak_megabytes(training_step, *case, which) for which in ("ours", "e3nn")]
        peaks.append(f"| {name} | {memory[0]:.0f} MB | {memory[1]:.0f} MB | {memory[1] / memory[0]:.0f}x |")
        print(peaks[-1], flush=True)
    return f"""## The steerable convolution

{POINTS} points, weights from a network 8 -> 64 on the length of each edge; forward, and backward into weights and
features. Peers: e3nn as it is, under `torch.compile` (inductor), cuEquivariance, e3nn-jax (jitted, in a process of its
own with the same weights).

{table(HEADS, lines)}

{table("layer|our peak|e3nn's|memory", peaks)}"""


def forces() -> str:
    return f"""## Forces

The same layers: forward, gradient in the positions, backward through it into the weights. `torch.compile` does not
differentiate twice.

{table(HEADS, rows("forces"))}"""
