"""Proteins as the network takes them: backbones of whole residues, graphs, and the interface of a complex."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from intertwine.actions import Maps, PairAction, PointCloud
from intertwine.groups import SO3
from intertwine.models.equidock import DockedPose, EquiDock, ResidueGraph, face, residue_graph, separate
from intertwine.ops import RigidMotion
from intertwine.tasks.dock import Structure
from intertwine.tasks.dock.equidock._backbone import TYPES, backbone
from intertwine.tasks.dock.equidock._complexes import CONTACT, Complex

_REP = f"{TYPES}x0 + 2x1"
"""What a residue has beside its place: its type, and the vectors from CA to N and to C."""


class ComplexGraphs(NamedTuple):
    """A complex as the network and its loss take it.

    Attributes:
        ligand: The graph of the ligand, in its place in the complex.
        receptor: That of the receptor.
        pocket: ``(S, 3)``, the midpoints of alpha carbons of both proteins nearer than 8 angstrom.
        sites: ``(residues,)`` of both, bool: the residues of those alpha carbons.
    """

    ligand: ResidueGraph
    receptor: ResidueGraph
    pocket: Tensor
    sites: tuple[Tensor, Tensor]


class ComplexPoints(NamedTuple):
    """The backbones of a complex in its place, about the receptor's center: ``(n, 3, 3)``, float32, and types."""

    ligand: Tensor
    ligand_types: Tensor
    receptor: Tensor
    receptor_types: Tensor


def complex_points(each: Complex) -> ComplexPoints:
    """The backbones of a complex."""
    one, two = backbone(each.ligand), backbone(each.receptor)
    center = two.positions[:, 1].mean(0)
    return ComplexPoints((one.positions - center).float(), one.types, (two.positions - center).float(), two.types)


def complex_graphs(points: ComplexPoints, k: int, shifts: Tensor | None = None) -> ComplexGraphs:
    """The graphs of a complex; its interface is that of the residues before they are shifted.

    Args:
        points: The backbones.
        k: Neighbors of a residue.
        shifts: Noise: of the residues of ligand and receptor, ``(n + m, 3)``.
    """
    near = torch.cdist(points.ligand[:, 1], points.receptor[:, 1]) < CONTACT
    i, j = near.nonzero().unbind(1)
    pocket = (points.ligand[i, 1] + points.receptor[j, 1]) / 2
    sides = [points.ligand, points.receptor]
    if shifts is not None:
        sides = [x + s[:, None] for x, s in zip(sides, shifts.to(sides[0]).split([len(x) for x in sides]), strict=True)]
    one, two = (
        residue_graph(side, types, k=min(k, max(len(types) - 1, 1)))
        for side, types in zip(sides, (points.ligand_types, points.receptor_types), strict=True)
    )
    return ComplexGraphs(one, two, pocket, (near.any(1), near.any(0)))


class PoseMatrix(nn.Module):
    """The motion of a network of two proteins as a matrix ``(4, 4)``.

    A protein is a cloud of alpha carbons whose features are one-hot residue types and the vectors to N and C.

    Law: with the proteins moved by g and h it becomes h M g^-1, with the proteins exchanged M^-1.
    """

    def __init__(self, network: EquiDock, k: int) -> None:
        super().__init__()
        self.network, self.k = network, k
        vector, points = SO3().vector, PointCloud(SO3().rep(_REP))
        self.action_in = PairAction(points, points, swap=True)
        self.action_out = Maps(vector, vector, translations=True)

    def forward(self, ligand: tuple[Tensor, Tensor], receptor: tuple[Tensor, Tensor]) -> Tensor:
        """``(4, 4)``; each protein as features ``(n, 27)`` and positions ``(n, 3)``."""
        return motion_matrix(self.network(self._graph(*ligand), self._graph(*receptor)).motion)

    def _graph(self, features: Tensor, positions: Tensor) -> ResidueGraph:
        offsets = features[:, TYPES:].reshape(-1, 2, 3)
        points = torch.stack([positions + offsets[:, 0], positions, positions + offsets[:, 1]], dim=1)
        return residue_graph(points, features[:, :TYPES].argmax(1), k=min(self.k, max(len(points) - 1, 1)))


def cloud_of(structure: Structure) -> tuple[Tensor, Tensor]:
    """A protein as `PoseMatrix` takes it, float64."""
    points, types, _ = backbone(structure)
    offsets = points[:, (0, 2)] - points[:, 1:2]
    one_hot = nn.functional.one_hot(types, TYPES).to(points)
    return torch.cat([one_hot, offsets.flatten(1)], dim=1), points[:, 1]


def placed(ligand: Tensor, receptor: Tensor, pose: DockedPose) -> RigidMotion:
    """The motion after which the sites that a network sees face one another and no alpha carbons clash, float64.

    Args:
        ligand: The alpha carbons of the ligand that the network has seen, ``(n, 3)``.
        receptor: Those of the receptor.
        pose: Of the network; the sites are the means of its attention.
    """
    one, two = (points.detach().double().cpu() for points in (ligand, receptor))
    weights = [attention.detach().double().cpu().exp() for attention in pose.attention]
    sites, centers = (weights[0] @ one, weights[1] @ two), (one.mean(0), two.mean(0))
    given = RigidMotion(*(part.detach().double().cpu() for part in pose.motion))
    facing = face(given, sites, centers)
    away = separate(one @ facing.rotation.mT + facing.translation, two)
    return RigidMotion(away.rotation @ facing.rotation, away.rotation @ facing.translation + away.translation)


def motion_matrix(motion: RigidMotion) -> Tensor:
    """A motion as a matrix ``(4, 4)``."""
    top = torch.cat([motion.rotation, motion.translation[:, None]], dim=1)
    return torch.cat([top, top.new_tensor([[0.0, 0, 0, 1]])])


def build_network(config: dict[str, Any]) -> EquiDock:
    """The network that a configuration describes: "hidden", "layers", "keypoints"."""
    return EquiDock(TYPES, config["hidden"], config["layers"], config["keypoints"], dropout=config.get("dropout", 0.0))


def network_text(config: dict[str, Any], parameters: int) -> str:
    """The network in words."""
    return (
        f"EquiDock, {config['layers']} layers of {config['hidden']} channels, {config['keypoints']} keypoints; "
        f"{parameters:,} parameters"
    )
