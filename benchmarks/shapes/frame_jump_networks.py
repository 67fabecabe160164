"""The networks of `frame_jump.py`: one plain network, alone and seen through frames, and equivariant encoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from moving_clouds import POINTS, random_clouds
from torch import Tensor, nn

from intertwine._figures import BLUE, GRAY, GREEN, ORANGE, RED
from intertwine.groups import SO3
from intertwine.models import FrameAverage, LearnedFrame, PointEncoder, PrincipalFrame, VectorDGCNN
from intertwine.ops import knn_graph

OUT, NEAR, CHUNK = 8, 8, 100
PURPLE = "#7b5ea7"
Function = Callable[[Tensor], Tensor]


def every_pair(positions: Tensor) -> Tensor:
    """All points joined: no graph that could change."""
    return (~torch.eye(len(positions), dtype=torch.bool)).nonzero().T


def nearest(positions: Tensor) -> Tensor:
    """The nearest neighbors of each point."""
    return knn_graph(positions, NEAR)


def batched(network: nn.Module, graph: Callable[[Tensor], Tensor]) -> Function:
    """Clouds ``(B, N, 3)`` to the outputs of a network that takes features, positions, edges and batch."""

    def outputs(clouds: Tensor) -> Tensor:
        found = []
        for part in clouds.split(CHUNK):
            flat = part.flatten(0, 1)
            edges = torch.cat([graph(x) + k * POINTS for k, x in enumerate(part)], 1)
            batch = torch.arange(len(part)).repeat_interleave(POINTS)
            found.append(network(torch.cat([torch.ones_like(flat[:, :1]), flat], 1), flat, edges, batch, len(part)))
        return torch.cat(found)

    return outputs


def networks() -> dict[str, tuple[Function, str, str]]:
    """By name: the function in units of its spread between clouds, its color and stroke."""
    torch.manual_seed(0)
    ones = f"{OUT}x0e"
    options: dict[str, Any] = {"layers": 2, "cutoff": 6.0, "avg_num_neighbors": POINTS - 1, "pool": "mean"}
    made: dict[str, nn.Module] = {
        "plain": PointEncoder("1x0e + 1x1o", ones, layer="message", hidden="32x0e", **options)
    }
    reps = SO3().rep("1x0 + 1x1"), SO3().rep(f"{OUT}x0")
    looks = {name: options[name] for name in ("cutoff", "avg_num_neighbors")}
    made["PCA frame"] = PrincipalFrame(made["plain"], *reps)
    made["frame average"] = FrameAverage(made["plain"], *reps)
    made["learned frame, SO(3)"] = LearnedFrame(made["plain"], *reps, **looks)
    made["learned frame, O(3)"] = LearnedFrame(made["plain"], **looks)
    made["steerable"] = PointEncoder("1x0e + 1x1o", ones, hidden="16x0e + 8x1o + 4x2e", **options)
    made["vector neurons"] = PointEncoder("1x0e + 1x1o", ones, layer="vector", hidden="16x1o", **options)
    sizes: dict[str, Any] = {"widths": (8, 8), "embedding_dim": 16, "head": (32,), "dropout": 0.0}
    made[f"VN-DGCNN, {NEAR} nearest"] = VectorDGCNN("1x0e + 1x1o", ones, k=NEAR, **sizes)
    looks_of = {
        "plain": (GRAY, "--"),
        "PCA frame": (RED, "-"),
        "frame average": (ORANGE, "-"),
        "learned frame, SO(3)": (GREEN, "-"),
        "learned frame, O(3)": (GREEN, ":"),
        "steerable": (BLUE, "-"),
        "vector neurons": (PURPLE, "-"),
        f"VN-DGCNN, {NEAR} nearest": (PURPLE, ":"),
    }
    others = random_clouds(64, torch.Generator().manual_seed(3))
    found = {name: (standardized(network, every_pair, others), *looks_of[name]) for name, network in made.items()}
    found[f"steerable, {NEAR} nearest"] = (standardized(made["steerable"], nearest, others), BLUE, ":")
    return found


def standardized(network: nn.Module, graph: Callable[[Tensor], Tensor], others: Tensor) -> Function:
    """The outputs over their standard deviation between other clouds, after these have filled the batch statistics."""
    outputs = batched(network.double().train(), graph)
    with torch.no_grad():
        for _ in range(30 if any("running" in name for name, _ in network.named_buffers()) else 0):
            outputs(others)
        network.eval()
        spread = outputs(others).std(0)
    return torch.no_grad()(lambda clouds: outputs(clouds) / spread)
