"""A training step of VN-DGCNN: ours beside the same network in plain PyTorch, with the same weights.

python benchmarks/shapes/vector_speed.py        # 32 clouds of 512 points, 20 neighbors
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent.parent))
from measure import machine, peak_megabytes
from plain_vector import PlainVectorDGCNN, cross_entropy

from intertwine.models import VectorDGCNN

CLASSES = 12


def clouds(count: int, points: int) -> Tensor:
    return torch.randn(count, points, 3, generator=torch.Generator().manual_seed(0))


def networks() -> tuple[VectorDGCNN, PlainVectorDGCNN]:
    torch.manual_seed(0)
    ours = VectorDGCNN("1x1o", f"{CLASSES}x0e", dropout=0.0)
    return ours, PlainVectorDGCNN(ours)


def ours_on(network: VectorDGCNN, points: Tensor) -> Tensor:
    batch = torch.arange(len(points)).repeat_interleave(points.shape[1])
    return network(None, points.flatten(0, 1), None, batch, len(points))


def difference() -> float:
    """Relative difference of the outputs in training, float64: rounding alone would change who is near to whom."""
    ours, plain = (network.double() for network in networks())
    points = clouds(4, 128).double()
    with torch.no_grad():
        expected = plain(points)
        return float((ours_on(ours, points) - expected).norm() / expected.norm())


def training_step(count: int, points: int, which: str) -> Callable[[], object]:
    """Forward, loss and backward."""
    given, (ours, plain) = clouds(count, points), networks()
    classes = torch.arange(count) % CLASSES
    network = ours if which == "ours" else plain

    def step() -> None:
        network.zero_grad()
        outputs = ours_on(ours, given) if which == "ours" else plain(given)
        cross_entropy(outputs, classes).backward()

    return step


def processor_seconds(function: Callable[[], object]) -> float:
    """Of all threads of this process: what others do on the machine counts little."""
    begun = time.process_time()
    function()
    return time.process_time() - begun


def compare_vector(count: int = 32, points: int = 512, repeats: int = 3) -> list[str]:
    """Lines of a table: seconds of a step, memory, and whether it is the same function."""
    found = difference()
    assert found < 1e-9, f"not the same function, relative difference {found:.1e}"
    steps = [training_step(count, points, which) for which in ("ours", "plain")]
    for step in steps:
        step()
    pairs = [tuple(processor_seconds(step) for step in steps) for _ in range(repeats)]
    memory = [peak_megabytes(training_step, count, points, which) for which in ("ours", "plain")]
    ours, plain, ratio = (median(x) for x in (*zip(*pairs, strict=True), [b / a for a, b in pairs]))
    return [
        f"| VN-DGCNN, {count} clouds of {points} points | {ours:.2f} s | {plain:.2f} s | {ratio:.1f}x "
        f"| {memory[0]:.0f} MB | {memory[1]:.0f} MB | {found:.0e} |"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clouds", type=int, default=32)
    parser.add_argument("--points", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    print(
        "| training step | ours | plain PyTorch | ratio | our peak | its peak | difference |",
        "|---" * 7 + "|",
        sep="\n",
    )
    print(*compare_vector(arguments.clouds, arguments.points, arguments.repeats), sep="\n")


if __name__ == "__main__":
    main()
