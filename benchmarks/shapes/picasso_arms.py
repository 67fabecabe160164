"""The networks of `picasso.py`: all know which wire a point belongs to, and see its position from the center."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.models import PointEncoder, PointNet, ScalarBatchNorm, VectorDGCNN
from intertwine.nn import NormInvariants
from intertwine.tasks.clouds import layer


class Whole(nn.Module):
    """Equivariant features of the whole cloud, pooled as they are; their lengths, and a plain network, come last.

    y = MLP(|mean_i encoder(x)_i|)
    """

    def __init__(self, parts: int, points: int, classes: int, *, out: str, head: int, **options: Any) -> None:
        super().__init__()
        self.names = torch.eye(parts).repeat_interleave(points, 0)
        self.encoder = PointEncoder(
            f"{parts}x0e + 1x1o", out, layers=2, cutoff=4.0, avg_num_neighbors=points - 1, pool="mean", **options
        )
        self.lengths = NormInvariants(self.encoder.rep_out)
        channels = self.seen(self.lengths.rep_out.dim, parts)
        self.head = nn.Sequential(
            ScalarBatchNorm(channels, eps=1e-8, momentum=0.3), *layer(channels, head), nn.Linear(head, classes)
        )

    def seen(self, channels: int, parts: int) -> int:
        """How many numbers the plain network sees."""
        return channels

    def encoded(self, positions: Tensor, edges: Tensor, structures: int) -> Tensor:
        """The pooled invariants of equally large structures, ``(structures, channels)``; edges ``(n, 2, E)``."""
        size = positions.shape[0] // structures
        features = torch.cat([self.names.repeat(len(positions) // len(self.names), 1), positions], 1)
        batch = torch.arange(structures).repeat_interleave(size)
        return self.lengths(self.encoder(features, positions, joined(edges, size), batch, structures))

    def forward(self, clouds: Tensor, edges: Tensor) -> Tensor:
        """Classify ``(B, N, 3)``."""
        return self.head(self.encoded(clouds.flatten(0, 1), edges, len(clouds)))


class PartByPart(Whole):
    """The same encoder on each wire alone: one invariant code a wire, beside the distances between their centers."""

    def seen(self, channels: int, parts: int) -> int:
        self.parts = parts
        self.pairs = torch.triu_indices(parts, parts, 1)
        return parts * channels + self.pairs.shape[1]

    def forward(self, clouds: Tensor, edges: Tensor) -> Tensor:
        """Classify ``(B, N, 3)``; every point of a wire sees all others of it."""
        wires = clouds.unflatten(1, (self.parts, -1))
        centers = wires.mean(2)
        size = wires.shape[2]
        inside = (~torch.eye(size, dtype=torch.bool)).nonzero().T.expand(len(clouds) * self.parts, -1, -1)
        codes = self.encoded((wires - centers[:, :, None]).flatten(0, 2), inside, len(inside))
        first, second = self.pairs
        distances = (centers[:, first] - centers[:, second]).norm(dim=-1)
        return self.head(torch.cat([codes.view(len(clouds), -1), distances], 1))


class Network(nn.Module):
    """A network of `intertwine.models` that finds its neighbors itself and has a head of its own."""

    def __init__(self, parts: int, points: int, classes: int, *, kind: Any, **options: Any) -> None:
        super().__init__()
        self.names = torch.eye(parts).repeat_interleave(points, 0)
        self.network = kind(f"{parts}x0e + 1x1o", f"{classes}x0e", dropout=0.0, **options)

    def forward(self, clouds: Tensor, edges: Tensor) -> Tensor:
        """Classify ``(B, N, 3)``."""
        features = torch.cat([self.names.expand(len(clouds), -1, -1), clouds], 2).flatten(0, 1)
        batch = torch.arange(len(clouds)).repeat_interleave(clouds.shape[1])
        return self.network(features, clouds.flatten(0, 1), None, batch, len(clouds))


def joined(edges: Tensor, size: int) -> Tensor:
    """The edges ``(n, 2, E)`` of n structures of equal size as those of one graph, ``(2, n E)``."""
    shifts = size * torch.arange(len(edges))
    return (edges + shifts[:, None, None]).transpose(0, 1).flatten(1)


class Arm(NamedTuple):
    """How a network is made, of (parts, points, classes); epochs, and whether every cloud is turned anew in each."""

    make: Callable[[int, int, int], nn.Module]
    epochs: int
    augment: bool = False


_TENSORS: dict[str, Any] = {"layer": "steerable", "hidden": "16x0e+8x1o+4x2e", "out": "16x0e+16x1o+8x2e"}
_MESSAGE: dict[str, Any] = {"layer": "message", "hidden": "40x0e", "width": 40, "out": "32x0e"}

ARMS = {
    "steerable": Arm(partial(Whole, head=32, **_TENSORS), 20),
    "vector": Arm(partial(Whole, head=32, layer="vector", hidden="48x1o", out="48x1o"), 30),
    "vector-dgcnn": Arm(partial(Network, kind=VectorDGCNN, widths=(16, 16), embedding_dim=48, k=8, head=(32,)), 60),
    "part-invariant": Arm(partial(PartByPart, head=12, **_TENSORS), 20),
    "message, SO3": Arm(partial(Whole, head=32, **_MESSAGE), 80, augment=True),
    "pointnet, SO3": Arm(
        partial(Network, kind=PointNet, widths=(48, 48, 64), embedding_dim=128, head=(64,)), 80, augment=True
    ),
}
