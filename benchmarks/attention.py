"""One attention layer beside the same in plain e3nn, with the same weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from measure import difference, largest, paired, peak_megabytes, table
from peers import E3nnAttention

from intertwine.groups import O3
from intertwine.nn import SteerableAttention
from intertwine.ops import knn_graph

CASES = [
    ("32 channels to degree 1, 4 heads", "32x0e + 32x1o", 4, (8, 64)),
    ("32 channels to degree 2, 4 heads", "32x0e + 32x1o + 32x2e", 4, (8, 64)),
    ("32x0e + 16x1o + 8x2e, 4 heads, 8 radial functions", "32x0e + 16x1o + 8x2e", 4, (8,)),
]
POINTS, NEIGHBORS = 1024, 16


def layer(
    rep: str, heads: int, radial: tuple[int, ...], which: str
) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Our layer or e3nn's with our weights, and an input."""
    torch.manual_seed(0)
    irreps = O3().rep(rep)
    attend = SteerableAttention(
        irreps,
        irreps,
        heads=heads,
        radial_basis=radial[0],
        radial_hidden=radial[1:],
        cutoff=3.0,
        avg_num_neighbors=NEIGHBORS,
    )
    positions = torch.randn(POINTS, 3)
    inputs = (torch.randn(POINTS, irreps.dim), positions, knn_graph(positions, NEIGHBORS))
    return attend if which == "ours" else E3nnAttention(attend), inputs


def training_step(rep: str, heads: int, radial: tuple[int, ...], which: str) -> Callable[[], object]:
    """Forward and backward into the weights and the features."""
    module, (features, *rest) = layer(rep, heads, radial, which)
    features.requires_grad_()

    def step() -> None:
        module.zero_grad()
        module(features, *rest).square().sum().backward()

    return step


def attention() -> str:
    lines = []
    for name, *case in CASES:
        (ours, inputs), (theirs, _) = (layer(*case, which) for which in ("ours", "e3nn"))
        wrong = difference(ours, theirs, inputs)
        steps = [training_step(*case, which) for which in ("ours", "e3nn")]
        time = paired(*steps, repeats=3)
        memory = [peak_megabytes(training_step, *case, which) for which in ("ours", "e3nn")]
        lines.append(
            f"| {name} | {time.ours:.3f} s | {time.peer:.3f} s | {time.ratio:.1f}x | {memory[0]:.0f} MB "
            f"| {memory[1]:.0f} MB | {memory[1] / memory[0]:.0f}x | {wrong:.0e} | {largest(steps[0])} |"
        )
        print(lines[-1], flush=True)
    return f"""## Attention with steerable keys and values

{POINTS} points, {NEIGHBORS} neighbors, harmonics to degree 2; forward, and backward into weights and features.

{table("layer|ours|e3nn|time|our peak|e3nn's|memory|difference|our largest item", lines)}"""
