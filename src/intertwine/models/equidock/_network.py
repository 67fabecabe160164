"""EquiDock's network: IEGMN layers, keypoints by attention, and the rigid motion that aligns the keypoints."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.models.equidock._layer import IEGMNLayer
from intertwine.models.equidock._residue_graph import SURFACE_SCALES, ResidueGraph
from intertwine.ops import RigidMotion, rigid_alignment


class DockedPose(NamedTuple):
    """A predicted motion of the ligand onto the receptor, and what it was found from.

    Attributes:
        motion: Of the ligand.
        keypoints: ``(keypoints, 3)`` of both, as given.
        attention: ``(residues,)`` of both: the logarithm of the mean over keypoints of the attention to a residue.
    """

    motion: RigidMotion
    keypoints: tuple[Tensor, Tensor]
    attention: tuple[Tensor, Tensor]


class EquiDock(nn.Module):
    r"""Rigid docking without a search.

    After the layers, K attention heads read from each protein the residues that should touch the other one:

    .. math:: y_{1k} = \sum_i \operatorname{softmax}_i \Bigl( \tfrac{1}{\sqrt d} \, h_{1i}^T W_k \,
        \operatorname{mean}_j \phi(h_{2j}) \Bigr) z_{1i}

    and likewise :math:`y_{2k}`; the motion is :func:`intertwine.ops.rigid_alignment` of the keypoints. Its derivative
    is safe where singular values coincide, so nothing has to be added to the covariance, and equivariance is exact.

    Args:
        residue_types: How many there are.
        hidden: Channels.
        layers: The first has its own weights; the others share theirs if ``shared``.
        keypoints: K.
        shared: Whether the layers after the first share their weights.
        dropout: Share of the features before each layer, and before the keypoints, that are left out in training. Not
            of the published network.

    Raises:
        UsageError: If a number is not positive.

    Law:
        ``T(g1 X1, g2 X2) = g2 T(X1, X2) g1^-1`` for motions g1 and g2, and ``T(X2, X1) = T(X1, X2)^-1``.

    References:
        Ganea et al., Independent SE(3)-equivariant models for end-to-end rigid protein docking, ICLR 2022.
    """

    def __init__(
        self,
        residue_types: int = 21,
        hidden: int = 64,
        layers: int = 5,
        keypoints: int = 50,
        *,
        shared: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(residue_types, hidden, layers, keypoints) < 1:
            raise UsageError("EquiDock expects at least one residue type, channel, layer and keypoint")
        self.embedding = nn.Embedding(residue_types, hidden)
        initial = hidden + len(SURFACE_SCALES)
        self.first = IEGMNLayer(initial, hidden, initial)
        rest = [IEGMNLayer(hidden, hidden, initial) for _ in range(min(1, layers - 1) if shared else layers - 1)]
        self.rest = nn.ModuleList(rest)
        self.layers = layers
        self.dropout = nn.Dropout(dropout)
        self.summary = nn.Sequential(nn.Linear(hidden, hidden), nn.LeakyReLU(0.01))
        self.heads = nn.Parameter(torch.randn(keypoints, hidden, hidden) / math.sqrt(hidden))

    def forward(self, ligand: ResidueGraph, receptor: ResidueGraph) -> DockedPose:
        """The motion of the ligand and the keypoints of both.

        Args:
            ligand: A protein.
            receptor: Another.

        Returns:
            A rotation ``(3, 3)``, a translation ``(3,)``, keypoints ``(keypoints, 3)`` and the attention to the
            residues ``(residues,)`` of each.
        """
        given = ligand, receptor
        centers = tuple(graph.positions.mean(0) for graph in given)
        centered = [replace(g, positions=g.positions - c) for g, c in zip(given, centers, strict=True)]
        graphs = centered[0], centered[1]
        initial = self._thinned((self._initial(graphs[0]), self._initial(graphs[1])))
        features, positions = self.first(graphs, initial, (graphs[0].positions, graphs[1].positions), initial)
        for k in range(self.layers - 1):
            features, positions = self.rest[k % len(self.rest)](graphs, self._thinned(features), positions, initial)
        features = self._thinned(features)
        attention_1, keypoints_1 = self._keypoints(features[0], features[1], positions[0])
        attention_2, keypoints_2 = self._keypoints(features[1], features[0], positions[1])
        rotation, shift = rigid_alignment(keypoints_1.double(), keypoints_2.double())
        translation = shift + centers[1] - rotation @ centers[0].double()
        motion = RigidMotion(rotation.to(centers[0]), translation.to(centers[0]))
        return DockedPose(motion, (keypoints_1 + centers[0], keypoints_2 + centers[1]), (attention_1, attention_2))

    def _initial(self, graph: ResidueGraph) -> Tensor:
        return torch.cat([self.embedding(graph.residue_types), graph.surface], dim=1)

    def _thinned(self, features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return self.dropout(features[0]), self.dropout(features[1])

    def _keypoints(self, features: Tensor, other: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        query = self.heads @ self.summary(other).mean(0)
        attention = torch.log_softmax(features @ query.mT / math.sqrt(features.shape[1]), dim=0)
        return attention.logsumexp(1) - math.log(len(self.heads)), attention.exp().mT @ positions
