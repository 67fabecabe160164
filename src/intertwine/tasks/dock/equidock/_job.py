"""The training job on docking: graphs of complexes, EquiDock's network and its losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from intertwine.data import Split
from intertwine.models.equidock import intersection_loss, keypoint_loss
from intertwine.tasks.dock import count_clashes, superposed_rmsd
from intertwine.tasks.dock.equidock._complexes import ComplexSet
from intertwine.tasks.dock.equidock._graphs import ComplexGraphs, build_network, complex_graphs

Batch = list[ComplexGraphs]
_SCALE = 100.0
"""The losses are divided by it: squares of 10 angstrom."""


class DockJob:
    """Complexes, a network, and EquiDock's loss.

    The mean square distance of the ligand's alpha carbons from their places, the cost of the optimal transport of
    keypoints to the interface, and the depth to which the proteins intersect. Proteins are seen in their places: the
    network is bi-equivariant, so turning them changes nothing.
    """

    task = "dock"
    monitor = "complex"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], complexes: ComplexSet) -> None:
        self.config, self.split = config, split
        parts = Split.from_json(split)
        self.held_out = complexes.select(parts.test if len(parts.test) else parts.validation)
        k = config["network"]["neighbors"]
        self._train, self._validation = (
            [complex_graphs(each, k) for each in complexes.select(part).complexes]
            for part in (parts.train, parts.validation)
        )
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
        """Training complexes; nothing is drawn."""
        return [self._train[k] for k in indices.tolist()]

    def validation_batch(self, indices: Tensor) -> Batch:
        """Validation complexes."""
        return [self._validation[k] for k in indices.tolist()]

    def loss(self, batch: Batch) -> tuple[Tensor, int]:
        """The sum over complexes of the losses, and how many there are."""
        return torch.stack([self._losses(each) for each in batch]).sum(), len(batch)

    @torch.no_grad()
    def metrics(self, batch: Batch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss, the complex RMSD in angstrom, clashing pairs of alpha carbons."""
        rows = []
        for each in batch:
            moved, receptor = self._moved(each).double().numpy(), each.receptor.positions.double().numpy()
            true = each.ligand.positions.double().numpy()
            rmsd = superposed_rmsd(np.vstack([moved, receptor]), np.vstack([true, receptor]))
            rows.append((float(self._losses(each)), rmsd, float(count_clashes(moved, receptor))))
        totals = torch.tensor(rows, dtype=torch.float64).sum(0)
        return {name: (total, len(batch)) for name, total in zip(("loss", "complex", "clashes"), totals, strict=True)}

    def _moved(self, each: ComplexGraphs) -> Tensor:
        motion = self.network(each.ligand, each.receptor).motion
        moved: Tensor = each.ligand.positions @ motion.rotation.mT + motion.translation
        return moved

    def _losses(self, each: ComplexGraphs) -> Tensor:
        pose, weights = self.network(each.ligand, each.receptor), self.config["loss"]
        true = each.ligand.positions
        moved = true @ pose.motion.rotation.mT + pose.motion.translation
        total: Tensor = (moved - true).square().sum(1).mean()
        if len(each.pocket) and weights["keypoints"]:
            total = total + weights["keypoints"] * keypoint_loss(pose.keypoints, (each.pocket, each.pocket))
        if weights["intersection"]:
            total = total + weights["intersection"] * intersection_loss(moved, each.receptor.positions)
        return total / _SCALE
