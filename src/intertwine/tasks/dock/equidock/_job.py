"""The training job on docking: graphs of complexes, EquiDock's network and its losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from intertwine.data import Split
from intertwine.models.equidock import DockedPose, intersection_loss, keypoint_loss, site_loss
from intertwine.ops import RigidMotion
from intertwine.tasks.dock import count_clashes, superposed_rmsd
from intertwine.tasks.dock.equidock._complexes import ComplexSet
from intertwine.tasks.dock.equidock._graphs import (
    ComplexGraphs,
    build_network,
    complex_graphs,
    complex_points,
    placed,
)
from intertwine.training import normal_per_example

Batch = list[ComplexGraphs]
_SCALE = 1_000.0
"""The losses are divided by it, in squares of angstrom."""


class DockJob:
    """Complexes, a network, EquiDock's loss and one of its attention.

    The mean square distance of the ligand's alpha carbons from their places, the cost of the optimal transport of
    keypoints to the interface, and the depth to which the proteins intersect; and, not published, how far the residues
    that the keypoints are read from are those of the interface. Proteins are seen in their places: the network is
    bi-equivariant, so turning them changes nothing.
    """

    task = "dock"
    monitor = "complex"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], complexes: ComplexSet) -> None:
        self.config, self.split = config, split
        parts = Split.from_json(split)
        self.held_out = complexes.select(parts.test if len(parts.test) else parts.validation)
        self._neighbors = config["network"]["neighbors"]
        train, validation = (complexes.select(part).complexes for part in (parts.train, parts.validation))
        self._train = [complex_points(each) for each in train]
        self._validation = [complex_graphs(complex_points(each), self._neighbors) for each in validation]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.network = build_network(config["network"])
        self.model: nn.Module = self.network

    def train_size(self) -> int:
        """Complexes in an epoch."""
        return len(self._train)

    def validation_size(self) -> int:
        """Complexes to validate on."""
        return len(self._validation)

    def train_batch(self, indices: Tensor, seed: int) -> Batch:
        """Training complexes whose residues are shifted at random."""
        found = []
        for index in indices:
            points = self._train[int(index)]
            count = len(points.ligand) + len(points.receptor)
            numbers = normal_per_example(seed, index[None], 3 * count).reshape(count, 3)
            found.append(complex_graphs(points, self._neighbors, self.config["noise"] * numbers))
        return found

    def validation_batch(self, indices: Tensor) -> Batch:
        """Validation complexes."""
        return [self._validation[k] for k in indices.tolist()]

    def loss(self, batch: Batch) -> tuple[Tensor, int]:
        """The sum over complexes of the losses, and how many there are."""
        return torch.stack([self._losses(each) for each in batch]).sum(), len(batch)

    @torch.no_grad()
    def metrics(self, batch: Batch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; complex RMSD in angstrom ("complex": without clashes; the network alone).

        The clashing pairs of alpha carbons are those of the network alone, too.
        """
        rows = []
        for each in batch:
            pose = self.network(each.ligand, each.receptor)
            points = each.ligand.positions, each.receptor.positions
            alone = _moved(points[0], pose.motion)
            rmsds = [_complex_rmsd(moved, *points) for moved in (_moved(points[0], placed(*points, pose)), alone)]
            clashes = count_clashes(alone.numpy(), points[1].double().cpu().numpy())
            rows.append((float(self._loss_of(each, pose)), *rmsds, float(clashes)))
        totals = torch.tensor(rows, dtype=torch.float64).sum(0)
        names = ("loss", "complex", "network", "clashes")
        return {name: (total, len(batch)) for name, total in zip(names, totals, strict=True)}

    def _losses(self, each: ComplexGraphs) -> Tensor:
        return self._loss_of(each, self.network(each.ligand, each.receptor))

    def _loss_of(self, each: ComplexGraphs, pose: DockedPose) -> Tensor:
        weights = self.config["loss"]
        true = each.ligand.positions
        moved = true @ pose.motion.rotation.mT + pose.motion.translation
        total: Tensor = (moved - true).square().sum(1).mean()
        if len(each.pocket) and weights["keypoints"]:
            total = total + weights["keypoints"] * keypoint_loss(pose.keypoints, (each.pocket, each.pocket))
        if weights["intersection"]:
            total = total + weights["intersection"] * intersection_loss(moved, each.receptor.positions)
        if weights["sites"]:
            sites = [site_loss(*pair) for pair in zip(pose.attention, each.sites, strict=True)]
            total = total + weights["sites"] * torch.stack(sites).sum()
        return total / _SCALE


def _moved(points: Tensor, motion: RigidMotion) -> Tensor:
    rotation, translation = (part.double().cpu() for part in motion)
    return points.double().cpu() @ rotation.mT + translation


def _complex_rmsd(moved: Tensor, ligand: Tensor, receptor: Tensor) -> float:
    true, fixed = (points.double().cpu() for points in (ligand, receptor))
    return superposed_rmsd(torch.cat([moved, fixed]).numpy(), torch.cat([true, fixed]).numpy())
