"""Small networks whose symmetry is known."""

import pytest
import torch
from torch import nn

from intertwine.groups import O3
from intertwine.reps import Rep


class Scalars(nn.Module):
    """Message passing on scalars and vectors, O(3)-equivariant, with a leak into the x axis on request."""

    def __init__(self, channels: int = 3, leak: float = 0.0) -> None:
        super().__init__()
        self.rep_in = self.rep_out = O3().rep(f"{channels}x0e + {channels}x1o")
        self.channels, self.leak = channels, leak
        self.weights = nn.Sequential(nn.Linear(2 * channels + 1, 16), nn.SiLU(), nn.Linear(16, 3 * channels))

    def forward(self, features, positions, edges):
        c = self.channels
        scalars, vectors = features[:, :c], features[:, c:].unflatten(-1, (c, 3))
        source, target = edges
        arrows = positions[source] - positions[target]
        invariants = [scalars[source], vectors[target].square().sum(-1), arrows.norm(dim=-1, keepdim=True)]
        a, b, d = self.weights(torch.cat(invariants, -1)).chunk(3, -1)
        vectors = vectors.index_add(0, target, b[..., None] * arrows[:, None] + d[..., None] * vectors[source])
        scalars = scalars.index_add(0, target, a)
        axis = torch.tensor([1.0, 0.0, 0.0]).to(vectors)
        vectors = vectors + self.leak * axis * vectors.norm(dim=-1, keepdim=True)
        return torch.cat([scalars, vectors.flatten(1)], -1) / 10


class Network(nn.Module):
    """Three layers on points, then per point or pooled."""

    def __init__(self, leak: float = 0.0, pooled: bool = False) -> None:
        super().__init__()
        self.first, self.middle, self.last = Scalars(), Scalars(leak=leak), Scalars()
        self.pooled = pooled

    def forward(self, features, positions, edges, batch=None, structures=1):
        for layer in (self.first, self.middle, self.last):
            features = layer(features, positions, edges)
        if not self.pooled:
            return features
        batch = torch.zeros(len(features), dtype=torch.int64) if batch is None else batch
        return features.new_zeros(structures, features.shape[-1]).index_add(0, batch, features)


@pytest.fixture
def rep() -> Rep:
    return O3().rep("3x0e + 3x1o")


@pytest.fixture
def network():
    def make(**options) -> Network:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Network(**options)

    return make
