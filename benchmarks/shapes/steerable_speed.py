"""A training step of the steerable encoder: ours beside the same network written with e3nn, with the same weights.

python benchmarks/shapes/steerable_speed.py        # 32 clouds of 512 points, 16 neighbors
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent))
from measure import machine, peak_megabytes

from intertwine.models import PointEncoder
from intertwine.nn import Gate, Linear, SteerableConv, e3nn_weights
from intertwine.nn.nonlinear import SIGMOID_GAIN, SILU_GAIN
from intertwine.ops import bessel_basis, knn_graph, smooth_cutoff

HIDDEN, LAYERS, LMAX, CUTOFF = "16x0e + 8x1o + 4x2e", 2, 2, 0.6
RADIAL = {"8 radial functions": (), "8 radial functions, 64 hidden": (64,)}
Inputs = tuple[Tensor, Tensor, Tensor]


class E3nnEncoder(nn.Module):
    """Embedding, convolutions with gates, read-out; harmonics and radial bases of the edges are found once.

    Args:
        ours: Where the weights come from.
    """

    def __init__(self, ours: PointEncoder) -> None:
        super().__init__()
        self.basis = ours.interaction_config.radial_basis
        self.embed = linear(ours.embed)
        self.steps = nn.ModuleList(E3nnStep(step) for step in ours.interactions)
        first, gate, last = ours.readout
        self.readout = nn.Sequential(linear(first, gate), gated(gate), linear(last))

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor) -> Tensor:
        """``(N, rep_out.dim)``."""
        vectors = positions[edges[0]] - positions[edges[1]]
        lengths = vectors.norm(dim=-1)
        basis, ended = bessel_basis(lengths, CUTOFF, self.basis), smooth_cutoff(lengths, CUTOFF)[:, None]
        degrees = list(range(LMAX + 1))
        harmonics = o3.spherical_harmonics(degrees, vectors, normalize=True, normalization="component")
        hidden = self.embed(features)
        for step in self.steps:
            hidden = hidden + step(hidden, harmonics, basis, ended, edges)
        result: Tensor = self.readout(hidden)
        return result


class E3nnStep(nn.Module):
    """linear(gate(sum over neighbors of tensor products + linear))."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        conv: SteerableConv = ours.conv
        irreps_in, irreps_out = o3.Irreps(str(conv.rep_in)), o3.Irreps(str(conv.rep_out))
        harmonics = o3.Irreps.spherical_harmonics(LMAX)
        self.product = o3.FullyConnectedTensorProduct(irreps_in, harmonics, irreps_out, shared_weights=False)
        self.radial, self.scale = copy.deepcopy(conv.radial.network), conv.avg_num_neighbors**-0.5
        self.weights = nn.Parameter(regated(e3nn_weights(conv), self.product.instructions, ours.gate))
        self.own, self.mix = linear(ours.self_interaction, ours.gate), linear(ours.mix)
        self.gate = gated(ours.gate)

    def forward(self, hidden: Tensor, harmonics: Tensor, basis: Tensor, ended: Tensor, edges: Tensor) -> Tensor:
        """``(N, dim)``."""
        weights = (self.radial(basis) * ended * self.scale) @ self.weights
        messages = self.product(hidden[edges[0]], harmonics, weights)
        summed = torch.zeros(len(hidden), messages.shape[1], dtype=messages.dtype).index_add(0, edges[1], messages)
        result: Tensor = self.mix(self.gate(summed + self.own(hidden)))
        return result


def linear(ours: Linear, gate: Gate | None = None) -> o3.Linear:
    """e3nn's linear map with our weights; its invariants in the order of e3nn's gate, where one follows."""
    irreps_in, irreps_out = o3.Irreps(str(ours.rep_in)), o3.Irreps(str(ours.rep_out))
    theirs, shift = o3.Linear(irreps_in, irreps_out, biases=ours.bias is not None), gates_of(gate) if gate else 0
    paths, parts = [path for path in theirs.instructions if path.i_in >= 0], []
    for path, weight in zip(paths, ours.weights, strict=True):  # each irrep occurs once, so there is one order
        assert tuple(weight.shape[1:]) == path.path_shape, "a path of ours for each of theirs"
        matrix = weight[0].detach() / path.path_weight
        parts.append(matrix.roll(-shift, -1) if path.i_out == 0 else matrix)
    with torch.no_grad():
        theirs.weight.copy_(torch.cat([part.flatten() for part in parts]))
        if ours.bias is not None:
            theirs.bias.copy_(ours.bias.roll(-shift))
    return theirs


