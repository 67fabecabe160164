"""The training job on networks: batches of weights, a loss, and metrics."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from intertwine.data import NetworkSet, Split
from intertwine.nn import Weights
from intertwine.tasks.weights._augment import WeightAugmentation
from intertwine.tasks.weights._network import arrays_of, make_network, permuted_weights, weight_space

_STATISTICS = 5000
"""The most networks that means and scales are measured on."""


class LabeledWeights(NamedTuple):
    """The arrays of a batch of networks, and a label for each."""

    weights: Weights
    labels: Tensor


class WeightJob:
    """Networks, a model that reads their weights, and the loss of what is predicted.

    In validation the mean relative change of the outputs by a random permutation of the hidden features is the "drift":
    zero up to rounding for an equivariant model.
    """

    task = "weights"
    monitor = "loss"

    def __init__(self, config: dict[str, Any], split: dict[str, Any], networks: NetworkSet) -> None:
        self.config, self.split, self.space = config, split, weight_space(config)
        subsets, target = Split.from_json(split), config["target"]
        self.held_out = networks.select(subsets.test if len(subsets.test) else subsets.validation)
        self._field = "values" if target["kind"] == "numbers" else "classes"
        self._train, self._validation = (self._arrays(networks, part) for part in (subsets.train, subsets.validation))
        self.score = "mae" if target["kind"] == "numbers" else "accuracy"
        self.augmentation = WeightAugmentation(config["augment"], self.space)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            model = make_network(config)
        model.set_statistics(tuple(x[:_STATISTICS] for x in self._train.weights))
        self.model: nn.Module = model

    def _arrays(self, networks: NetworkSet, indices: Tensor) -> LabeledWeights:
        some = networks.select(indices)
        return LabeledWeights(arrays_of(self.space, some.weights), some.labels[self._field])

    def train_size(self) -> int:
        """How many networks there are to train on."""
        return len(self._train.labels)

    def validation_size(self) -> int:
        """How many networks there are to validate on."""
        return len(self._validation.labels)

    def train_batch(self, indices: Tensor, seed: int) -> LabeledWeights:
        """These training networks, changed at random."""
        weights = tuple(x[indices] for x in self._train.weights)
        return LabeledWeights(self.augmentation(weights, indices, seed), self._train.labels[indices])

    def validation_batch(self, indices: Tensor) -> LabeledWeights:
        """These validation networks."""
        return LabeledWeights(tuple(x[indices] for x in self._validation.weights), self._validation.labels[indices])

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """(B,) cross-entropies, or half squares of standardized errors."""
        target = self.config["target"]
        if target["kind"] == "numbers":
            truth = ((labels - target["mean"]) / target["spread"]).to(outputs.dtype)
            squares: Tensor = (outputs[:, 0] - truth).square() / 2
            return squares
        return cross_entropy(outputs, labels, reduction="none", label_smoothing=self.config["smoothing"])

    def scores(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """(B,) float64: whether the class is right, or the absolute error in the unit of the labels."""
        target = self.config["target"]
        if target["kind"] == "numbers":
            errors: Tensor = (number_of(outputs, target) - labels).abs()
            return errors
        return (outputs.argmax(1) == labels).double()

    def loss(self, batch: LabeledWeights) -> tuple[Tensor, int]:
        """The sum over networks of the loss, and how many there are."""
        return self.losses(self.model(*batch.weights), batch.labels).sum(), len(batch.labels)

    def metrics(self, batch: LabeledWeights) -> dict[str, tuple[Tensor, int]]:
        """Sums and counts: the loss; the score, as given and permuted; the drift."""
        outputs = self.model(*batch.weights)
        permuted = self.model(*permuted_weights(self.space, batch.weights, seed=0))
        values = {
            "loss": self.losses(outputs, batch.labels),
            self.score: self.scores(outputs, batch.labels),
            "permuted": self.scores(permuted, batch.labels),
            "drift": relative_change(permuted, outputs),
        }
        return {name: (each.sum(), len(batch.labels)) for name, each in values.items()}


def number_of(outputs: Tensor, target: dict[str, Any]) -> Tensor:
    """(B,) float64, predicted numbers in the unit of the labels."""
    values: Tensor = target["mean"] + target["spread"] * outputs[:, 0].double()
    return values


def relative_change(changed: Tensor, given: Tensor) -> Tensor:
    """(B,) float64: the norm of a change of the outputs over the norm of the outputs."""
    difference, size = (part.double().norm(dim=1) for part in (changed - given, given))
    relative: Tensor = difference / size.clamp_min(1e-12)
    return relative
