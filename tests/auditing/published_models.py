"""Five published networks in plain PyTorch, each with a defect that breaks its law.

All are called as ``model(features, positions, edges)`` with edges as source row over target row.
"""

import math
from typing import ClassVar

import torch
from torch import nn

CHANNELS = 4


def mlp(inputs, outputs, hidden=16):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs))


def summed(messages, target, count):
    return messages.new_zeros(count, *messages.shape[1:]).index_add(0, target, messages)


def radial_basis(lengths, count=8, cutoff=4.0):
    """Gaussians of the distance, ``(E, count)``."""
    centers = torch.linspace(0, cutoff, count, dtype=lengths.dtype)
    return torch.exp(-((lengths - centers) ** 2) * (count / cutoff))


class EGNN(nn.Module):
    """Satorras et al., E(n) Equivariant Graph Neural Networks, ICML 2021, eq. 3 to 6; returns (features, positions)."""

    stated = ("cloud: 4x0e", "cloud: 4x0e")
    defects: ClassVar = {"absolute": "translation", "componentwise": "rotation"}

    def __init__(self, defect=None):
        super().__init__()
        self.defect = defect
        self.edge, self.coordinate = mlp(2 * CHANNELS + 1, 16), mlp(16, 1)
        self.node = mlp(CHANNELS + 16, CHANNELS)

    def forward(self, features, positions, edges):
        source, target = edges
        arrows = positions[target] - positions[source]
        squares = arrows.square().sum(-1, keepdim=True)
        messages = self.edge(torch.cat([features[target], features[source], squares], -1))
        step = arrows.tanh() if self.defect == "componentwise" else arrows
        moved = positions + summed(step * self.coordinate(messages), target, len(positions)) / len(positions)
        if self.defect == "absolute":
            moved = moved * 1.01
        features = features + self.node(torch.cat([features, summed(messages, target, len(features))], -1))
        return features, moved


class SchNet(nn.Module):
    """Schuett et al., SchNet, NeurIPS 2017, section 4: continuous-filter convolutions, atom-wise layers, pooled."""

    stated = ("cloud: 4x0e", "1x0e")
    defects: ClassVar = {"ordered": "permutation", "coordinates": "rotation"}

    def __init__(self, defect=None):
        super().__init__()
        self.defect = defect
        self.before, self.after = nn.Linear(CHANNELS, 8), mlp(8, CHANNELS)
        self.filter, self.energy = mlp(8, 8), mlp(CHANNELS, 1)

    def forward(self, features, positions, edges):
        source, target = edges
        arrows = positions[source] - positions[target]
        lengths = arrows[:, :1].abs() if self.defect == "coordinates" else arrows.norm(dim=-1, keepdim=True)
        messages = self.before(features)[source] * self.filter(radial_basis(lengths))
        features = features + self.after(summed(messages, target, len(features)))
        energies = self.energy(features)
        if self.defect == "ordered":
            energies = energies * torch.linspace(0.9, 1.1, len(energies), dtype=energies.dtype)[:, None]
        return energies.sum(0)


class PaiNN(nn.Module):
    """Schuett et al., Equivariant message passing, ICML 2021, eq. 7 to 10; returns scalars and vectors."""

    stated = ("cloud: 4x0e", "points: 4x0e + 4x1o")
    defects: ClassVar = {"vector bias": "rotation", "softplus of vectors": "rotation"}

    def __init__(self, defect=None):
        super().__init__()
        self.defect = defect
        self.phi, self.filter = mlp(CHANNELS, 3 * CHANNELS), nn.Linear(8, 3 * CHANNELS)
        self.u, self.v = (nn.Linear(CHANNELS, CHANNELS, bias=False) for _ in range(2))
        self.update = mlp(2 * CHANNELS, 3 * CHANNELS)

    def forward(self, features, positions, edges):
        source, target = edges
        arrows = positions[source] - positions[target]
        lengths = arrows.norm(dim=-1, keepdim=True)
        weights = self.phi(features)[source] * self.filter(radial_basis(lengths))
        scalar, _, direction = weights.chunk(3, -1)
        features = features + summed(scalar, target, len(features))
        vectors = summed(direction[:, None] * (arrows / lengths)[..., None], target, len(features))  # (N, 3, C)
        if self.defect == "vector bias":
            vectors = vectors + 0.01
        if self.defect == "softplus of vectors":
            vectors = nn.functional.softplus(vectors)
        u, v = self.u(vectors), self.v(vectors)
        norms = (v.square().sum(1) + 1e-8).sqrt()
        a_vv, a_sv, a_ss = self.update(torch.cat([features, norms], -1)).chunk(3, -1)
        features = features + a_ss + a_sv * (u * v).sum(1)
        vectors = vectors + u * a_vv[:, None]
        return torch.cat([features, vectors.transpose(1, 2).flatten(1)], -1)


