"""Whose symmetry holds? The audit of a network written in plain PyTorch, and of one that only looks equivariant."""

import torch
from torch import nn

import intertwine as iw
from intertwine.actions import PointCloud, PointFeatures


class Pull(nn.Module):
    """Each point is pulled by its neighbors: equivariant, since only distances go through the network."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 1))

    def forward(self, features, positions, edges):
        source, target = edges
        offsets = positions[source] - positions[target]
        pulls = self.strength(self.scalar(offsets)) * offsets
        return torch.zeros_like(positions).index_add(0, target, pulls)

    def scalar(self, offsets):
        return offsets.square().sum(1, keepdim=True)


class Tilted(Pull):
    """The same with a mistake that is easy to overlook: the sum of the coordinates is no invariant."""

    def scalar(self, offsets):
        return offsets.sum(1, keepdim=True)


group = iw.O3()
clouds, forces = PointCloud(group.rep("1x0e")), PointFeatures(group.vector)
for network in (Pull(), Tilted()):
    report = iw.audit(network, clouds, forces)
    print(f"{type(network).__name__}: largest error {report.max_error:.1e}, passed: {report.passed}")

try:
    report.check(1e-5)  # one line for a test suite: the law that is broken, and the element that breaks it most
except iw.auditing.EquivarianceError as error:
    print(error)
