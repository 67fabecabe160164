"""The training job on keypoints: a policy gradient for the detector, a triplet loss for the descriptor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.data import Split
from intertwine.ops import sample_keypoints, sampling_log_probabilities
from intertwine.tasks.keypoints._evaluation import score_pair
from intertwine.tasks.keypoints._network import MARGIN, KeypointNetwork
from intertwine.tasks.keypoints._pairs import ImagePairs, random_pairs, warp_points
from intertwine.tasks.keypoints._photos import PhotoSet

_VALIDATION_SEED = 1
_VALIDATION_PAIRS = 4
"""Pairs of each photo in validation."""
_MARGIN = 1.0
"""Of the triplet loss."""


class KeypointJob:
    """Photos, a network, and two losses on random pairs of windows.

    Detector: keypoints are drawn one after the other from the softmax of the score map, in both windows; each has the
    reward one if the other window has one within the tolerance of its place there, else zero. Its gradient is that of
    REINFORCE with the reward of each keypoint alone (not of those after it), and with the mean reward of the other
    pairs as baseline. Descriptor: a triplet loss with the hardest
    negatives of the batch, on those keypoints that were drawn in both windows. It does not move the detector.
    """

    task = "keypoints"
    monitor = "missed"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], photos: PhotoSet) -> None:
        self.config, self.split = config, split
        subsets = Split.from_json(split)
        self.held_out = photos.select(subsets.test if len(subsets.test) else subsets.validation)
        self._train, self._validation = photos.select(subsets.train), photos.select(subsets.validation)
        self._settings = config["training"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            self.network = KeypointNetwork(config["network"])
        self.model: nn.Module = self.network
        self.frozen = config["detector"] is not None
        if self.frozen:
            self.network.detector.requires_grad_(False)

    def train_size(self) -> int:
        """Pairs in an epoch."""
        return int(len(self._train) * self._settings["pairs"])

    def validation_size(self) -> int:
        """Pairs to validate on, the same in every epoch."""
        return len(self._validation) * _VALIDATION_PAIRS

    def train_batch(self, indices: Tensor, seed: int) -> ImagePairs:
        """Random pairs of windows of training photos."""
        photos = [self._train.pixels[index // self._settings["pairs"]] for index in indices.tolist()]
        return random_pairs(
            photos, indices, seed, self._settings["crop"], degrees=self._settings["rotation"], noise=True
        )

    def validation_batch(self, indices: Tensor) -> ImagePairs:
        """Fixed pairs of windows of validation photos, turned by any angle."""
        photos = [self._validation.pixels[index // _VALIDATION_PAIRS] for index in indices.tolist()]
        return random_pairs(photos, indices, _VALIDATION_SEED, self._settings["crop"], noise=False)

    def loss(self, batch: ImagePairs) -> tuple[Tensor, int]:
        """The sum over pairs of both losses."""
        images = torch.cat((batch.first, batch.second))[:, None]
        if self.frozen:
            self.network.detector.eval()
        scores = self.network(images)[:, 0]
        homographies = torch.cat((batch.homographies, torch.linalg.inv(batch.homographies)))
        drawn = sample_keypoints(
            scores.detach(),
            visible_pixels(homographies, scores.shape[-1], MARGIN),
            self._settings["samples"],
            self.network.radius,
            batch.gumbel.flatten(0, 1),
        )
        positions = torch.stack((drawn.pixels % scores.shape[-1], drawn.pixels // scores.shape[-1]), -1).double()
        distances = partner_distances(positions, drawn.valid, homographies)
        rewards = (distances.amin(2) <= self._settings["tolerance"]) & drawn.valid
        described = self._descriptor_loss(images[:, 0], positions, drawn.valid, distances)
        total = described * len(batch)
        if not self.frozen:
            logarithms = sampling_log_probabilities(scores, drawn)
            total = total + policy_loss(logarithms, rewards, drawn.valid).sum()
        return total, len(batch)

    def _descriptor_loss(self, images: Tensor, positions: Tensor, valid: Tensor, distances: Tensor) -> Tensor:
        """The mean triplet loss of the keypoints that both windows have."""
        size = len(images) // 2
        pairs = [mutual_pairs(distances[b], distances[size + b], self._settings["tolerance"]) for b in range(size)]
        chosen = [(positions[b, p[:, 0]], positions[size + b, p[:, 1]]) for b, p in enumerate(pairs)]
        first, second = (
            torch.cat([self.network.patches(images[side * size + b], chosen[b][side]) for b in range(size)])
            for side in (0, 1)
        )
        if len(first) < 2:
            return sum(parameter.sum() * 0 for parameter in self.network.descriptor.parameters()) + images.new_zeros(())
        found = self.network.descriptor(torch.cat((first, second))).descriptors
        places = torch.cat([part[0] for part in chosen])
        owner = torch.repeat_interleave(torch.arange(size), torch.tensor([len(p) for p in pairs]))
        near = (owner[:, None] == owner) & (torch.cdist(places, places) < 2 * self.network.radius)
        return triplet_loss(found[: len(first)], found[len(first) :], near).mean()

    @torch.no_grad()
    def metrics(self, batch: ImagePairs) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts over pairs: repeatability, accuracy, and the share of keypoints without a right match."""
        size, count = batch.first.shape[-1], self._settings["samples"]
        totals = torch.zeros(3, dtype=torch.float64)
        for first, second, homography in zip(batch.first, batch.second, batch.homographies, strict=True):
            one, other = (self.network.extract(image, count) for image in (first, second))
            score = score_pair(one, other, homography, [(size, size)] * 2, self._settings["tolerance"])
            totals += torch.tensor([score.repeatability, score.accuracy, 1 - score.matching_score])
        names = ("repeatability", "accuracy", "missed")
        return {name: (value, len(batch)) for name, value in zip(names, totals, strict=True)}