class GVP(nn.Module):
    """Jing et al., Geometric Vector Perceptrons, ICLR 2021, algorithm 1, summed over neighbors."""

    stated = ("cloud: 4x0e + 2x1o", "points: 4x0e + 2x1o")
    defects: ClassVar = {"gate by component": "rotation", "cross product": "rotation"}

    def __init__(self, defect=None):
        super().__init__()
        self.defect = defect
        self.hidden, self.out = nn.Linear(3, 5, bias=False), nn.Linear(5, 2, bias=False)
        self.scalars = nn.Linear(CHANNELS + 1 + 5, CHANNELS)

    def forward(self, features, positions, edges):
        source, target = edges
        scalars, vectors = features[:, :CHANNELS], features[:, CHANNELS:].unflatten(-1, (2, 3))
        arrows = positions[source] - positions[target]
        vectors = torch.cat([vectors[source], arrows[:, None]], 1)  # (E, 3 vectors, 3)
        hidden = self.hidden(vectors.transpose(1, 2))  # (E, 3, 5)
        norms = hidden.norm(dim=1)
        inputs = torch.cat([scalars[source], arrows.norm(dim=-1, keepdim=True), norms], -1)
        scalars = torch.relu(self.scalars(inputs))
        vectors = self.out(hidden).transpose(1, 2)  # (E, 2, 3)
        if self.defect == "gate by component":
            vectors = vectors * torch.sigmoid(vectors)
        elif self.defect == "cross product":
            vectors = vectors + torch.linalg.cross(vectors, arrows[:, None].expand_as(vectors))
        else:
            vectors = vectors * torch.sigmoid(vectors.norm(dim=-1, keepdim=True))
        return summed(torch.cat([scalars, vectors.flatten(1)], -1), target, len(features))


class TensorFieldNetwork(nn.Module):
    """Thomas et al., Tensor field networks, 2018, eq. 3: paths 0x0, 0x1, 1x0, 1x1 -> 0, 1 (with parity), written out.

    The real harmonics of degree 2 are in the order of e3nn, with the polar axis y.
    """

    stated = ("cloud: 3x0e + 3x1o", "points: 3x0e + 3x1o + 3x2e")
    defects: ClassVar = {"parity": "rotation", "normalization": "rotation", "trace": "rotation"}

    def __init__(self, defect=None):
        super().__init__()
        self.defect = defect
        self.radial = mlp(8, 6 * 3)

    def forward(self, features, positions, edges):
        source, target = edges
        scalars, vectors = features[:, :3], features[:, 3:].unflatten(-1, (3, 3))
        arrows = positions[source] - positions[target]
        lengths = arrows.norm(dim=-1, keepdim=True)
        unit = (arrows / lengths)[:, None]
        ss, vs, sv, vv, cross, tensor = self.radial(radial_basis(lengths)).unflatten(-1, (6, 3)).unbind(1)
        s, v = scalars[source], vectors[source]
        out_scalars = ss * s + vs * (v * unit).sum(-1)
        out_vectors = (sv * s)[..., None] * unit + vv[..., None] * v
        if self.defect == "parity":  # an axial vector among polar ones
            out_vectors = out_vectors + cross[..., None] * torch.linalg.cross(v, unit.expand_as(v))
        tensors = (tensor * s)[..., None] * self.harmonics(unit)
        messages = torch.cat([out_scalars, out_vectors.flatten(1), tensors.flatten(1)], -1)
        return summed(messages, target, len(features))

    def harmonics(self, unit):
        x, y, z = unit.unbind(-1)
        root = math.sqrt(2) if self.defect == "normalization" else math.sqrt(3)
        squares = 0.9 * z * z - x * x if self.defect == "trace" else z * z - x * x
        entries = [root * x * z, root * x * y, y * y - (x * x + z * z) / 2, root * y * z, root / 2 * squares]
        return torch.stack(entries, -1)


MODELS = [EGNN, SchNet, PaiNN, GVP, TensorFieldNetwork]