def gated(ours: Gate) -> e3nn_nn.Gate:
    """e3nn's gate: invariants, then gates, then what is gated; its constants by our integrals, not by sampling."""
    irreps = o3.Irreps(str(ours.rep_out))
    scalars, rest = irreps[:1], irreps[1:]
    gates = o3.Irreps(f"{rest.num_irreps}x0e")
    gate = e3nn_nn.Gate(scalars, [torch.nn.functional.silu], gates, [torch.sigmoid], rest)
    for activation, constant in ((gate.act_scalars, SILU_GAIN), (gate.act_gates, SIGMOID_GAIN)):
        activation.acts[0].cst = constant
    return gate


def gates_of(gate: Gate) -> int:
    """How many of the invariants that go in are gates: ours stand first, e3nn's last."""
    rest: int = o3.Irreps(str(gate.rep_out))[1:].num_irreps
    return rest


def regated(weights: Tensor, instructions: list[o3.Instruction], gate: Gate) -> Tensor:
    """The weights of all paths, ``(H, weight_numel)``, those to invariants in the order of e3nn's gate."""
    parts, start = [], 0
    for path in instructions:
        copies_in, _, copies_out = path.path_shape
        part = weights[:, start : start + copies_in * copies_out].unflatten(1, (copies_in, copies_out))
        parts.append((part.roll(-gates_of(gate), -1) if path.i_out == 0 else part).flatten(1))
        start += copies_in * copies_out
    return torch.cat(parts, 1)


def clouds(count: int, points: int, neighbors: int, dtype: torch.dtype = torch.float32) -> Inputs:
    """Points on spheres with (1, position) as features, and their nearest neighbors."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(count * points, 3, generator=generator, dtype=torch.float64)
    positions = positions / positions.norm(dim=1, keepdim=True)
    batch = torch.arange(count).repeat_interleave(points)
    edges = knn_graph(positions, neighbors, batch)
    positions = positions.to(dtype)
    return torch.cat([torch.ones_like(positions[:, :1]), positions], 1), positions, edges


def network(radial: str, which: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Ours, or e3nn's with our weights; e3nn's constants have the default dtype of their construction."""
    torch.manual_seed(0)
    ours = PointEncoder(
        "1x0e + 1x1o",
        "64x0e",
        hidden=HIDDEN,
        layers=LAYERS,
        lmax=LMAX,
        radial_hidden=RADIAL[radial],
        cutoff=CUTOFF,
        pool=None,
    ).to(dtype)
    if which == "ours":
        return ours
    torch.set_default_dtype(dtype)
    try:
        return E3nnEncoder(ours)
    finally:
        torch.set_default_dtype(torch.float32)


def difference(radial: str) -> float:
    """Relative difference of the outputs and of the gradients in the features, float64."""
    found = []
    for which in ("ours", "e3nn"):
        features, positions, edges = clouds(2, 64, 16, torch.float64)
        outputs = network(radial, which, torch.float64)(features.requires_grad_(), positions, edges)
        (gradient,) = torch.autograd.grad(outputs.square().sum(), features)
        found.append((outputs.detach(), gradient))
    return max(float((a - b).norm() / b.norm()) for a, b in zip(*found, strict=True))


def training_step(radial: str, which: str, *size: int) -> Callable[[], object]:
    """Forward and backward into the weights."""
    inputs, module = clouds(*size), network(radial, which)

    def step() -> None:
        module.zero_grad()
        module(*inputs).square().mean().backward()

    return step


def processor_seconds(radial: str, which: str, repeats: int, *size: int) -> float:
    """Median over the steps, after two to warm up: of all threads of the process, so that others count little."""
    torch.set_num_threads(1)
    step = training_step(radial, which, *size)
    step(), step()
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        step()
        found.append(time.process_time() - begun)
    return median(found)


def alone(radial: str, which: str, repeats: int, *size: int) -> tuple[float, float]:
    """Seconds of a step and megabytes, each in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        seconds = pool.submit(processor_seconds, radial, which, repeats, *size).result()
    return seconds, peak_megabytes(training_step, radial, which, *size)


def compare(radial: str, repeats: int, *size: int) -> str:
    """A line of the table."""
    found = difference(radial)
    assert found < 1e-9, f"not the same function, relative difference {found:.1e}"
    (ours, our_peak), (theirs, their_peak) = (alone(radial, which, repeats, *size) for which in ("ours", "e3nn"))
    return (
        f"| {radial} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f}x | {our_peak:.0f} MB | {their_peak:.0f} MB "
        f"| {their_peak / our_peak:.1f}x | {found:.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("clouds", 32), ("points", 512), ("neighbors", 16), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    print(f"{arguments.clouds} clouds of {arguments.points} points, {arguments.neighbors} neighbors each")
    heads = ("training step", "ours", "e3nn", "ratio", "our peak", "e3nn's peak", "ratio", "difference")
    print(f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", sep="\n")
    for radial in RADIAL:
        print(compare(radial, arguments.repeats, arguments.clouds, arguments.points, arguments.neighbors), flush=True)


if __name__ == "__main__":
    main()
