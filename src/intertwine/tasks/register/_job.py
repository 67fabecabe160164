"""The training job on registration: pairs of views, and losses on the matches of a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from intertwine.data import PointCloudSet, Split
from intertwine.models.pair import SoftMatches
from intertwine.ops.alignment import RigidMotion
from intertwine.tasks.register._evaluation import ANGLE, GAP, motion_errors
from intertwine.tasks.register._network import build_network, motion_matrices
from intertwine.tasks.register._pairs import PairBatch, collate, draw_pairs
from intertwine.tasks.register._source import shapes_of

_VALIDATION_SEED, _VALIDATION_PAIRS = 1, 4
_PARTNER, _ALONE = 0.75, 1.5
"""Points within the first of the other cloud have a partner, beyond the second none; in spacings of the points."""
_SMALLEST = 1e-9
"""Weights below this do not count as smaller in a loss."""


class RegisterJob:
    """Shapes, a network, and the sum of the losses of superpoints and of points on random pairs of views.

    Each is the negative logarithm of the weight that a point with a partner gives to its partners, and that one
    without gives to none. Motions are what the matches agree on; they have no loss of their own.
    """

    task = "register"
    monitor = "loss"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], clouds: PointCloudSet) -> None:
        self.config, self.split = config, split
        subsets, self._settings = Split.from_json(split), config["pairs"]
        self.held_out = clouds.select(subsets.test if len(subsets.test) else subsets.validation)
        self._train, self._validation = (shapes_of(clouds.select(part)) for part in (subsets.train, subsets.validation))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.network = build_network(config["network"])
        self.model: nn.Module = self.network

    def train_size(self) -> int:
        """Pairs in an epoch."""
        return len(self._train) * int(self._settings["per_shape"])

    def validation_size(self) -> int:
        """Pairs to validate on, the same in every epoch."""
        return len(self._validation) * _VALIDATION_PAIRS

    def train_batch(self, indices: Tensor, seed: int) -> PairBatch:
        """Random pairs of views of training shapes."""
        shapes = [self._train[index // self._settings["per_shape"]] for index in indices.tolist()]
        pairs = draw_pairs(shapes, indices, seed, self._settings)
        return collate(pairs, self._settings["points"], self.config["network"]["neighbors"])

    def validation_batch(self, indices: Tensor) -> PairBatch:
        """Fixed pairs of views of validation shapes."""
        shapes = [self._validation[index // _VALIDATION_PAIRS] for index in indices.tolist()]
        pairs = draw_pairs(shapes, indices, _VALIDATION_SEED, self._settings)
        return collate(pairs, self._settings["points"], self.config["network"]["neighbors"])

    def loss(self, batch: PairBatch) -> tuple[Tensor, int]:
        """The sum over pairs of the losses, and how many there are."""
        found = self.network.match(batch.first, batch.second)
        return _losses(found, batch).sum(), len(batch)

    @torch.no_grad()
    def metrics(self, batch: PairBatch) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts over pairs, of the network alone: loss, right matches, both errors, share of successes."""
        found = self.network.match(batch.first, batch.second)
        angles, gaps = motion_errors(
            motion_matrices(self.network.motions(found[1])),
            motion_matrices(batch.motion),
            torch.zeros_like(batch.motion.translation),
            batch.diameters,
        )
        success = (angles < ANGLE) & (gaps < GAP)
        values = {
            "loss": _losses(found, batch),
            "matched": matched(found[1], batch.motion),
            "rotation": angles,
            "translation": 100 * gaps,
            "success": success.to(angles),
        }
        return {name: (value.sum(), len(batch)) for name, value in values.items()}


def _losses(found: tuple[SoftMatches, SoftMatches], batch: PairBatch) -> Tensor:
    return match_losses(found[0], batch.motion) + match_losses(found[1], batch.motion)


def match_losses(found: SoftMatches, true: RigidMotion) -> Tensor:
    """The mean over points of the negative log-likelihood of their partners, ``(B,)``.

    Args:
        found: Soft matches.
        true: The true motions. A point of one cloud and one of the other are partners within 0.75 spacings of each
            other; points whose nearest other is between 0.75 and 1.5 spacings away do not count.

    Reference: Sarlin et al., SuperGlue, CVPR 2020, eq. 6, with several partners of a point.
    """
    gaps = _relative_gaps(found, true)
    partners = (gaps < _PARTNER).to(found.plan)
    total = found.plan.new_zeros(len(found.plan))
    for axis, mask in ((2, found.mask_1), (1, found.mask_2)):
        weight, whole = (found.plan * partners).sum(axis), found.plan.sum(axis)
        nearest = gaps.amin(axis)
        has, alone = (nearest < _PARTNER) & mask, (nearest > _ALONE) & mask
        terms = has * weight.clamp_min(_SMALLEST).log() + alone * (1 - whole).clamp_min(_SMALLEST).log()
        total = total - terms.sum(1) / (has | alone).sum(1).clamp_min(1)
    return total / 2


def matched(found: SoftMatches, true: RigidMotion) -> Tensor:
    """The share of the points with a partner whose heaviest match is one, ``(B,)``."""
    gaps = _relative_gaps(found, true)
    right = total = found.plan.new_zeros(len(found.plan))
    for axis in (2, 1):
        has = gaps.amin(axis) < _PARTNER
        best = gaps.gather(axis, found.plan.argmax(axis, keepdim=True)).squeeze(axis)
        right, total = right + (has & (best < _PARTNER)).sum(1), total + has.sum(1)
    return right / total.clamp_min(1)


def _relative_gaps(found: SoftMatches, true: RigidMotion) -> Tensor:
    """Distances ``(B, n, m)`` after the true motions, in spacings of the points."""
    valid = found.mask_1[:, :, None] & found.mask_2[:, None]
    gaps = torch.cdist(_moved(found.points_1, true), found.points_2).masked_fill(~valid, torch.inf)
    spacing = torch.maximum(_spacing(found.points_1, found.mask_1), _spacing(found.points_2, found.mask_2))
    return gaps / spacing[:, None, None]


def _moved(points: Tensor, motion: RigidMotion) -> Tensor:
    return points @ motion.rotation.mT + motion.translation[:, None]


def _spacing(points: Tensor, mask: Tensor) -> Tensor:
    """The mean distance of a point to the nearest other one of its cloud, ``(B,)``."""
    same = torch.eye(points.shape[1], dtype=torch.bool, device=points.device) | ~mask[:, None]
    nearest = torch.cdist(points, points).masked_fill(same, torch.inf).amin(2)
    known = mask & nearest.isfinite()
    return (nearest.masked_fill(~known, 0).sum(1) / known.sum(1).clamp_min(1)).clamp_min(1e-6)