def visible_pixels(homographies: Tensor, size: int, margin: int) -> Tensor:
    """``(B, S, S)`` bool: which pixels the other window shows, both away from the border.

    Args:
        homographies: ``(B, 3, 3)``, to the other window.
        size: Side of both.
        margin: In pixels.
    """
    axis = torch.arange(size, dtype=torch.float64)
    points = torch.stack((axis.expand(size, size), axis[:, None].expand(size, size)), -1).reshape(1, -1, 2)
    there = warp_points(points.expand(len(homographies), -1, -1), homographies)
    low, high = margin, size - 1 - margin
    inside = ((points >= low) & (points <= high) & (there >= low) & (there <= high)).all(-1)
    return inside.reshape(-1, size, size)


def partner_distances(positions: Tensor, valid: Tensor, homographies: Tensor) -> Tensor:
    """Distances of keypoints of each window, moved into the other, to those of the other.

    Args:
        positions: ``(2 B, T, 2)``, first windows, then second ones.
        valid: ``(2 B, T)``.
        homographies: ``(2 B, 3, 3)``, to the other window.

    Returns:
        ``(2 B, T, T)``; infinite where one of them is not valid.
    """
    there = warp_points(positions, homographies)
    found = torch.cdist(there, positions.roll(len(positions) // 2, 0))
    known = valid[:, :, None] & valid.roll(len(valid) // 2, 0)[:, None]
    return found.masked_fill(~known, torch.inf)


def policy_loss(logarithms: Tensor, rewards: Tensor, valid: Tensor) -> Tensor:
    """The loss whose gradient is that of REINFORCE, with the mean reward of the other pairs as baseline.

        sum_t (R_t - b) log p_t / T

    Args:
        logarithms: ``(2 B, T)``, log p of each keypoint; first windows, then second ones.
        rewards: ``(2 B, T)`` bool.
        valid: ``(2 B, T)`` bool.

    Returns:
        ``(2 B,)``.

    Reference: Williams, Machine Learning 8 (1992) 229, eq. 3.
    """
    kept = valid.to(logarithms.dtype)
    values = rewards.to(logarithms.dtype) * kept
    sums, counts = ((part.sum(1) + part.sum(1).roll(len(part) // 2, 0)) for part in (values, kept))
    others, among = values.sum() - sums, kept.sum() - counts
    baseline = (others / among.clamp_min(1))[:, None]
    losses: Tensor = -((values - baseline) * kept * logarithms).sum(1) / logarithms.shape[1]
    return losses


def mutual_pairs(there: Tensor, back: Tensor, tolerance: float) -> Tensor:
    """Indices ``(K, 2)`` of keypoints that are the nearest of each other, within the tolerance.

    Args:
        there: ``(T, T)``, distances of the first ones, moved, to the second ones.
        back: ``(T, T)``, those of the second ones, moved, to the first ones.
        tolerance: In pixels.
    """
    distance, partner = there.min(1)
    mutual = back.argmin(1)[partner] == torch.arange(len(there))
    index = (mutual & (distance <= tolerance)).nonzero()[:, 0]
    return torch.stack((index, partner[index]), 1)


def triplet_loss(first: Tensor, second: Tensor, near: Tensor) -> Tensor:
    """Margin losses ``(N,)`` of matching descriptors, each against the hardest negative of the batch.

        max(0, 1 + |a_i - b_i| - min_{j != i} min(|a_i - b_j|, |a_j - b_i|))

    Args:
        first: ``(N, D)``, of unit norm.
        second: ``(N, D)``.
        near: ``(N, N)`` bool, pairs that are no negatives since they lie close together.

    Reference: Mishchuk et al., Working hard to know your neighbor's margins, NeurIPS 2017, eq. 1.
    """
    distances = (2 - 2 * first @ second.T).clamp_min(1e-6).sqrt()
    others = distances + 10.0 * near
    hardest = torch.minimum(others.amin(1), others.amin(0))
    losses: Tensor = functional.relu(_MARGIN + distances.diagonal() - hardest)
    return losses
